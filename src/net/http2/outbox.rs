//! What waits for an HTTP/2 connection's socket, and the byte stream put beneath the frame codec.
//!
//! Everything a connection sends gathers here, whoever made it: control frames and heads as the codec
//! serializes them, DATA frames as the streams hand them over. A flush sends it in as few writes as the
//! socket takes. Small pieces are copied next to each other; large ones are kept by reference, so that an
//! event for many consumers exists once.

use std::cell::{Cell, Ref, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::{H2_OUTBOX_BYTES_BLOCKED, H2_OUTBOX_BYTES_MAX};
use crate::net::transport::Transport;

/// Pieces smaller than this are copied: cheaper than a slice of its own in the write.
const SHARE_BYTES_MIN: usize = 4 << 10;
/// Slices handed to one write.
const SLICES_MAX: usize = 64;

/// Splits a byte stream into the half a frame codec talks to and the half that sends.
/// What waits counts among the `unsent` bytes of all connections.
pub(super) fn outbox<IO: Transport>(io: IO, unsent: Rc<Cell<usize>>) -> (CodecSide<IO>, Outbox<IO>) {
    let waiting = Waiting { shared: VecDeque::new(), copied: BytesMut::new(), bytes: Counted::new(unsent) };
    let shared = Socket { io, waiting, flush_owed: false, is_blocked: false, bytes_read: 0 };
    let shared = Rc::new(RefCell::new(shared));
    (CodecSide(Rc::clone(&shared)), Outbox(shared))
}

/// The codec's half: reads pass through, writes gather and always succeed.
pub(super) struct CodecSide<IO>(Rc<RefCell<Socket<IO>>>);

/// The half that sends.
pub(super) struct Outbox<IO>(Rc<RefCell<Socket<IO>>>);

struct Socket<IO> {
    io: IO,
    waiting: Waiting,
    /// Bytes went into `io` since it was last flushed: TLS may still hold them.
    flush_owed: bool,
    /// It has not taken all that was sent last.
    is_blocked: bool,
    bytes_read: u64,
}

impl<IO: Transport> Outbox<IO> {
    /// Queues bytes behind all that was queued before.
    pub(super) fn copy(&self, bytes: &[u8]) {
        self.0.borrow_mut().waiting.copy(bytes);
    }

    /// The same for bytes that others hold too.
    pub(super) fn share(&self, bytes: Bytes) {
        self.0.borrow_mut().waiting.share(bytes);
    }

    /// Bytes that wait for the socket.
    pub(super) fn backlog(&self) -> usize {
        self.0.borrow().waiting.bytes.get()
    }

    /// Whether more may be queued: much while it gathers, little while the socket takes nothing.
    pub(super) fn has_room(&self) -> bool {
        let socket = self.0.borrow();
        socket.waiting.bytes.get()
            < if socket.is_blocked { H2_OUTBOX_BYTES_BLOCKED } else { H2_OUTBOX_BYTES_MAX }
    }

    /// Sends what waits. Pending when the socket is full: the task is woken once it is not.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_drain(cx)
    }

    /// Sends what waits and ends the byte stream.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut *self.0.borrow_mut();
        ready!(socket.poll_drain(cx))?;
        Pin::new(&mut socket.io).poll_shutdown(cx)
    }

    /// The socket beneath, if there is one to be written to directly.
    pub(super) fn socket(&self) -> Option<Ref<'_, dyn AsFd + 'static>> {
        Ref::filter_map(self.0.borrow(), |socket| socket.io.socket()).ok()
    }

    /// Takes out what waits, if it is in one piece.
    pub(super) fn take_piece(&self) -> Option<Bytes> {
        self.0.borrow_mut().waiting.take_piece()
    }

    /// Puts back what was taken out and not sent.
    pub(super) fn put_back(&self, piece: Bytes) {
        let socket = &mut *self.0.borrow_mut();
        socket.is_blocked = true;
        socket.waiting.bytes.add(piece.len());
        socket.waiting.shared.push_front(piece);
    }

    /// How many bytes the peer has sent so far: the sign that it is alive.
    pub(super) fn bytes_read(&self) -> u64 {
        self.0.borrow().bytes_read
    }

    /// Gives memory back if nothing waits in it. Meant for quiet moments, not for every write.
    pub(super) fn trim(&self) {
        let waiting = &mut self.0.borrow_mut().waiting;
        if waiting.bytes.get() == 0 {
            (waiting.shared, waiting.copied) = (VecDeque::new(), BytesMut::new());
        }
    }
}

impl<IO: AsyncWrite + Unpin> Socket<IO> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_blocked = true;
        while self.waiting.bytes.get() > 0 {
            match ready!(self.waiting.poll_write(Pin::new(&mut self.io), cx))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.waiting.advance(written),
            }
            self.flush_owed = true;
        }
        if self.flush_owed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flush_owed = false;
        }
        self.is_blocked = false;
        Poll::Ready(Ok(()))
    }
}

/// Bytes in order: those in `shared`, then those in `copied`.
#[derive(Debug)]
struct Waiting {
    shared: VecDeque<Bytes>,
    copied: BytesMut,
    bytes: Counted,
}

/// A number of bytes that is part of a total.
#[derive(Debug)]
struct Counted {
    bytes: usize,
    total: Rc<Cell<usize>>,
}

impl Counted {
    fn new(total: Rc<Cell<usize>>) -> Self {
        Self { bytes: 0, total }
    }

    fn get(&self) -> usize {
        self.bytes
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.total.set(self.total.get() + bytes);
    }

    fn take(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.total.set(self.total.get() - bytes);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.take(self.bytes);
    }
}

impl Waiting {
    fn copy(&mut self, bytes: &[u8]) {
        self.bytes.add(bytes.len());
        self.copied.extend_from_slice(bytes);
    }

    fn share(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_BYTES_MIN {
            return self.copy(&bytes);
        }
        if !self.copied.is_empty() {
            self.shared.push_back(self.copied.split().freeze());
        }
        self.bytes.add(bytes.len());
        self.shared.push_back(bytes);
    }

    fn take_piece(&mut self) -> Option<Bytes> {
        if self.copied.is_empty() || !self.shared.is_empty() {
            return None;
        }
        self.bytes.take(self.bytes.get());
        Some(self.copied.split().freeze())
    }

    fn poll_write<IO: AsyncWrite>(&self, io: Pin<&mut IO>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.shared.is_empty() {
            return io.poll_write(cx, &self.copied);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let pieces = self.shared.iter().map(|piece| &piece[..]).chain([&self.copied[..]]);
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        io.poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, mut sent: usize) {
        self.bytes.take(sent);
        while let Some(first) = self.shared.front_mut() {
            if first.len() > sent {
                return first.advance(sent);
            }
            sent -= first.len();
            self.shared.pop_front();
        }
        self.copied.advance(sent);
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for CodecSide<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = &mut *self.0.borrow_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut socket.io).poll_read(cx, into))?;
        socket.bytes_read += (into.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<IO: Unpin> AsyncWrite for CodecSide<IO> {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().waiting.copy(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Promises nothing: what gathers is sent by [`Outbox::poll_flush`].
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
