//! Enhanced fan-out: who is subscribed, what each is due, and when. Commits come in from the log, encoded
//! events go out to sinks; knows no operation, no HTTP/2 and no socket.

mod consumer_meters;
mod encoded_event;
mod event;
mod event_stream;
mod hub;
mod live;
mod recent;
mod shared_events;
mod sink;
mod subscription;
mod turns;

#[cfg(test)]
mod tests;

pub use consumer_meters::SubscribeResult;
pub use event::{ChildShard, EventEncoder, ShardIdentity};
pub use event_stream::EventStream;
pub use hub::{Accept, Hub, HubSettings, NotAccepted};
pub use sink::{EventSink, Gone};
pub use subscription::{Ending, Step, Subscription, View};
