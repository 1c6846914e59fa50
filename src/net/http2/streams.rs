//! The streams of one HTTP/2 connection as a state machine (RFC 9113, sections 5 and 6): which are open, what
//! either side may still send, who waits for room. It is told what frames came and says which to send; it
//! does no I/O.
//!
//! When what all streams share opens again (the connection's window, or its backlog), all that wait for it
//! look again, the least recently served first: none starves beside a greedy one.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll};

use h2::Reason;
use h2::frame::{Data, Frame, Headers, Ping, Reset, Settings, StreamId, WindowUpdate};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::stream::H2Stream;
use crate::limits::{H2_NUISANCES_MAX, H2_RECEIVE_WINDOW_BYTES, H2_STREAMS_MAX};
use crate::push::Gone;

/// The largest window there is, and the one a connection starts with.
pub(super) const WINDOW_MAX: i64 = (1 << 31) - 1;
const WINDOW_INITIAL: u32 = 65_535;
/// A window is given back once this much of it was used.
const GIVE_BACK_BYTES: u32 = H2_RECEIVE_WINDOW_BYTES / 2;
/// Padding of a DATA frame with its length: the codec does not tell how long it was, so the peer is given
/// back the most it can have been.
const PADDING_BYTES_MAX: u32 = 256;
/// Streams remembered after their end, to tell a late frame from a forged one.
const CLOSED_REMEMBERED: usize = 64;

/// A request that begins.
pub(super) struct Opened {
    pub(super) stream: Rc<H2Stream>,
    pub(super) headers: Headers,
}

/// See the module's words.
pub(super) struct Streams {
    open: HashMap<StreamId, Rc<H2Stream>>,
    /// The streams that ended last, and whether both sides had ended them.
    closed: VecDeque<(StreamId, bool)>,
    /// The highest stream the peer has opened.
    last: u32,
    send_window: i64,
    initial_send_window: i64,
    receive_window: i64,
    /// Received and used, but not given back yet.
    owed: u32,
    /// Streams that wait for what all share.
    waiting: Vec<Rc<H2Stream>>,
    /// Counts pieces sent.
    turn: u64,
    /// What a peer may still do that costs us and brings it nothing; renewed at each answered ping.
    patience: u32,
    /// The peer's settings have come.
    is_settled: bool,
    is_draining: bool,
    replies: Vec<Frame>,
}

impl Streams {
    /// A connection's start, with the frames to send first.
    pub(super) fn new(settings: Settings) -> Self {
        let update = WindowUpdate::new(StreamId::ZERO, H2_RECEIVE_WINDOW_BYTES - WINDOW_INITIAL);
        Self {
            open: HashMap::new(),
            closed: VecDeque::new(),
            last: 0,
            send_window: i64::from(WINDOW_INITIAL),
            initial_send_window: i64::from(WINDOW_INITIAL),
            receive_window: i64::from(H2_RECEIVE_WINDOW_BYTES),
            owed: 0,
            waiting: Vec::new(),
            turn: 0,
            patience: H2_NUISANCES_MAX,
            is_settled: false,
            is_draining: false,
            replies: vec![settings.into(), update.into()],
        }
    }

