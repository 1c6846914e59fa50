//! Which resource is due to move on by itself: the transitions the service takes seconds for, here a
//! configured moment that clients can still observe.

use super::{Catalog, Command, ConsumerStatus, Stream, StreamStatus};
use crate::types::Timestamp;

impl Catalog {
    /// The next command nobody asks for, and when it is due, if states last `delay_millis`.
    pub fn next_transition(&self, delay_millis: u64) -> Option<(Timestamp, Command)> {
        self.streams()
            .flat_map(|stream| stream_transition(stream).into_iter().chain(consumer_transitions(stream)))
            .min_by_key(|(since, _)| *since)
            .map(|(since, command)| {
                let due = Timestamp::from_millis(since.as_millis() + delay_millis);
                (due, command.at(due))
            })
    }
}

fn stream_transition(stream: &Stream) -> Option<(Timestamp, Command)> {
    let name = stream.key.clone();
    let command = match stream.status {
        StreamStatus::Creating | StreamStatus::Updating => {
            Command::ActivateStream { stream: name, at: stream.since }
        }
        StreamStatus::Deleting => Command::RemoveStream { stream: name },
        StreamStatus::Active => return None,
    };
    Some((stream.since, command))
}

fn consumer_transitions(stream: &Stream) -> impl Iterator<Item = (Timestamp, Command)> {
    stream.consumers.values().filter_map(|consumer| {
        let (stream, name) = (stream.key.clone(), consumer.name.clone());
        let command = match consumer.status {
            ConsumerStatus::Creating => {
                Command::ActivateConsumer { stream, consumer: name, at: consumer.since }
            }
            ConsumerStatus::Deleting => Command::RemoveConsumer { stream, consumer: name },
            ConsumerStatus::Active => return None,
        };
        Some((consumer.since, command))
    })
}

impl Command {
    /// The same transition, taken at `due`.
    fn at(mut self, due: Timestamp) -> Self {
        if let Self::ActivateStream { at, .. } | Self::ActivateConsumer { at, .. } = &mut self {
            *at = due;
        }
        self
    }
}
