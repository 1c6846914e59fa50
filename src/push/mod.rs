//! Enhanced fan-out: who is subscribed, what each is due, and when.

mod event_stream;
mod sink;

pub use event_stream::EventStream;
pub use sink::{EventSink, Gone};
