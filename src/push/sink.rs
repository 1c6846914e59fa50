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
    /// Asks for room for `wanted` bytes and tells how many may be sent right now (0 when stalled).
    /// Synchronous, never blocks; the answer may be less than `wanted`, and is never withdrawn before `send`.
    fn capacity(&mut self, wanted: usize) -> usize;

    /// Sends bytes. Callers keep to the granted capacity, except for one message larger than any grant.
    fn send(&mut self, bytes: Bytes) -> Result<(), Gone>;

    /// Ready once at least one byte more may be sent than when it last answered pending, for a request of
    /// `wanted` bytes; `Err` once the peer is gone.
    fn poll_capacity(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Gone>>;

    /// Ready when the peer has gone (reset, closed connection).
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ends the stream cleanly after what was sent.
    fn finish(&mut self);
}
