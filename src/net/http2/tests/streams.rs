//! The books of a connection, told frames.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use h2::Reason;
use h2::frame::{Data, Frame, Headers, Pseudo, Reset, Settings, StreamId, WindowUpdate};
use http::{HeaderMap, Method};

use crate::limits::{H2_NUISANCES_MAX, H2_RECEIVE_WINDOW_BYTES, H2_STREAMS_MAX};
use crate::net::http2::stream::H2Stream;
use crate::net::http2::streams::Streams;
use crate::push::Gone;

/// A connection whose peer has sent these settings.
fn connection(settings: Settings) -> Streams {
    let mut streams = Streams::new(Settings::default());
    streams.receive(settings.into()).unwrap();
    streams.take_replies();
    streams
}

fn window(bytes: u32) -> Settings {
    let mut settings = Settings::default();
    settings.set_initial_window_size(Some(bytes));
    settings
}

fn headers(id: u32, ends: bool) -> Frame {
    headers_with(id, HeaderMap::new(), ends)
}

fn headers_with(id: u32, fields: HeaderMap, ends: bool) -> Frame {
    let pseudo = Pseudo::request(Method::POST, "http://h/".parse().unwrap(), None);
    let mut headers = Headers::new(id.into(), pseudo, fields);
    if ends {
        headers.set_end_stream();
    }
    headers.into()
}

fn data(id: u32, bytes: usize, ends: bool) -> Frame {
    let mut data = Data::new(id.into(), Bytes::from(vec![0; bytes]));
    data.set_end_stream(ends);
    data.into()
}

fn open(streams: &mut Streams, id: u32) -> Rc<H2Stream> {
    streams.receive(headers(id, false)).unwrap().expect("a request begins").stream
}

fn update(id: u32, bytes: u32) -> Frame {
    WindowUpdate::new(id.into(), bytes).into()
}

fn resets(streams: &mut Streams) -> Vec<(u32, Reason)> {
    let replies = streams.take_replies().into_iter();
    replies
        .filter_map(|frame| match frame {
            Frame::Reset(reset) => Some((reset.stream_id().into(), reset.reason())),
            _ => None,
        })
        .collect()
}

fn updates(streams: &mut Streams) -> Vec<(u32, u32)> {
    let replies = streams.take_replies().into_iter();
    replies
        .filter_map(|frame| match frame {
            Frame::WindowUpdate(update) => Some((update.stream_id().into(), update.size_increment())),
            _ => None,
        })
        .collect()
}

