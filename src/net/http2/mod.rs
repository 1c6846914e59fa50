//! HTTP/2 connections. The frames and header compression are the `h2` crate's codec; windows, streams and
//! what leaves when are our own, because an event stream needs them in sight: what a subscriber has no room
//! for must not be read, a commit is one write per connection, and that write is made by whoever publishes
//! the commit, without waking a task for each subscriber.
//!
//! One task drives the connection; each request is a task of its own, which ends with its stream.

mod answer;
mod exchange;
mod link;
mod liveness;
mod outbox;
mod request_head;
mod sink;
mod stream;
mod streams;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::Reason;
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::task::spawn_local;
use tokio::time::timeout;

use self::answer::answer;
use self::exchange::Exchange;
use self::link::Link;
use self::liveness::{Liveness, Pulse};
use super::Handler;
use super::connection::Port;
use super::sniff::PREFACE;
use super::transport::Transport;
use crate::limits::HANDSHAKE_SECS_MAX;

/// Why a connection ended other than by agreement.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error("protocol: {0}")]
    Protocol(Reason),
    #[error("byte stream: {0}")]
    Io(#[from] io::Error),
    #[error("no preface in time")]
    Handshake,
    #[error("no answer to a ping in time")]
    Unanswered,
}

/// Serves streams until the client closes, stops answering pings, or the server has drained.
pub(super) async fn serve<IO, H>(mut io: IO, port: Rc<Port<H>>) -> Result<(), Broken>
where
    IO: Transport + 'static,
    H: Handler,
{
    let mut preface = [0; PREFACE.len()];
    let reading = io.read_exact(&mut preface);
    match timeout(Duration::from_secs(HANDSHAKE_SECS_MAX), reading).await {
        Ok(read) => read?,
        Err(_) => return Err(Broken::Handshake),
    };
    if preface != *PREFACE {
        return Err(Broken::Protocol(Reason::PROTOCOL_ERROR));
    }
    let mut driver = Driver::new(Link::new(io, port.outgoing()), port);
    poll_fn(|cx| driver.poll(cx)).await
}

/// The connection's task: frames in and out, keep-alive, drain.
struct Driver<IO: Transport, H: Handler> {
    link: Rc<Link<IO>>,
    liveness: Liveness,
    draining: Option<Pin<Box<dyn Future<Output = ()>>>>,
    port: Rc<Port<H>>,
}

impl<IO, H> Driver<IO, H>
where
    IO: Transport + 'static,
    H: Handler,
{
    fn new(link: Rc<Link<IO>>, port: Rc<Port<H>>) -> Self {
        let draining: Pin<Box<dyn Future<Output = ()>>> = Box::pin(port.shutdown().begun());
        Self { link, liveness: Liveness::new(), draining: Some(draining), port }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.link.driven_by(cx);
        self.poll_liveness(cx)?;
        self.poll_draining(cx);
        if let Poll::Ready(ended) = self.poll_requests(cx) {
            return Poll::Ready(ended);
        }
        if self.link.poll_flush(cx)?.is_ready() && self.link.is_drained() {
            return self.link.poll_shutdown(cx).map_err(Broken::from);
        }
        Poll::Pending
    }

    fn poll_liveness(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        match self.liveness.poll(cx, self.link.bytes_read()) {
            Pulse::Dead => return Err(Broken::Unanswered),
            Pulse::Ask => self.link.send_ping(),
            Pulse::Answered => self.link.note_answer(),
            Pulse::Resting => {}
        }
        Ok(())
    }

    fn poll_draining(&mut self, cx: &mut Context<'_>) {
        let begun = self.draining.as_mut().is_some_and(|draining| draining.as_mut().poll(cx).is_ready());
        if begun {
            self.draining = None;
            self.link.drain();
        }
    }

    /// Takes in what came and starts a task for each request that begins.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            match self.link.poll_opened(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Ok(opened))) => {
                    let exchange = Exchange::new(Rc::clone(&self.link), opened.stream);
                    spawn_local(answer(Rc::clone(&self.port), exchange, opened.headers));
                }
                Poll::Ready(Some(Err(broken))) => {
                    self.say_why(&broken, cx);
                    return Poll::Ready(Err(broken));
                }
            }
        }
    }

    /// A last word, as far as the socket takes it.
    fn say_why(&self, broken: &Broken, cx: &mut Context<'_>) {
        if let Broken::Protocol(reason) = broken {
            self.link.go_away(*reason);
            let _ = self.link.poll_shutdown(cx);
        }
    }
}

impl<IO: Transport, H: Handler> Drop for Driver<IO, H> {
    fn drop(&mut self) {
        self.link.close();
    }
}
