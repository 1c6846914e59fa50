//! One accepted subscription, ready to be driven into a connection.

use super::EventSink;

/// An accepted `SubscribeToShard`, before its first event is sent.
pub struct EventStream {}

impl EventStream {
    /// Sends events until the subscription ends or the client goes; then finishes the sink.
    pub async fn drive(self, mut sink: impl EventSink + 'static) {
        sink.finish();
    }
}
