//! A request and its answer on one HTTP/2 stream, from the side of the task that answers. Dropped, it takes
//! the stream off the connection's books.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::Reason;
use http::Response;
use http_body::{Body, Frame};

use super::link::Link;
use super::stream::H2Stream;
use crate::net::transport::Transport;
use crate::push::Gone;

/// See the module's words.
pub(super) struct Exchange<IO: Transport> {
    link: Rc<Link<IO>>,
    stream: Rc<H2Stream>,
}

impl<IO: Transport> Exchange<IO> {
    /// Answers on a stream just opened.
    pub(super) fn new(link: Rc<Link<IO>>, stream: Rc<H2Stream>) -> Self {
        Self { link, stream }
    }

    /// The request's body.
    pub(super) fn body(&self) -> RequestBody<IO> {
        RequestBody { link: Rc::clone(&self.link), stream: Rc::clone(&self.stream) }
    }

    /// Breaks the stream off for what the peer did.
    pub(super) fn refuse(&self, reason: Reason) {
        self.link.refuse(&self.stream, reason);
    }

    /// Queues the response's head.
    pub(super) fn send_head(&self, head: Response<()>, ends: bool) -> Result<(), Gone> {
        self.link.send_head(&self.stream, head, ends)
    }

    /// Queues a piece of the response's body, of no more than [`Self::room`].
    pub(super) fn send_data(&self, piece: Bytes, ends: bool) -> Result<(), Gone> {
        self.link.send_data(&self.stream, piece, ends)
    }

    /// Bytes that may be sent now.
    pub(super) fn room(&self) -> usize {
        self.link.room(&self.stream)
    }

    /// Waits until some may be.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        self.link.poll_room(&self.stream, cx)
    }

    /// Ready once the client has gone.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_gone(cx)
    }

    /// Sends what is queued with what other connections send of the same commit.
    pub(super) fn post(&self)
    where
        IO: 'static,
    {
        self.link.post();
    }

    /// Sends what is queued in this turn of the loop.
    pub(super) fn flush_soon(&self) {
        self.link.flush_soon();
    }
}

impl<IO: Transport> Drop for Exchange<IO> {
    fn drop(&mut self) {
        self.link.forget(&self.stream);
    }
}

/// A request's body as it comes in; what is read is given back to the client's windows, as the collector
/// bounds the whole.
pub(super) struct RequestBody<IO> {
    link: Rc<Link<IO>>,
    stream: Rc<H2Stream>,
}

impl<IO: Transport> Body for RequestBody<IO> {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let Some(piece) = ready!(self.stream.poll_body(cx)?) else { return Poll::Ready(None) };
        self.link.used(&self.stream, piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
