//! One HTTP/2 stream: its windows, its request's body as it comes in, and who waits for it. Shared by the
//! connection, which is told of frames, and by the task that answers the request.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::Reason;
use h2::frame::StreamId;

use super::streams::WINDOW_MAX;
use crate::push::Gone;

/// See the module's words. What only [`super::streams`] may change is changed by it alone.
pub(super) struct H2Stream {
    pub(super) id: StreamId,
    /// What the peer still takes; negative after it has made its initial window smaller.
    pub(super) send_window: Cell<i64>,
    pub(super) receive_window: Cell<i64>,
    /// Bytes of the body that were used, but not given back yet.
    pub(super) owed: Cell<u32>,
    /// Bytes the body has to come to, if it was declared, less those that came.
    body_left: Cell<Option<u64>>,
    unread: RefCell<VecDeque<Bytes>>,
    pub(super) remote_ended: Cell<bool>,
    pub(super) local_ended: Cell<bool>,
    is_gone: Cell<bool>,
    /// The peer broke it off, and has no business with it any more.
    pub(super) peer_reset: Cell<bool>,
    /// It waits for what all streams share.
    pub(super) is_queued: Cell<bool>,
    /// When it last sent something, in pieces its connection has sent.
    pub(super) served_at: Cell<u64>,
    pub(super) wants_room: Waiter,
    wants_body: Waiter,
    wants_end: Waiter,
}

impl H2Stream {
    /// A stream that has just been opened.
    pub(super) fn new(id: StreamId, send_window: i64, receive_window: i64) -> Self {
        Self {
            id,
            send_window: Cell::new(send_window),
            receive_window: Cell::new(receive_window),
            owed: Cell::new(0),
            body_left: Cell::new(None),
            unread: RefCell::default(),
            remote_ended: Cell::new(false),
            local_ended: Cell::new(false),
            is_gone: Cell::new(false),
            peer_reset: Cell::new(false),
            is_queued: Cell::new(false),
            served_at: Cell::new(0),
            wants_room: Waiter::default(),
            wants_body: Waiter::default(),
            wants_end: Waiter::default(),
        }
    }

    /// Whether either side broke it off, or the connection is over.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// It was broken off: tells all who wait.
    pub(super) fn go(&self) {
        self.is_gone.set(true);
        for waiter in [&self.wants_room, &self.wants_body, &self.wants_end] {
            waiter.wake();
        }
    }

    /// The length its request declares.
    pub(super) fn declare(&self, body_bytes: Option<u64>) {
        self.body_left.set(body_bytes);
    }

    /// Takes in a piece of the body.
    pub(super) fn receive(&self, piece: Bytes, ends: bool) -> Result<(), Reason> {
        if self.remote_ended.get() {
            return Err(Reason::STREAM_CLOSED);
        }
        let window = self.receive_window.get() - i64::try_from(piece.len()).unwrap_or(i64::MAX);
        if window < 0 {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        self.receive_window.set(window);
        if let Some(left) = self.body_left.get() {
            let left = left.checked_sub(piece.len() as u64).ok_or(Reason::PROTOCOL_ERROR)?;
            self.body_left.set(Some(left));
        }
        if !piece.is_empty() {
            self.unread.borrow_mut().push_back(piece);
        }
        if ends && !self.end_body() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.wants_body.wake();
        Ok(())
    }

    /// The peer has ended its request; `false` if the body is shorter than it had declared.
    pub(super) fn end_body(&self) -> bool {
        self.remote_ended.set(true);
        self.wants_body.wake();
        self.body_left.get().is_none_or(|left| left == 0)
    }

    /// The next piece of the body; `None` at its end.
    pub(super) fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Gone>>> {
        if self.is_gone() {
            return Poll::Ready(Some(Err(Gone)));
        }
        if let Some(piece) = self.unread.borrow_mut().pop_front() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.remote_ended.get() {
            return Poll::Ready(None);
        }
        self.wants_body.set(cx);
        Poll::Pending
    }

    /// Ready once it is gone.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_gone() {
            return Poll::Ready(());
        }
        self.wants_end.set(cx);
        Poll::Pending
    }

    /// Drops what of the body was not read; tells its bytes.
    pub(super) fn take_unread(&self) -> u32 {
        let bytes: usize = self.unread.take().iter().map(Bytes::len).sum();
        u32::try_from(bytes).expect("unread bytes fit the receive window")
    }

    /// The peer takes so much more (or less); `false` if that is more than there can be.
    pub(super) fn grow_window(&self, change: i64) -> bool {
        let window = self.send_window.get() + change;
        self.send_window.set(window);
        if window > 0 {
            self.wants_room.wake();
        }
        window <= WINDOW_MAX
    }
}

/// Who is to be woken, if anyone.
#[derive(Default)]
pub(super) struct Waiter(RefCell<Option<Waker>>);

impl Waiter {
    /// Wakes this task from now on.
    pub(super) fn set(&self, cx: &Context<'_>) {
        match &mut *self.0.borrow_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Wakes who waits, once.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.0.borrow_mut().take() {
            waker.wake();
        }
    }
}
