//! An HTTP/2 connection as its streams see it: the frame codec, the books and the outbox, shared by the
//! task that drives the connection and by everything that answers on it.
//!
//! Frames go into the outbox at once and in order. When they leave is the caller's choice: now, or with
//! whatever else this turn of the loop brings.

use std::cell::{Cell, Ref, RefCell};
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream as _;
use h2::frame::{Frame, GoAway, Head, Headers, Kind, Ping, Pseudo, Settings};
use h2::proto::Error as CodecError;
use h2::{Codec, Reason};
use http::Response;

use super::Broken;
use super::outbox::{CodecSide, Outbox, outbox};
use super::stream::H2Stream;
use super::streams::{Opened, Streams};
use crate::limits::{
    H2_BACKLOG_BYTES_MAX, H2_FRAME_BYTES_MAX, H2_GRANT_BYTES_MAX, H2_HEADER_TABLE_BYTES_MAX,
    H2_RECEIVE_WINDOW_BYTES, H2_STREAMS_MAX, REQUEST_HEADER_BYTES_MAX,
};
use crate::net::outgoing::{Outgoing, Post};
use crate::net::transport::Transport;
use crate::push::Gone;

const END_STREAM: u8 = 0x1;
const FRAME_HEAD_BYTES: usize = 9;
const PING: [u8; 8] = *b"fanlight";

/// See the module's words.
pub(super) struct Link<IO> {
    codec: RefCell<Codec<CodecSide<IO>, Bytes>>,
    streams: RefCell<Streams>,
    outbox: Outbox<IO>,
    /// The connection's task.
    driver: RefCell<Waker>,
    driver_woken: Cell<bool>,
    outgoing: Rc<Outgoing>,
    is_posted: Cell<bool>,
}

impl<IO: Transport> Link<IO> {
    /// A link over a byte stream whose preface was read; our settings are the first thing to leave.
    pub(super) fn new(io: IO, outgoing: Rc<Outgoing>) -> Rc<Self> {
        let (side, outbox) = outbox(io, outgoing.unsent());
        let mut codec = Codec::with_max_recv_frame_size(side, H2_FRAME_BYTES_MAX as usize);
        codec.set_max_recv_header_list_size(REQUEST_HEADER_BYTES_MAX as usize);
        let link = Self {
            codec: RefCell::new(codec),
            streams: RefCell::new(Streams::new(settings())),
            outbox,
            driver: RefCell::new(Waker::noop().clone()),
            driver_woken: Cell::new(false),
            outgoing,
            is_posted: Cell::new(false),
        };
        link.send_replies();
        Rc::new(link)
    }

