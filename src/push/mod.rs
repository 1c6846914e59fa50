//! Enhanced fan-out: who is subscribed, what each is due, and when.

mod sink;
mod event_stream;

pub use event_stream::EventStream;
pub use sink::{EventSink, Gone};
