//! One pull reader: a shard iterator, then GetRecords at the allowed pace until the run is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::checker::{Checker, Faults};
use crate::client::{Client, Failure, Protocol};
use crate::clock::now_ns;
use crate::latency::Latency;
use crate::ledger::Road;
use crate::record_page::read_page;
use crate::route::Route;
use crate::shared::Shared;
use crate::verified::Verified;

/// Failures in a row before a reader gives up.
const MAX_FAILURES: u32 = 60;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// One reader of one shard.
pub(crate) struct PullPlan {
    /// Stream name.
    pub(crate) stream: String,
    /// Index and id of the shard.
    pub(crate) shard: (u16, String),
    /// LATEST or TRIM_HORIZON.
    pub(crate) iterator_type: &'static str,
    /// Pause between two calls.
    pub(crate) interval: Duration,
    /// How it calls.
    pub(crate) protocol: Protocol,
}

/// What one reader found.
pub(crate) struct Pulled {
    /// What was wrong.
    pub(crate) faults: Faults,
    /// From intended send to receipt.
    pub(crate) latency: Latency,
}

/// Reads until told to stop.
pub(crate) async fn run(
    plan: PullPlan,
    route: Route,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> Pulled {
    let client = Client::new(route, plan.protocol);
    let (checker, verified) = (Checker::new(plan.shard.0, Road::Pull), Verified::none());
    let mut reader = PullReader { checker, verified, latency: Latency::new(), shared };
    tokio::select! {
        outcome = reader.read_all(&plan, &client) => {
            if let Err(failure) = outcome {
                reader.shared.complain(format!("pull: {failure}"));
            }
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    Pulled { faults: reader.checker.faults, latency: reader.latency }
}

struct PullReader {
    checker: Checker,
    verified: Verified,
    latency: Latency,
    shared: Arc<Shared>,
}

impl PullReader {
    async fn read_all(&mut self, plan: &PullPlan, client: &Client) -> Result<(), Failure> {
        let mut iterator = first_iterator(plan, client).await?;
        self.shared.live.subscribed.add(1);
        let mut failures = 0;
        loop {
            match client.call("GetRecords", format!(r#"{{"ShardIterator":"{iterator}"}}"#)).await {
                Ok(body) => {
                    failures = 0;
                    match self.page(&body) {
                        Some(next) => iterator = next,
                        None => return Ok(()),
                    }
                    tokio::time::sleep(plan.interval).await;
                }
                Err(failure) => {
                    let throttled = failure.is("ProvisionedThroughputExceededException");
                    self.shared.live.pull_throttled.add(u64::from(throttled));
                    failures += u32::from(!throttled);
                    if failures >= MAX_FAILURES || failure.is("ExpiredIteratorException") {
                        return Err(failure);
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Checks one reply's records; the next iterator unless the shard is at its end.
    fn page(&mut self, body: &[u8]) -> Option<String> {
        let now = now_ns();
        let mut records = 0;
        let page = read_page(body, |entry| {
            records += 1;
            let fresh = self.checker.record(
                &self.shared.ledger,
                &mut self.verified,
                &entry.sequence_number,
                &entry.data,
            );
            if let Some(fresh) = fresh {
                self.latency.record(now.saturating_sub(fresh.header.intended_ns));
            }
        });
        self.shared.live.pulled.add(records);
        if page.is_none() {
            self.checker.faults.corrupt += 1;
            self.shared.complain("a GetRecords reply does not parse");
        }
        page?.next_iterator.and_then(|iterator| String::from_utf8(iterator.into_owned()).ok())
    }
}

async fn first_iterator(plan: &PullPlan, client: &Client) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reply {
        shard_iterator: String,
    }
    let (stream, shard, kind) = (&plan.stream, &plan.shard.1, plan.iterator_type);
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
