//! What a scrape of a large server takes: ten streams of a hundred shards each, all with enhanced monitoring,
//! and twenty consumers of each stream, all of which were subscribed and pushed to.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::efo::{Connection, Event, Windows, at};
use crate::support::http;
use crate::support::kinesis::{Kinesis, blob, hash_key, shard_id};
use crate::support::server::{Options, Server};
use crate::support::{block_on, say, wait_for};

const STREAMS: usize = 10;
const SHARDS: u32 = 100;
const CONSUMERS: usize = 20;
/// Scrapes of which the median counts.
const SCRAPES: usize = 15;
/// Bytes of one answer at most.
const BYTES_MAX: usize = 5 << 20;
/// How long one may take: the bar for a release build, which others are held to ten times of.
const TIME_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });

/// Builds it and scrapes it.
pub(crate) fn judge() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    (0..STREAMS).for_each(|at| fill(kinesis, &format!("stream-{at}")));
    let counted = || scrape(&server).1.matches("kinesis_shard_incoming_records_total{").count();
    let all = STREAMS * SHARDS as usize;
    wait_for("the series of all shards", || (counted() == all).then_some(()));
    let mut times: Vec<_> = (0..SCRAPES).map(|_| scrape(&server).0).collect();
    times.sort_unstable();
    let (median, worst) = (times[SCRAPES / 2], times[SCRAPES - 1]);
    let text = scrape(&server).1;
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    say(&format!(
        "scrape of {all} shards and {} consumers: {median:?} (worst {worst:?}), {} bytes, {samples} samples",
        STREAMS * CONSUMERS,
        text.len()
    ));
    assert_eq!(text.matches("kinesis_efo_latency_seconds_count{").count(), STREAMS * CONSUMERS);
    assert!(text.len() <= BYTES_MAX, "{} bytes", text.len());
    assert!(median <= TIME_MAX, "{median:?}, at most {TIME_MAX:?}");
}

/// A stream, its consumers subscribed to its first shard, and a record in each shard.
fn fill(kinesis: Kinesis, stream: &str) {
    let arn = kinesis.create(stream, SHARDS);
    kinesis.ok("EnableEnhancedMonitoring", &json!({"StreamName": stream, "ShardLevelMetrics": ["ALL"]}));
    let consumers: Vec<_> =
        (0..CONSUMERS).map(|at| kinesis.register(&arn, &format!("consumer-{at}"))).collect();
    block_on(async {
        let connection = Connection::open(kinesis.address, Windows::default()).await;
        let mut subscriptions = Vec::new();
        for consumer in &consumers {
            subscriptions.push(connection.subscribe(consumer, &shard_id(0), at("LATEST")).await);
        }
        put_to_each(kinesis, stream);
        for subscription in &mut subscriptions {
            while !matches!(subscription.next().await, Some(Event::Records(event)) if event["Records"] != json!([]))
            {
            }
        }
    });
}

fn put_to_each(kinesis: Kinesis, stream: &str) {
    let key = |at: u32| hash_key(at.into(), SHARDS.into());
    let entry = |at| json!({"PartitionKey": "k", "ExplicitHashKey": key(at), "Data": blob(b"counted")});
    let records: Vec<_> = (0..SHARDS).map(entry).collect();
    let output = kinesis.ok("PutRecords", &json!({"StreamName": stream, "Records": records}));
    assert_eq!(output["FailedRecordCount"], 0, "{output}");
}

/// How long a scrape took, and what it answered.
fn scrape(server: &Server) -> (Duration, String) {
    let started = Instant::now();
    let answer = http::get(server.admin_address(), "/metrics").expect("the metrics");
    let took = started.elapsed();
    assert_eq!(answer.status, 200);
    (took, String::from_utf8(answer.body).expect("text"))
}
