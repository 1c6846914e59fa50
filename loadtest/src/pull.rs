//! One pull consumer: per shard an iterator, then GetRecords at the allowed pace, until the shard has ended and
//! those after it are read, or the run is over.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::checker::{Checker, Faults, Fresh};
use crate::client::{Client, Failure, Protocol};
use crate::clock::now_ns;
use crate::latency::Latency;
use crate::ledger::Road;
use crate::lineage::{Heir, Lineage};
use crate::received::{ByConsumer, decoded_bytes};
use crate::record_page::{Child, read_page};
use crate::route::Route;
use crate::seen::Seen;
use crate::shared::{Counter, Shared};
use crate::timeline::Slices;
use crate::units::count;
use crate::verified::Verified;

/// Failures in a row before a reader gives up.
const MAX_FAILURES: u32 = 60;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// One consumer of a stream.
pub(crate) struct PullPlan {
    /// Its place among the pull consumers.
    pub(crate) number: u32,
    /// Stream name.
    pub(crate) stream: String,
    /// Ids of the shards to begin with.
    pub(crate) shards: Vec<String>,
    /// LATEST or TRIM_HORIZON; those that follow are read from their beginning.
    pub(crate) iterator_type: &'static str,
    /// Pause between two calls.
    pub(crate) interval: Duration,
    /// How it calls.
    pub(crate) protocol: Protocol,
}

/// What one consumer found.
pub(crate) struct Pulled {
    /// What was wrong.
    pub(crate) faults: Faults,
    /// From intended send to receipt.
    pub(crate) latency: Latency,
    /// What came, over time.
    pub(crate) slices: Slices,
    /// What came in all, under its own number.
    pub(crate) by_puller: ByConsumer,
}

/// Reads until told to stop, each shard in a task of its own.
pub(crate) async fn run(
    plan: PullPlan,
    route: Route,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> Pulled {
    let (shards, iterator_type) = (plan.shards.clone(), plan.iterator_type);
    let pulled = RefCell::new(Pulled::new(&shared));
    let consumer = Rc::new(PullConsumer { plan, route, shared, stop, seen: Rc::default(), pulled });
    let (mut lineage, mut readers) = (Lineage::default(), JoinSet::new());
    for id in &shards {
        readers.spawn_local(Rc::clone(&consumer).read(Heir::first(id), iterator_type));
    }
    while let Some(read) = readers.join_next().await {
        let Ok((checker, children)) = read else {
            consumer.shared.complain("a pull reader panicked");
            continue;
        };
        consumer.pulled.borrow_mut().faults.add(checker.faults);
        for heir in lineage.end(checker.shard, checker.floor, &children) {
            readers.spawn_local(Rc::clone(&consumer).read(heir, "TRIM_HORIZON"));
        }
    }
    consumer.pulled.replace(Pulled::new(&consumer.shared))
}

impl Pulled {
    fn new(shared: &Shared) -> Self {
        Self {
            faults: Faults::default(),
            latency: Latency::new(),
            slices: Slices::default(),
            by_puller: ByConsumer::new(shared.ledger.pull_consumers),
        }
    }
}

/// What the readers of one consumer share.
struct PullConsumer {
    plan: PullPlan,
    route: Route,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    seen: Rc<RefCell<Seen>>,
    pulled: RefCell<Pulled>,
}

impl PullConsumer {
    /// Reads one shard until it ends or the run does; what follows it, if it ended.
    async fn read(self: Rc<Self>, shard: Heir, iterator_type: &str) -> (Checker, Vec<Child>) {
        let client = Client::new(self.route.clone(), self.plan.protocol);
        let checker = Checker::new(shard.number, shard.floor, Road::Pull, Rc::clone(&self.seen));
        let mut reader = PullReader { consumer: &self, client, checker, verified: Verified::none() };
        let mut stop = self.stop.clone();
        let children = tokio::select! {
            outcome = reader.read_all(&shard, iterator_type) => outcome.unwrap_or_else(|failure| {
                self.shared.complain(format!("pull: {failure}"));
                Vec::new()
            }),
            _ = stop.wait_for(|stop| *stop) => Vec::new(),
        };
        (reader.checker, children)
    }

    /// What a reader counts as once it has its iterator.
    fn counter(&self, shard: &Heir) -> &Counter {
        let is_first = self.plan.shards.iter().any(|id| **id == *shard.id);
        if is_first { &self.shared.live.subscribed } else { &self.shared.live.followed }
    }
}

struct PullReader<'a> {
    consumer: &'a PullConsumer,
    client: Client,
    checker: Checker,
    verified: Verified,
}

