//! One write per wake-up for an HTTP/2 connection.
//!
//! The `h2` codec flushes each DATA frame before it takes the next: with many streams on one connection that
//! is a system call per frame. [`Coalesced`] is the byte stream given to it: it copies what is written and
//! answers at once, and its `poll_flush` promises nothing. After each poll of the connection its driver calls
//! [`Flusher::poll_flush`], and everything gathered leaves in one write.
//!
//! Both halves are polled by the same task, so whichever meets a full socket leaves the right waker there.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::H2_COALESCE_BYTES_MAX;

/// Splits a byte stream into the half a connection talks to and the half its driver flushes with.
pub(super) fn coalesce<IO: AsyncRead + AsyncWrite + Unpin>(io: IO) -> (Coalesced<IO>, Flusher<IO>) {
    let shared = Gathering { io, buffer: Vec::new(), sent: 0, flush_owed: false, bytes_read: 0 };
    let shared = Rc::new(RefCell::new(shared));
    (Coalesced(Rc::clone(&shared)), Flusher(shared))
}

/// The connection's half: reads pass through, writes gather.
pub(super) struct Coalesced<IO>(Rc<RefCell<Gathering<IO>>>);

/// The driver's half.
pub(super) struct Flusher<IO>(Rc<RefCell<Gathering<IO>>>);

struct Gathering<IO> {
    io: IO,
    /// `buffer[sent..]` waits for the socket.
    buffer: Vec<u8>,
    sent: usize,
    /// Bytes went into `io` since it was last flushed: TLS may still hold them.
    flush_owed: bool,
    bytes_read: u64,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Flusher<IO> {
    /// Writes what has gathered. Pending when the socket is full: the task is woken once it is not.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_drain(cx)
    }

    /// How many bytes the peer has sent so far: the sign that it is alive.
    pub(super) fn bytes_read(&self) -> u64 {
        self.0.borrow().bytes_read
    }

    /// Gives the buffer's memory back if nothing waits in it. Meant for quiet moments, not for every write.
    pub(super) fn trim(&self) {
        let mut shared = self.0.borrow_mut();
        if shared.buffer.is_empty() {
            shared.buffer = Vec::new();
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Gathering<IO> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.buffer.len() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.buffer[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
            self.flush_owed = true;
        }
        self.buffer.clear();
        self.sent = 0;
        if self.flush_owed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flush_owed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_gather(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.room() == 0
            && let Poll::Ready(Err(error)) = self.poll_drain(cx)
        {
            return Poll::Ready(Err(error));
        }
        let taken = bytes.len().min(self.room());
        if taken == 0 && !bytes.is_empty() {
            // The drain above left its waker with the socket.
            return Poll::Pending;
        }
        self.compact();
        self.buffer.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn room(&self) -> usize {
        H2_COALESCE_BYTES_MAX - (self.buffer.len() - self.sent)
    }

    /// Drops the sent half once it outweighs the rest, so each byte is moved at most once on average.
    fn compact(&mut self) {
        if self.sent > self.buffer.len() / 2 {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Coalesced<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *self.0.borrow_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut shared.io).poll_read(cx, into))?;
        shared.bytes_read += (into.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Coalesced<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_gather(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let shared = &mut *self.0.borrow_mut();
        let mut total = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match shared.poll_gather(cx, slice)? {
                Poll::Ready(taken) => total += taken,
                Poll::Pending if total == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Promises nothing: the driver flushes once for all frames of a poll.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *self.0.borrow_mut();
        ready!(shared.poll_drain(cx))?;
        Pin::new(&mut shared.io).poll_shutdown(cx)
    }
}
