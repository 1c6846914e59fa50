//! An event stream over HTTP/2: a sink over one stream's flow control. It holds nothing itself; what it
//! accepts lies in the connection's outbox, and no more than the peer's windows and that grant.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::exchange::Exchange;
use crate::net::transport::Transport;
use crate::push::{EventSink, Gone};

/// The sending half of one HTTP/2 stream. Dropped unfinished, it resets the stream.
pub(super) struct FrameSink<IO: Transport>(Exchange<IO>);

impl<IO: Transport> FrameSink<IO> {
    /// Takes a stream whose response's head is sent.
    pub(super) fn new(exchange: Exchange<IO>) -> Self {
        Self(exchange)
    }
}

impl<IO: Transport + 'static> EventSink for FrameSink<IO> {
    fn capacity(&mut self, wanted: usize) -> usize {
        self.0.room().min(wanted)
    }

    fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.0.send_data(bytes, false)
    }

    fn flush(&mut self) {
        self.0.flush_soon();
    }

    fn post(&mut self) {
        self.0.post();
    }

    fn poll_capacity(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.0.poll_room(cx).map_ok(|_| ())
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_gone(cx)
    }

    fn finish(&mut self) {
        // An error means that the peer has reset the stream: then it is over as well.
        let _ = self.0.send_data(Bytes::new(), true);
        self.0.flush_soon();
    }
}