/// What one page says of the next.
enum Next {
    Iterator(String),
    Ended(Vec<Child>),
}

impl PullReader<'_> {
    async fn read_all(&mut self, shard: &Heir, iterator_type: &str) -> Result<Vec<Child>, Failure> {
        let PullConsumer { plan, shared, .. } = self.consumer;
        let mut iterator = first_iterator(&plan.stream, &shard.id, iterator_type, &self.client).await?;
        self.consumer.counter(shard).add(1);
        let mut failures = 0;
        loop {
            match self.client.call("GetRecords", format!(r#"{{"ShardIterator":"{iterator}"}}"#)).await {
                Ok(body) => {
                    failures = 0;
                    match self.page(&body) {
                        Next::Iterator(next) => iterator = next,
                        Next::Ended(children) => return Ok(children),
                    }
                    tokio::time::sleep(plan.interval).await;
                }
                Err(failure) => {
                    let throttled = failure.is("ProvisionedThroughputExceededException");
                    shared.live.pull_throttled.add(u64::from(throttled));
                    failures += u32::from(!throttled);
                    if failures >= MAX_FAILURES || failure.is("ExpiredIteratorException") {
                        return Err(failure);
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Checks one reply's records; where to go on, unless the shard is at its end.
    fn page(&mut self, body: &[u8]) -> Next {
        let now = now_ns();
        let shared = &self.consumer.shared;
        let mut pulled = self.consumer.pulled.borrow_mut();
        let pulled = &mut *pulled;
        let (mut records, mut bytes) = (0, 0);
        let got = pulled.by_puller.of(self.consumer.plan.number);
        let page = read_page(body, |entry| {
            records += 1;
            bytes += decoded_bytes(&entry.data) + count(entry.partition_key.len());
            let number = &entry.sequence_number;
            let fresh = self.checker.record(&shared.ledger, &mut self.verified, number, &entry.data);
            let is_live = |fresh: &Fresh| !shared.is_backlog(fresh.header.sequence);
            if let Some(fresh) = fresh.filter(is_live) {
                let due_ns = fresh.header.intended_ns;
                let latency_ns = now.saturating_sub(due_ns);
                pulled.latency.record(latency_ns);
                got.latency.record(latency_ns);
                pulled.slices.took(shared.timeline.get(), due_ns, latency_ns);
            }
        });
        (got.records, got.bytes, got.events) = (got.records + records, got.bytes + bytes, got.events + 1);
        pulled.slices.came(shared.timeline.get(), now, records, bytes);
        shared.live.pulled.add(records);
        shared.live.pulled_bytes.add(bytes);
        let Some(page) = page else {
            self.checker.faults.corrupt += 1;
            shared.complain("a GetRecords reply does not parse");
            return Next::Ended(Vec::new());
        };
        let next = page.next_iterator.and_then(|iterator| String::from_utf8(iterator.into_owned()).ok());
        next.map_or(Next::Ended(page.children), Next::Iterator)
    }
}

async fn first_iterator(stream: &str, shard: &str, kind: &str, client: &Client) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reply {
        shard_iterator: String,
    }
    let body = format!(r#"{{"StreamName":"{stream}","ShardId":"{shard}","ShardIteratorType":"{kind}"}}"#);
    let mut tries = 0;
    loop {
        match client.call("GetShardIterator", body.clone()).await {
            // GetShardIterator has a rate of its own: 5 per second and shard.
            Err(failure) if failure.is("ProvisionedThroughputExceededException") && tries < MAX_FAILURES => {
                tries += 1;
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
            reply => {
                let reply: Result<Reply, _> = serde_json::from_slice(&reply?);
                return reply.map(|r| r.shard_iterator).map_err(|e| Failure::Connection(e.to_string()));
            }
        }
    }
}
