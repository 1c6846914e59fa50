//! One SubscribeToShard and what came of it.

use std::time::{Duration, Instant};

use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEvent};
use fanlight_compat_rust_sdk::{Failure, ensure};

use crate::bench::{Bench, Put, numbered, taken};
use crate::check::refused;

/// Longer than the five seconds after which even an idle subscription has an event.
const EVENT_TIME_MAX: Duration = Duration::from_secs(10);

pub struct Subscription {
    answer: SubscribeToShardOutput,
    pub began: Instant,
    /// Where the next subscription has to go on.
    pub next: StartingPosition,
    /// The last event of a shard, once it came.
    pub end: Option<SubscribeToShardEvent>,
}

impl Subscription {
    /// Subscribes, which has to be accepted.
    pub async fn new(
        bench: &Bench,
        consumer: &str,
        shard: &str,
        at: StartingPosition,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let call = bench.kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id(shard);
        let answer = call.starting_position(at.clone()).send().await?;
        Ok(Subscription { answer, began, next: at, end: None })
    }

    /// Waits for an event and answers its records; none says that the subscription is over.
    pub async fn event(&mut self) -> Result<Option<Vec<Put>>, Failure> {
        let event = tokio::time::timeout(EVENT_TIME_MAX, self.answer.event_stream.recv()).await??;
        let Some(event) = event else { return Ok(None) };
        let event = event.as_subscribe_to_shard_event().map_err(|_| "an event of an unknown kind")?;
        ensure!(self.end.is_none(), "an event after the shard's last");
        // The SDK has an empty text for a member that is required and was left out.
        let continues = !event.continuation_sequence_number().is_empty();
        ensure!(continues == event.child_shards().is_empty(), "both or none of continuation and children");
        if continues {
            self.next =
                numbered(ShardIteratorType::AfterSequenceNumber, event.continuation_sequence_number());
        } else {
            self.end = Some(event.clone());
        }
        Ok(Some(taken(event.records())))
    }

    /// Reads until as many records came as are due.
    pub async fn records(&mut self, due: usize) -> Result<Vec<Put>, Failure> {
        let mut all = Vec::new();
        while all.len() < due {
            let some = self.event().await?;
            all.extend(some.ok_or_else(|| format!("{} of {due} records, then the end", all.len()))?);
        }
        Ok(all)
    }

    /// Reads to the end, which has to be a clean one.
    pub async fn rest(&mut self) -> Result<Vec<Put>, Failure> {
        let mut all = Vec::new();
        while let Some(some) = self.event().await? {
            all.extend(some);
        }
        Ok(all)
    }

    /// Reads to the end, which has to be the modelled error that says that somebody else took the shard.
    pub async fn ended_by_another(&mut self) -> Result<Vec<Put>, Failure> {
        let mut all = Vec::new();
        loop {
            match tokio::time::timeout(EVENT_TIME_MAX, self.answer.event_stream.recv()).await? {
                Ok(Some(event)) => {
                    all.extend(event.as_subscribe_to_shard_event().map_or(vec![], |it| taken(it.records())))
                }
                Ok(None) => return Err("it ended without an error".into()),
                error => {
                    refused("the old one's end", error, |it| it.is_resource_in_use_exception())?;
                    return Ok(all);
                }
            }
        }
    }
}
