//! What reads one shard to its end: by subscriptions or by polling, each begun again where it broke off.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use crate::limits::TAIL_READ_MILLIS;

use super::super::Backoff;
use super::super::events::{Batch, ChildShard, Record};
use super::super::failure::{Failure, Outcome};
use super::super::kinesis::Kinesis;
use super::outage::Outage;
use super::place::Place;

/// What a reader tells.
pub(super) enum Told {
    /// Records of a shard, in its order.
    Records(String, Vec<Record>),
    /// A shard has ended.
    Ended(String, Vec<ChildShard>),
    /// A reader cannot go on.
    Failed(Failure),
}

/// How shards are read.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Pushed to this consumer.
    Pushed(String),
    /// Polled.
    Pulled,
}

/// What the readers of one stream share.
pub(super) struct Shared {
    pub(super) kinesis: Rc<Kinesis>,
    pub(super) stream: String,
    pub(super) way: Way,
    pub(super) told: Sender<Told>,
    pub(super) outage: Outage,
}

/// One shard's reader.
pub(super) struct Reader {
    pub(super) shared: Rc<Shared>,
    pub(super) shard: String,
    /// Of all readers of this process.
    pub(super) index: usize,
    pub(super) place: Place,
}

/// How one stretch of reading came to its end.
enum End {
    /// The shard has ended.
    Shard(Vec<ChildShard>),
    /// It is to be begun again: a subscription's time is over.
    Over,
    /// Nobody wants to be told any more.
    Unheard,
}

impl Reader {
    /// Reads until the shard ends, or until it cannot go on.
    pub(super) async fn run(mut self) {
        let told = match self.follow().await {
            Ok(Some(children)) => Told::Ended(self.shard.clone(), children),
            Ok(None) => return,
            Err(failure) => Told::Failed(failure),
        };
        // Nobody is left to be told.
        let _ = self.shared.told.send(told).await;
    }

    async fn follow(&mut self) -> Outcome<Option<Vec<ChildShard>>> {
        let mut backoff = Backoff::default();
        loop {
            let began = self.shared.kinesis.now();
            let stretch = match self.shared.way.clone() {
                Way::Pushed(consumer) => self.subscription(&consumer, &mut backoff).await,
                Way::Pulled => self.pages(&mut backoff).await,
            };
            match stretch {
                Ok(End::Shard(children)) => return Ok(Some(children)),
                Ok(End::Unheard) => return Ok(None),
                Ok(End::Over) => {}
                Err(failure) if failure.is_passing() || is_stale(&failure) => {
                    if matches!(failure, Failure::Unreachable { .. }) {
                        self.shared.outage.lost(&self.shard, &failure);
                    }
                    sleep(backoff.next()).await;
                }
                Err(failure) => return Err(failure),
            }
            self.place = std::mem::replace(&mut self.place, Place::Latest).held(began);
        }
    }

    async fn subscription(&mut self, consumer: &str, backoff: &mut Backoff) -> Outcome<End> {
        let input = json!({"ConsumerARN": consumer, "ShardId": self.shard,
            "StartingPosition": self.place.position()});
        let mut events = self.shared.kinesis.subscribe(self.index, &input).await?;
        self.shared.outage.back(&self.shard);
        while let Some(mut batch) = events.next().await? {
            backoff.reset();
            if let Some(number) = batch.continuation_sequence_number.take() {
                self.place = Place::After(number);
            }
            if let Some(end) = self.pass_on(batch).await {
                return Ok(end);
            }
        }
        Ok(End::Over)
    }

    async fn pages(&mut self, backoff: &mut Backoff) -> Outcome<End> {
        let kinesis = Rc::clone(&self.shared.kinesis);
        let input = self.place.iterator(&self.shared.stream, &self.shard);
        let mut output = kinesis.call_patiently("GetShardIterator", &input).await?;
        let mut iterator = output["ShardIterator"].take();
        loop {
            let page = self.page(&iterator, backoff).await?;
            if let Some(last) = page.records.last() {
                self.place = Place::After(last.sequence_number.clone());
            }
            let next = page.next_shard_iterator.clone();
            if let Some(end) = self.pass_on(page).await {
                return Ok(end);
            }
            let Some(next) = next else { return Ok(End::Shard(Vec::new())) };
            iterator = next.into();
            sleep(Duration::from_millis(TAIL_READ_MILLIS)).await;
        }
    }

    /// One page. While the server is away the iterator is held on to: it is exact where nothing came yet.
    async fn page(&self, iterator: &serde_json::Value, backoff: &mut Backoff) -> Outcome<Batch> {
        loop {
            match self.shared.kinesis.call("GetRecords", &json!({"ShardIterator": iterator})).await {
                Ok(output) => {
                    backoff.reset();
                    self.shared.outage.back(&self.shard);
                    return read(output);
                }
                Err(failure) if failure.is_passing() => {
                    if matches!(failure, Failure::Unreachable { .. }) {
                        self.shared.outage.lost(&self.shard, &failure);
                    }
                    sleep(backoff.next().max(Duration::from_millis(TAIL_READ_MILLIS))).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn pass_on(&self, batch: Batch) -> Option<End> {
        if !batch.records.is_empty() {
            let told = Told::Records(self.shard.clone(), batch.records);
            if self.shared.told.send(told).await.is_err() {
                return Some(End::Unheard);
            }
        }
        batch.child_shards.filter(|children| !children.is_empty()).map(End::Shard)
    }
}

/// A page as it is answered.
pub(super) fn read(output: serde_json::Value) -> Outcome<Batch> {
    serde_json::from_value(output).map_err(|error| {
        Failure::unreachable(format!("an answer of GetRecords makes no sense: {error}"), "Check --endpoint.")
    })
}

/// An iterator that a restart or its age has made useless: a new one is asked for at the reader's place.
fn is_stale(failure: &Failure) -> bool {
    failure.code() == Some("ExpiredIteratorException")
        || matches!(failure, Failure::Refused(refusal) if refusal.operation == "GetRecords"
            && refusal.code == "InvalidArgumentException")
}