    /// The next request that begins. Ready with `None` at the end of what the peer sends.
    pub(super) fn poll_opened(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Opened, Broken>>> {
        // Beyond this the peer makes us say things it does not read.
        while self.outbox.backlog() < H2_BACKLOG_BYTES_MAX || self.poll_flush(cx)?.is_ready() {
            let polled = Pin::new(&mut *self.codec.borrow_mut()).poll_next(cx);
            let Some(frame) = ready!(polled) else { return Poll::Ready(None) };
            match self.take_in(frame) {
                Ok(None) => {}
                Ok(Some(opened)) => return Poll::Ready(Some(Ok(opened))),
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
        }
        Poll::Pending
    }

    fn take_in(&self, frame: Result<Frame, CodecError>) -> Result<Option<Opened>, Broken> {
        let taken = match frame {
            Ok(frame) => {
                self.note_settings(&frame);
                self.streams.borrow_mut().receive(frame)
            }
            Err(CodecError::Reset(id, reason, _)) => {
                self.streams.borrow_mut().refuse(id, reason).map(|()| None)
            }
            Err(CodecError::GoAway(_, reason, _)) => Err(reason),
            Err(CodecError::Io(kind, _)) => return Err(Broken::Io(kind.into())),
        };
        self.send_replies();
        taken.map_err(Broken::Protocol)
    }

    /// What of the peer's settings concerns the codec. Its header table may be smaller than it allows.
    fn note_settings(&self, frame: &Frame) {
        let Frame::Settings(settings) = frame else { return };
        let mut codec = self.codec.borrow_mut();
        if let Some(bytes) = settings.max_frame_size() {
            codec.set_max_send_frame_size(bytes as usize);
        }
        if let Some(bytes) = settings.header_table_size() {
            codec.set_send_header_table_size((bytes as usize).min(H2_HEADER_TABLE_BYTES_MAX));
        }
    }

    /// Queues a response's head.
    pub(super) fn send_head(&self, stream: &H2Stream, head: Response<()>, ends: bool) -> Result<(), Gone> {
        if stream.is_gone() {
            return Err(Gone);
        }
        let (parts, ()) = head.into_parts();
        let mut headers = Headers::new(stream.id, Pseudo::response(parts.status), parts.headers);
        if ends {
            headers.set_end_stream();
            stream.local_ended.set(true);
        }
        self.transmit(headers.into());
        Ok(())
    }

    /// Queues a piece of a response's body, which was granted.
    pub(super) fn send_data(&self, stream: &H2Stream, piece: Bytes, ends: bool) -> Result<(), Gone> {
        if stream.is_gone() {
            return Err(Gone);
        }
        self.streams.borrow_mut().sent(stream, piece.len());
        stream.local_ended.set(ends);
        let frame_bytes_max = self.codec.borrow().max_send_frame_size();
        let mut rest = piece;
        while rest.len() > frame_bytes_max {
            self.send_data_frame(stream, rest.split_to(frame_bytes_max), false);
        }
        self.send_data_frame(stream, rest, ends);
        Ok(())
    }

    fn send_data_frame(&self, stream: &H2Stream, payload: Bytes, ends: bool) {
        let mut head = [0; FRAME_HEAD_BYTES];
        let flags = if ends { END_STREAM } else { 0 };
        Head::new(Kind::Data, flags, stream.id).encode(payload.len(), &mut &mut head[..]);
        self.outbox.copy(&head);
        self.outbox.share(payload);
    }

    /// Bytes the stream may send now.
    pub(super) fn room(&self, stream: &H2Stream) -> usize {
        self.streams.borrow().window(stream).min(self.backlog_room())
    }

    /// Waits until that is more than nothing.
    pub(super) fn poll_room(&self, stream: &Rc<H2Stream>, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        self.streams.borrow_mut().poll_room(stream, self.backlog_room(), cx)
    }

    /// A backlog that does not move is not added to; else there is room for any event whole.
    fn backlog_room(&self) -> usize {
        if self.outbox.has_room() { H2_GRANT_BYTES_MAX } else { 0 }
    }

    /// Books bytes of a body that were used.
    pub(super) fn used(&self, stream: &H2Stream, bytes: usize) {
        let bytes = u32::try_from(bytes).expect("a piece of a body fits a frame");
        self.streams.borrow_mut().used(stream, bytes);
        self.send_replies_soon();
    }

    /// The task that answered a stream is through with it.
    pub(super) fn forget(&self, stream: &Rc<H2Stream>) {
        self.streams.borrow_mut().forget(stream);
        self.send_replies_soon();
        if self.streams.borrow().is_drained() {
            self.flush_soon();
        }
    }

    /// Breaks off a stream the peer has used wrongly.
    pub(super) fn refuse(&self, stream: &H2Stream, reason: Reason) {
        // Its patience counts with the next frame.
        let _ = self.streams.borrow_mut().refuse(stream.id, reason);
        self.send_replies_soon();
    }

    /// Asks the peer whether it is there.
    pub(super) fn send_ping(&self) {
        self.transmit(Ping::new(PING).into());
    }

    /// The peer was quiet and answered.
    pub(super) fn note_answer(&self) {
        self.streams.borrow_mut().forgive();
        self.outbox.trim();
    }

    /// How many bytes have come in.
    pub(super) fn bytes_read(&self) -> u64 {
        self.outbox.bytes_read()
    }

    /// Finishes what is open and takes nothing more on.
    pub(super) fn drain(&self) {
        self.streams.borrow_mut().drain();
        self.go_away(Reason::NO_ERROR);
    }

    /// Whether that has been done.
    pub(super) fn is_drained(&self) -> bool {
        self.streams.borrow().is_drained()
    }

    /// Tells the peer why nothing more is taken on.
    pub(super) fn go_away(&self, reason: Reason) {
        let last = self.streams.borrow().last();
        self.transmit(GoAway::new(last, reason).into());
    }

    /// The connection is over: nobody is to wait for it.
    pub(super) fn close(&self) {
        self.streams.borrow_mut().close();
    }

    /// This task drives the connection from now on.
    pub(super) fn driven_by(&self, cx: &Context<'_>) {
        self.driver_woken.set(false);
        self.driver.borrow_mut().clone_from(cx.waker());
    }

    /// Sends what waits, in the connection's task.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.outbox.poll_flush(cx);
        if self.outbox.has_room() {
            self.streams.borrow_mut().wake_waiting();
        }
        flushed
    }

    /// Sends what waits and closes the byte stream.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.poll_shutdown(cx)
    }

