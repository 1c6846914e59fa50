//! One consumer of one shard, which resubscribes when its subscription ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEvent};

use crate::Failure;

/// Who subscribes to what, and from where it goes on.
pub struct Subscriber {
    client: Client,
    consumer: String,
    shard: String,
    position: StartingPosition,
    stopping: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Default)]
pub struct Subscription {
    /// Each record as `sequence number` + ` ` + `data`, in the order it came.
    pub records: Vec<String>,
    /// Subscriptions accepted.
    pub count: usize,
}

/// A subscriber whose first subscription is accepted: LATEST is pinned from here on.
pub struct Accepted {
    subscriber: Subscriber,
    first: SubscribeToShardOutput,
}

impl Subscriber {
    /// A subscriber that has not called yet.
    pub fn new(
        client: Client,
        consumer: &str,
        shard: &str,
        start: ShardIteratorType,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        let position = StartingPosition::builder().r#type(start).build().expect("a type is all it needs");
        Subscriber { client, consumer: consumer.to_owned(), shard: shard.to_owned(), position, stopping }
    }

    /// Makes the first subscription.
    pub async fn accept(self) -> Result<Accepted, Failure> {
        let first = self.subscribe().await?;
        Ok(Accepted { subscriber: self, first })
    }

    async fn subscribe(&self) -> Result<SubscribeToShardOutput, Failure> {
        let call = self.client.subscribe_to_shard().consumer_arn(&self.consumer).shard_id(&self.shard);
        Ok(call.starting_position(self.position.clone()).send().await?)
    }

    /// Keeps an event's records and remembers where to go on.
    fn take(&mut self, event: SubscribeToShardEvent, done: &mut Subscription) -> Result<(), Failure> {
        for record in event.records {
            let data = String::from_utf8(record.data.into_inner())?;
            done.records.push(format!("{} {data}", record.sequence_number));
        }
        let position = StartingPosition::builder()
            .r#type(ShardIteratorType::AfterSequenceNumber)
            .sequence_number(event.continuation_sequence_number);
        self.position = position.build()?;
        Ok(())
    }
}

impl Accepted {
    /// Reads each subscription to its clean end, and subscribes anew until told to stop.
    pub async fn run(self) -> Result<Subscription, Failure> {
        let Accepted { mut subscriber, first: mut answer } = self;
        let mut done = Subscription::default();
        loop {
            done.count += 1;
            while let Some(event) = answer.event_stream.recv().await? {
                let event = event.as_subscribe_to_shard_event().map_err(|_| "an event of an unknown kind")?;
                subscriber.take(event.clone(), &mut done)?;
            }
            if subscriber.stopping.load(Ordering::Relaxed) {
                return Ok(done);
            }
            answer = subscriber.subscribe().await?;
        }
    }
}
