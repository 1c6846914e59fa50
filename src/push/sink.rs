//! Where a subscription's bytes go: the one thing the push room asks of a connection.

use std::task::{Context, Poll};

use bytes::Bytes;

/// The client has gone, or its connection failed: nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The sending half of one event stream, with the peer's flow control in sight.
///
/// Implementations hold no queue of their own beyond what they accepted while capacity was granted.
pub trait EventSink {
    /// How many of `wanted` bytes may be sent right now (0 when stalled). Synchronous, never blocks; nothing
    /// is set aside, so the answer holds until the next await.
    fn capacity(&mut self, wanted: usize) -> usize;

    /// Takes bytes for sending, no more than the capacity. They may lie until [`Self::flush`].
    fn send(&mut self, bytes: Bytes) -> Result<(), Gone>;

    /// Has everything sent so far leave in this turn of the loop.
    fn flush(&mut self);

    /// Has it leave with the present commit, together with what is posted on other connections.
    fn post(&mut self) {
        self.flush();
    }

    /// Ready once something may be sent, for callers that were told of no capacity; `Err` once the peer is
    /// gone.
    fn poll_capacity(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>>;

    /// Ready when the peer has gone (reset, closed connection).
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ends the stream cleanly after what was sent.
    fn finish(&mut self);
}