    /// Sends what waits at once, from any task; what the socket does not take is left to the connection's.
    pub(super) fn flush_now(&self) {
        if self.outbox.backlog() == 0 {
            return;
        }
        let driver = self.driver.borrow();
        if let Poll::Ready(Err(_)) = self.poll_flush(&mut Context::from_waker(&driver)) {
            // It meets the same error and ends the connection.
            driver.wake_by_ref();
        }
    }

    /// Sends what waits together with what other connections send of the same commit.
    pub(super) fn post(self: &Rc<Self>)
    where
        IO: 'static,
    {
        if self.outbox.backlog() > 0 && !self.is_posted.replace(true) {
            self.outgoing.post(Rc::<Self>::clone(self));
        }
    }

    /// Sends what waits in this turn of the loop, with whatever else it brings.
    pub(super) fn flush_soon(&self) {
        if !self.driver_woken.replace(true) {
            self.driver.borrow().wake_by_ref();
        }
    }

    fn send_replies_soon(&self) {
        if self.send_replies() {
            self.flush_soon();
        }
    }

    fn send_replies(&self) -> bool {
        let replies = self.streams.borrow_mut().take_replies();
        let any = !replies.is_empty();
        replies.into_iter().for_each(|frame| self.transmit(frame));
        any
    }

    fn transmit(&self, frame: Frame) {
        let mut codec = self.codec.borrow_mut();
        // Its side of the outbox takes everything, so that neither call can wait or fail.
        codec.buffer(frame).expect("the codec has been flushed");
        let flushed = codec.flush(&mut Context::from_waker(Waker::noop()));
        debug_assert!(matches!(flushed, Poll::Ready(Ok(()))), "writing to memory neither waits nor fails");
    }
}

impl<IO: Transport> Post for Link<IO> {
    fn socket(&self) -> Option<Ref<'_, dyn AsFd + 'static>> {
        self.outbox.socket()
    }

    fn take_piece(&self) -> Option<Bytes> {
        self.is_posted.set(false);
        self.outbox.socket()?;
        self.outbox.take_piece()
    }

    /// What was not taken, for whatever reason, is the connection's task's to send: it waits for the socket,
    /// or meets the same error.
    fn sent(&self, mut piece: Bytes, taken: io::Result<usize>) {
        let taken = taken.unwrap_or(0);
        if taken < piece.len() {
            piece.advance(taken);
            self.outbox.put_back(piece);
            self.flush_soon();
        } else if self.outbox.has_room() {
            self.streams.borrow_mut().wake_waiting();
        }
    }

    fn flush_now(&self) {
        self.is_posted.set(false);
        Self::flush_now(self);
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.set_max_concurrent_streams(Some(H2_STREAMS_MAX));
    settings.set_max_header_list_size(Some(REQUEST_HEADER_BYTES_MAX));
    settings.set_max_frame_size(Some(H2_FRAME_BYTES_MAX));
    settings.set_initial_window_size(Some(H2_RECEIVE_WINDOW_BYTES));
    settings
}