    /// The frames to send, in order.
    pub(super) fn take_replies(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.replies)
    }

    /// The highest stream that was taken on.
    pub(super) fn last(&self) -> StreamId {
        self.last.into()
    }

    /// Whether a drain has come to its end.
    pub(super) fn is_drained(&self) -> bool {
        self.is_draining && self.open.is_empty()
    }

    /// Turns away every further request.
    pub(super) fn drain(&mut self) {
        self.is_draining = true;
    }

    /// A quiet moment has passed: what came before is forgiven.
    pub(super) fn forgive(&mut self) {
        self.patience = H2_NUISANCES_MAX;
    }

    /// Takes in a frame. `Err` ends the connection for this reason.
    pub(super) fn receive(&mut self, frame: Frame) -> Result<Option<Opened>, Reason> {
        match frame {
            Frame::Settings(settings) => self.settings(&settings)?,
            _ if !self.is_settled => return Err(Reason::PROTOCOL_ERROR),
            Frame::Headers(headers) => return self.headers(headers),
            Frame::Data(data) => self.data(data)?,
            Frame::WindowUpdate(update) => self.window_update(&update)?,
            Frame::Reset(reset) => self.peer_reset(&reset)?,
            Frame::Ping(ping) if !ping.is_ack() => self.replies.push(Ping::pong(*ping.payload()).into()),
            Frame::Ping(_) | Frame::GoAway(_) | Frame::Priority(_) => {}
            Frame::PushPromise(_) => return Err(Reason::PROTOCOL_ERROR),
        }
        Ok(None)
    }

    /// Breaks off a stream the peer has used wrongly.
    pub(super) fn refuse(&mut self, id: StreamId, reason: Reason) -> Result<(), Reason> {
        self.last = self.last.max(id.into());
        self.replies.push(Reset::new(id, reason).into());
        if let Some(stream) = self.open.get(&id).cloned() {
            self.has_gone(&stream);
        }
        self.lose_patience()
    }

    /// Bytes the stream may send now as far as windows go.
    pub(super) fn window(&self, stream: &H2Stream) -> usize {
        let window = stream.send_window.get().min(self.send_window);
        if stream.is_gone() { 0 } else { usize::try_from(window).unwrap_or(0) }
    }

    /// Waits for room; `backlog_room` is what the connection's backlog leaves.
    pub(super) fn poll_room(
        &mut self,
        stream: &Rc<H2Stream>,
        backlog_room: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Gone>> {
        if stream.is_gone() {
            return Poll::Ready(Err(Gone));
        }
        let room = self.window(stream).min(backlog_room);
        if room > 0 {
            return Poll::Ready(Ok(room));
        }
        stream.wants_room.set(cx);
        if stream.send_window.get() > 0 && !stream.is_queued.replace(true) {
            self.waiting.push(Rc::clone(stream));
        }
        Poll::Pending
    }

    /// Whoever waits for what the streams share may look again.
    pub(super) fn wake_waiting(&mut self) {
        self.waiting.sort_by_key(|stream| stream.served_at.get());
        for stream in self.waiting.drain(..) {
            stream.is_queued.set(false);
            stream.wants_room.wake();
        }
    }

    /// Books bytes sent.
    pub(super) fn sent(&mut self, stream: &H2Stream, bytes: usize) {
        let bytes = i64::try_from(bytes).expect("a grant fits a window");
        stream.send_window.set(stream.send_window.get() - bytes);
        self.send_window -= bytes;
        self.turn += 1;
        stream.served_at.set(self.turn);
    }

    /// Books bytes of a body used, and gives windows back in large steps.
    pub(super) fn used(&mut self, stream: &H2Stream, bytes: u32) {
        let owed = stream.owed.get() + bytes;
        if owed >= GIVE_BACK_BYTES && !stream.remote_ended.get() && !stream.is_gone() {
            self.replies.push(WindowUpdate::new(stream.id, owed).into());
            stream.receive_window.set(stream.receive_window.get() + i64::from(owed));
            stream.owed.set(0);
        } else {
            stream.owed.set(owed);
        }
        self.give_back(bytes);
    }

    /// Takes a stream off the books; breaks it off unless both sides had ended it.
    pub(super) fn forget(&mut self, stream: &Rc<H2Stream>) {
        let by_both = !stream.is_gone() && stream.local_ended.get() && stream.remote_ended.get();
        if !stream.is_gone() {
            match (stream.local_ended.get(), stream.remote_ended.get()) {
                (true, true) => {}
                // The answer is complete, so the rest of the request is not wanted (RFC 9113, 8.1).
                (true, false) => self.replies.push(Reset::new(stream.id, Reason::NO_ERROR).into()),
                (false, _) => self.replies.push(Reset::new(stream.id, Reason::CANCEL).into()),
            }
        }
        self.has_gone(stream);
        self.give_back(stream.take_unread());
        self.open.remove(&stream.id);
        if self.closed.len() == CLOSED_REMEMBERED {
            self.closed.pop_front();
        }
        self.closed.push_back((stream.id, by_both));
    }

    /// The connection is over: so is every stream.
    pub(super) fn close(&mut self) {
        for stream in std::mem::take(&mut self.open).into_values() {
            self.has_gone(&stream);
        }
    }

    fn headers(&mut self, headers: Headers) -> Result<Option<Opened>, Reason> {
        let id = headers.stream_id();
        if !id.is_client_initiated() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if let Some(stream) = self.open.get(&id).cloned() {
            return self.trailers(&stream, headers.is_end_stream()).map(|()| None);
        }
        if u32::from(id) <= self.last {
            return self.late_headers(id).map(|()| None);
        }
        self.last = id.into();
        if self.is_draining || self.open.len() >= H2_STREAMS_MAX as usize {
            return self.refuse(id, Reason::REFUSED_STREAM).map(|()| None);
        }
        let stream = Rc::new(H2Stream::new(id, self.initial_send_window, i64::from(H2_RECEIVE_WINDOW_BYTES)));
        // At once: the body may be here before the task that answers first looks.
        stream.declare(content_length(headers.fields()));
        self.open.insert(id, Rc::clone(&stream));
        if headers.is_end_stream() && !stream.end_body() {
            self.open.remove(&id);
            return self.refuse(id, Reason::PROTOCOL_ERROR).map(|()| None);
        }
        Ok(Some(Opened { stream, headers }))
    }

    /// Headers for a stream that is not new: it may have been broken off, or ended by both sides, or never
    /// have been.
    fn late_headers(&mut self, id: StreamId) -> Result<(), Reason> {
        match self.closed.iter().find(|closed| closed.0 == id) {
            Some((_, true)) => Err(Reason::STREAM_CLOSED),
            Some((_, false)) => self.refuse(id, Reason::STREAM_CLOSED),
            None => Err(Reason::PROTOCOL_ERROR),
        }
    }

    fn trailers(&mut self, stream: &Rc<H2Stream>, ends: bool) -> Result<(), Reason> {
        if stream.is_gone() {
            return self.late_frame(stream);
        }
        if stream.remote_ended.get() {
            return self.refuse(stream.id, Reason::STREAM_CLOSED);
        }
        if !ends || !stream.end_body() {
            return self.refuse(stream.id, Reason::PROTOCOL_ERROR);
        }
        Ok(())
    }

    fn data(&mut self, data: Data) -> Result<(), Reason> {
        let (id, ends, is_padded) = (data.stream_id(), data.is_end_stream(), data.is_padded());
        let payload = data.into_payload();
        let bytes = u32::try_from(payload.len()).map_err(|_| Reason::FRAME_SIZE_ERROR)?;
        self.receive_window -= i64::from(bytes);
        if self.receive_window < 0 {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        if is_padded {
            self.give_back(PADDING_BYTES_MAX);
        }
        let Some(stream) = self.open.get(&id).cloned() else { return self.stray_data(id, bytes) };
        if stream.is_gone() {
            self.give_back(bytes);
            return self.late_frame(&stream);
        }
        if is_padded {
            stream.owed.set(stream.owed.get() + PADDING_BYTES_MAX);
        }
        if bytes == 0 && !ends {
            return self.lose_patience();
        }
        match stream.receive(payload, ends) {
            Ok(()) => Ok(()),
            Err(reason) => {
                self.give_back(bytes);
                self.refuse(id, reason)
            }
        }
    }

    /// A frame for a stream that was broken off: an error if by the peer, else it had not heard of it.
    fn late_frame(&mut self, stream: &H2Stream) -> Result<(), Reason> {
        if stream.peer_reset.get() { self.refuse(stream.id, Reason::STREAM_CLOSED) } else { Ok(()) }
    }

    /// Data for a stream that is not, or no longer, open.
    fn stray_data(&mut self, id: StreamId, bytes: u32) -> Result<(), Reason> {
        if u32::from(id) > self.last {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.give_back(bytes);
        self.refuse(id, Reason::STREAM_CLOSED)
    }

    fn window_update(&mut self, update: &WindowUpdate) -> Result<(), Reason> {
        let (id, increment) = (update.stream_id(), i64::from(update.size_increment()));
        if id.is_zero() {
            self.send_window += increment;
            self.wake_waiting();
            return if self.send_window > WINDOW_MAX { Err(Reason::FLOW_CONTROL_ERROR) } else { Ok(()) };
        }
        match self.open.get(&id) {
            Some(stream) if stream.grow_window(increment) => Ok(()),
            Some(_) => self.refuse(id, Reason::FLOW_CONTROL_ERROR),
            None if u32::from(id) > self.last => Err(Reason::PROTOCOL_ERROR),
            None => Ok(()),
        }
    }

    fn settings(&mut self, settings: &Settings) -> Result<(), Reason> {
        if settings.is_ack() {
            return Ok(());
        }
        self.is_settled = true;
        self.replies.push(Settings::ack().into());
        let Some(initial) = settings.initial_window_size().map(i64::from) else { return Ok(()) };
        let change = initial - self.initial_send_window;
        self.initial_send_window = initial;
        let all_fit = self.open.values().all(|stream| stream.grow_window(change));
        if all_fit { Ok(()) } else { Err(Reason::FLOW_CONTROL_ERROR) }
    }

    fn peer_reset(&mut self, reset: &Reset) -> Result<(), Reason> {
        let id = reset.stream_id();
        if id.is_zero() || u32::from(id) > self.last {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if let Some(stream) = self.open.get(&id).cloned() {
            stream.peer_reset.set(true);
            self.has_gone(&stream);
        }
        self.lose_patience()
    }

    fn has_gone(&mut self, stream: &Rc<H2Stream>) {
        if stream.is_queued.replace(false) {
            self.waiting.retain(|other| !Rc::ptr_eq(other, stream));
        }
        stream.go();
    }

    fn lose_patience(&mut self) -> Result<(), Reason> {
        self.patience = self.patience.checked_sub(1).ok_or(Reason::ENHANCE_YOUR_CALM)?;
        Ok(())
    }

    fn give_back(&mut self, bytes: u32) {
        self.owed += bytes;
        if self.owed >= GIVE_BACK_BYTES {
            self.replies.push(WindowUpdate::new(StreamId::ZERO, self.owed).into());
            self.receive_window += i64::from(std::mem::take(&mut self.owed));
        }
    }
}

/// What a request's head says of its body's length.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