/// Counts its wake-ups, and notes when each came.
struct Counted(AtomicUsize, Arc<AtomicUsize>);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.store(self.1.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

#[test]
fn settings_come_first() {
    let mut streams = Streams::new(Settings::default());
    assert!(matches!(&streams.take_replies()[..], [Frame::Settings(_), Frame::WindowUpdate(_)]));
    assert_eq!(streams.receive(headers(1, true)).err(), Some(Reason::PROTOCOL_ERROR));
    let mut streams = connection(Settings::default());
    assert!(streams.receive(headers(1, true)).unwrap().is_some());
}

#[test]
fn sending_is_bounded_by_both_windows() {
    let mut streams = connection(window(40_000));
    let (one, two) = (open(&mut streams, 1), open(&mut streams, 3));
    assert_eq!(streams.window(&one), 40_000);
    streams.sent(&one, 40_000);
    assert_eq!((streams.window(&one), streams.window(&two)), (0, 25_535), "the connection's is shared");
    streams.receive(update(1, 10)).unwrap();
    assert_eq!(streams.window(&one), 10);
    streams.receive(update(0, 100_000)).unwrap();
    assert_eq!(streams.window(&two), 40_000);
    // A smaller initial window may leave less than nothing.
    streams.receive(window(100).into()).unwrap();
    assert_eq!((streams.window(&one), streams.window(&two)), (0, 100));
    streams.receive(update(1, 39_990)).unwrap();
    assert_eq!(streams.window(&one), 100);
}

#[test]
fn windows_past_their_bound_are_refused() {
    let mut streams = connection(window(1000));
    open(&mut streams, 1);
    streams.receive(update(1, (1 << 31) - 1)).unwrap();
    assert_eq!(resets(&mut streams), [(1, Reason::FLOW_CONTROL_ERROR)]);
    assert_eq!(streams.receive(update(0, (1 << 31) - 1)).err(), Some(Reason::FLOW_CONTROL_ERROR));
    let mut streams = connection(window(1000));
    open(&mut streams, 1);
    streams.receive(update(1, 1 << 30)).unwrap();
    let grown = streams.receive(window((1 << 31) - 1).into());
    assert_eq!(grown.err(), Some(Reason::FLOW_CONTROL_ERROR));
}

#[test]
fn of_those_that_wait_for_the_shared_window_the_least_served_is_first() {
    let mut streams = connection(window(100_000));
    let all = [open(&mut streams, 1), open(&mut streams, 3), open(&mut streams, 5)];
    streams.sent(&all[2], 1);
    streams.sent(&all[0], 65_534);
    let order = Arc::new(AtomicUsize::new(0));
    let woken: Vec<_> = all.iter().map(|_| Arc::new(Counted(0.into(), Arc::clone(&order)))).collect();
    let poll = |streams: &mut Streams, at: usize| {
        let waker = Waker::from(Arc::clone(&woken[at]));
        streams.poll_room(&all[at], usize::MAX, &mut Context::from_waker(&waker))
    };
    for at in 0..3 {
        assert_eq!(poll(&mut streams, at), Poll::Pending);
    }
    streams.receive(update(0, 10)).unwrap();
    let turns: Vec<_> = woken.iter().map(|woken| woken.0.load(Ordering::Relaxed)).collect();
    assert_eq!(turns, [3, 1, 2]);
    assert_eq!(poll(&mut streams, 1), Poll::Ready(Ok(10)));
    streams.receive(Reset::new(3.into(), Reason::CANCEL).into()).unwrap();
    assert_eq!(poll(&mut streams, 1), Poll::Ready(Err(Gone)));
}

#[test]
fn windows_are_given_back_as_bodies_are_used_or_dropped() {
    let half = H2_RECEIVE_WINDOW_BYTES / 2;
    let mut streams = connection(Settings::default());
    let stream = open(&mut streams, 1);
    streams.receive(data(1, half as usize, false)).unwrap();
    assert!(updates(&mut streams).is_empty(), "nobody has read it");
    let read = stream.poll_body(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(read, Poll::Ready(Some(Ok(_)))));
    streams.used(&stream, half);
    assert_eq!(updates(&mut streams), [(1, half), (0, half)]);
    streams.receive(data(1, half as usize, true)).unwrap();
    streams.forget(&stream);
    assert_eq!(updates(&mut streams), [(0, half)], "unread, but no longer held");
}

#[test]
fn more_than_the_window_is_an_error() {
    let mut streams = connection(Settings::default());
    open(&mut streams, 1);
    streams.receive(data(1, H2_RECEIVE_WINDOW_BYTES as usize, false)).unwrap();
    assert_eq!(streams.receive(data(1, 1, false)).err(), Some(Reason::FLOW_CONTROL_ERROR));
}

#[test]
fn a_body_keeps_to_its_declared_length() {
    let declared = |id, ends| {
        let fields = [(http::header::CONTENT_LENGTH, http::HeaderValue::from(10))];
        headers_with(id, fields.into_iter().collect(), ends)
    };
    for (sent, ends) in [(11, false), (9, true)] {
        let mut streams = connection(Settings::default());
        streams.receive(declared(1, false)).unwrap();
        streams.receive(data(1, sent, ends)).unwrap();
        assert_eq!(resets(&mut streams), [(1, Reason::PROTOCOL_ERROR)]);
    }
    let mut streams = connection(Settings::default());
    assert!(streams.receive(declared(1, true)).unwrap().is_none());
    assert_eq!(resets(&mut streams), [(1, Reason::PROTOCOL_ERROR)]);
    // The whole body may be there before anyone has looked at the request.
    streams.receive(declared(3, false)).unwrap();
    streams.receive(data(3, 10, true)).unwrap();
    assert!(resets(&mut streams).is_empty());
}

#[test]
fn frames_for_streams_that_are_not_open_are_told_apart() {
    let mut streams = connection(Settings::default());
    let stream = open(&mut streams, 5);
    for idle in [data(7, 1, true), update(7, 1), Reset::new(7.into(), Reason::CANCEL).into()] {
        assert_eq!(streams.receive(idle).err(), Some(Reason::PROTOCOL_ERROR));
    }
    assert_eq!(
        streams.receive(headers(3, true)).err(),
        Some(Reason::PROTOCOL_ERROR),
        "streams only count up"
    );
    assert_eq!(streams.receive(headers(6, true)).err(), Some(Reason::PROTOCOL_ERROR), "a server's number");
    streams.forget(&stream);
    assert_eq!(resets(&mut streams), [(5, Reason::CANCEL)]);
    streams.receive(update(5, 1)).unwrap();
    streams.receive(data(5, 1, true)).unwrap();
    streams.receive(headers(5, true)).unwrap();
    assert_eq!(resets(&mut streams), [(5, Reason::STREAM_CLOSED); 2]);
}

#[test]
fn a_complete_answer_ends_a_request_that_is_not() {
    let mut streams = connection(Settings::default());
    let stream = open(&mut streams, 1);
    stream.local_ended.set(true);
    streams.forget(&stream);
    assert_eq!(resets(&mut streams), [(1, Reason::NO_ERROR)]);
    let whole = streams.receive(headers(3, true)).unwrap().unwrap().stream;
    whole.local_ended.set(true);
    streams.forget(&whole);
    assert!(resets(&mut streams).is_empty());
    assert_eq!(streams.receive(headers(3, true)).err(), Some(Reason::STREAM_CLOSED));
}

#[test]
fn a_peer_that_broke_a_stream_off_sends_nothing_more_on_it() {
    let mut streams = connection(Settings::default());
    open(&mut streams, 1);
    streams.receive(Reset::new(1.into(), Reason::CANCEL).into()).unwrap();
    streams.receive(data(1, 1, true)).unwrap();
    assert_eq!(resets(&mut streams), [(1, Reason::STREAM_CLOSED)]);
    // Broken off by us: it may not have heard of it.
    open(&mut streams, 3);
    streams.refuse(3.into(), Reason::PROTOCOL_ERROR).unwrap();
    streams.receive(data(3, 1, true)).unwrap();
    assert_eq!(resets(&mut streams), [(3, Reason::PROTOCOL_ERROR)]);
}

#[test]
fn streams_beyond_the_bound_and_in_a_drain_are_refused() {
    let mut streams = connection(Settings::default());
    let ids = (0..).map(|n| 2 * n + 1);
    let open: Vec<_> = ids.take(H2_STREAMS_MAX as usize).map(|id| open(&mut streams, id)).collect();
    let next = 2 * H2_STREAMS_MAX + 1;
    assert!(streams.receive(headers(next, true)).unwrap().is_none());
    assert_eq!(resets(&mut streams), [(next, Reason::REFUSED_STREAM)]);
    streams.drain();
    assert!(!streams.is_drained());
    open.iter().for_each(|stream| streams.forget(stream));
    assert!(streams.is_drained());
    streams.take_replies();
    assert!(streams.receive(headers(next + 2, true)).unwrap().is_none());
    assert_eq!(resets(&mut streams), [(next + 2, Reason::REFUSED_STREAM)]);
}

#[test]
fn a_peer_that_only_makes_work_is_told_to_calm_down() {
    let mut streams = connection(Settings::default());
    let mut id = 1;
    let mut reset_one = |streams: &mut Streams| {
        let stream = open(streams, id);
        let reset = streams.receive(Reset::new(id.into(), Reason::CANCEL).into());
        streams.forget(&stream);
        id += 2;
        reset.err()
    };
    for _ in 0..H2_NUISANCES_MAX {
        assert_eq!(reset_one(&mut streams), None);
    }
    assert_eq!(reset_one(&mut streams), Some(Reason::ENHANCE_YOUR_CALM));
    streams.forgive();
    assert_eq!(reset_one(&mut streams), None);
}

#[test]
fn the_end_of_the_connection_is_the_end_of_its_streams() {
    let mut streams = connection(Settings::default());
    let stream = open(&mut streams, 1);
    assert_eq!(streams.last(), StreamId::from(1));
    streams.close();
    assert_eq!(stream.poll_gone(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
    assert_eq!(streams.window(&stream), 0);
}
