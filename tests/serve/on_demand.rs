//! Do streams on demand follow their traffic, up and down, and lose nothing of it for who follows their
//! shards? In paused time: what is waited for takes minutes and a day.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use fanlight::throttle::Quotas;
use serde_json::{Value, json};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::simulated_server::{Received, STEP, Simulated, simulated_under};
use crate::support::http;
use crate::support::kinesis::{Kinesis, Record, blob, hash_key, shard_id, text};
use crate::support::server::{Options, Server};
use crate::support::wait_for;

const STREAM: &str = "orders";
const HOUR: Duration = Duration::from_secs(3600);
/// What shards take here of what the service's take: ten records a second.
const FACTOR: f64 = 0.01;
/// Looks at something that changes by the second before it is given up.
const LOOKS_MAX: usize = 2000;

fn quotas() -> Quotas {
    Quotas { consumers_per_stream: 20, read_calls: 1000, calls_factor: 1.0, ..Quotas::aws().scaled(FACTOR) }
}

async fn summary(server: &Simulated) -> (String, u64) {
    let output = server.ok("DescribeStreamSummary", json!({"StreamName": STREAM})).await;
    let summary = &output["StreamDescriptionSummary"];
    (text(summary, "StreamStatus"), summary["OpenShardCount"].as_u64().expect("a number"))
}

/// Looks until it holds, for less than a few simulated minutes.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        sleep(10 * STEP).await;
    }
    panic!("waited in vain for {what}");
}

/// A consumer that reads every shard to its end and goes on with the children, once all their parents are
/// read.
struct Follower {
    server: Simulated,
    consumer: String,
    /// What came, by key.
    records: RefCell<BTreeMap<String, Vec<Vec<u8>>>>,
    count: Cell<usize>,
    ended: RefCell<BTreeSet<String>>,
    begun: RefCell<BTreeSet<String>>,
}

impl Follower {
    async fn start(server: &Simulated, arn: &str, shards: u32) -> Rc<Follower> {
        let consumer = server.register(arn, "follower").await;
        let follower = Rc::new(Follower {
            server: server.clone(),
            consumer,
            records: RefCell::default(),
            count: Cell::new(0),
            ended: RefCell::default(),
            begun: RefCell::default(),
        });
        (0..shards).for_each(|shard| follower.begin(shard_id(shard)));
        follower
    }

    fn begin(self: &Rc<Self>, shard: String) {
        if self.begun.borrow_mut().insert(shard.clone()) {
            spawn_local(self.clone().read(shard));
        }
    }

    async fn read(self: Rc<Self>, shard: String) {
        let mut position = json!({"Type": "TRIM_HORIZON"});
        loop {
            let accepted = self.server.subscribe(&self.consumer, &shard, &position).await;
            let last = Rc::new(RefCell::new(Value::Null));
            let (follower, told) = (self.clone(), last.clone());
            let inbox = Received::telling(move |event| {
                follower.take(event);
                told.replace(event.clone());
            });
            accepted.unwrap_or_else(|error| panic!("{shard}: {error}")).drive(inbox).await;
            let last = last.take();
            if let Some(children) = last["ChildShards"].as_array() {
                return self.end(shard, children);
            }
            // Ended in its time; without an event it begins again where it began.
            if let Some(number) = last["ContinuationSequenceNumber"].as_str() {
                position = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number});
            }
        }
    }

    fn take(&self, event: &Value) {
        // The first message says only that the subscription stands.
        if event.get("Records").is_none() {
            return;
        }
        let records = Record::read_all(event);
        self.count.set(self.count.get() + records.len());
        for record in records {
            self.records.borrow_mut().entry(record.key).or_default().push(record.data);
        }
    }

    fn end(self: &Rc<Self>, shard: String, children: &[Value]) {
        self.ended.borrow_mut().insert(shard);
        for child in children {
            let parents = child["ParentShards"].as_array().expect("parents");
            let ended = |parent: &Value| self.ended.borrow().contains(parent.as_str().expect("an id"));
            if parents.iter().all(ended) {
                self.begin(text(child, "ShardId"));
            }
        }
    }
}

/// Puts records in one call; tells of each whether it was taken.
async fn put(server: &Simulated, records: &[Value]) -> Vec<bool> {
    let output = server.ok("PutRecords", json!({"StreamName": STREAM, "Records": records})).await;
    let entries = output["Records"].as_array().expect("an entry for each");
    let throttled = json!("ProvisionedThroughputExceededException");
    let taken = |entry: &Value| {
        assert!(entry["ErrorCode"].is_null() || entry["ErrorCode"] == throttled, "{entry}");
        entry["ErrorCode"].is_null()
    };
    entries.iter().map(taken).collect()
}

/// What became of the records that were offered.
#[derive(Default)]
struct Driven {
    /// Those that were taken, by key.
    taken: BTreeMap<String, Vec<Vec<u8>>>,
    count: usize,
    /// How many were throttled in the last half.
    throttled: usize,
}

/// Offers so many calls of five records a second for so long, numbered, each by its key.
async fn drive(server: &Simulated, calls: u32, secs: u32) -> Driven {
    let key = |number: u32| format!("key-{}", number * 7919 % 997);
    let mut calls_under_way = Vec::new();
    for call in 0..calls * secs {
        let numbers = 5 * call..5 * call + 5;
        let record =
            |number: u32| json!({"PartitionKey": key(number), "Data": blob(number.to_string().as_bytes())});
        let (server, records) = (server.clone(), numbers.clone().map(record).collect::<Vec<_>>());
        // Not awaited here: the next is due whether or not this one is answered.
        calls_under_way.push((numbers, spawn_local(async move { put(&server, &records).await })));
        sleep(Duration::from_secs(1) / calls).await;
    }
    let mut driven = Driven::default();
    for (numbers, call) in calls_under_way {
        let is_late = numbers.start > 5 * calls * secs / 2;
        for (number, taken) in numbers.zip(call.await.expect("an answer")) {
            if taken {
                driven.taken.entry(key(number)).or_default().push(number.to_string().into_bytes());
            }
            driven.count += usize::from(taken);
            driven.throttled += usize::from(!taken && is_late);
        }
    }
    driven
}

#[test]
fn a_stream_grows_with_its_traffic_shrinks_after_a_quiet_day_and_loses_nothing() {
    simulated_under(Some(quotas()), async |server| {
        let arn = server.create_as(json!({"StreamName": STREAM})).await;
        assert_eq!(summary(&server).await, ("ACTIVE".to_owned(), 4));
        let follower = Follower::start(&server, &arn, 4).await;
        // About ten shards' worth, on four.
        let driven = drive(&server, 20, 200).await;
        let (status, grown) = summary(&server).await;
        assert_eq!(status, "ACTIVE", "users see its shards alone");
        assert!((20..=40).contains(&grown), "{grown} shards for ten shards' traffic");
        assert_eq!(driven.throttled, 0, "in the last half");
        assert!(driven.count > 10_000, "{}", driven.count);
        until("the last record", async || follower.count.get() >= driven.count).await;
        assert_eq!(*follower.records.borrow(), driven.taken, "every record once, each key's in order");

        server.time.advance(23 * HOUR);
        sleep(300 * STEP).await;
        assert_eq!(summary(&server).await.1, grown, "a day is not over");
        server.time.advance(2 * HOUR);
        until("the shards to be merged", async || summary(&server).await.1 == 4).await;
        sleep(300 * STEP).await;
        assert_eq!(summary(&server).await, ("ACTIVE".to_owned(), 4));
        // Through all splits and merges, down to the shards that are left.
        let count = driven.count + drive(&server, 1, 20).await.count;
        until("what came later", async || follower.count.get() >= count).await;
        assert_eq!(follower.count.get(), count);
    });
}

#[test]
fn skewed_traffic_is_split_where_half_of_it_lies() {
    simulated_under(Some(quotas()), async |server| {
        server.create_as(json!({"StreamName": STREAM})).await;
        // Nine of ten in the upper sixteenth of the first shard, evenly.
        let quarter = 1_u128 << 126;
        let (upper, step) = (quarter - (quarter >> 4), (quarter >> 4) / 1000);
        let key =
            |at: u128| if at.is_multiple_of(10) { at * (upper / 1000) } else { upper + at % 1000 * step };
        let mut keys = Vec::new();
        until("the split", async || {
            let some: Vec<_> = (keys.len() as u128..).take(3).map(|at| key(at * 617 % 1000)).collect();
            let record = |key: &u128| {
                json!({"PartitionKey": "k", "Data": blob(b"x"), "ExplicitHashKey": key.to_string()})
            };
            put(&server, &some.iter().map(record).collect::<Vec<_>>()).await;
            keys.extend(some);
            summary(&server).await.1 > 4
        })
        .await;
        let open = json!({"StreamName": STREAM, "ShardFilter": {"Type": "AT_LATEST"}});
        let listed = server.ok("ListShards", open).await;
        let children: Vec<_> = listed["Shards"]
            .as_array()
            .expect("shards")
            .iter()
            .filter(|shard| shard["ParentShardId"] == json!(shard_id(0)))
            .collect();
        assert_eq!(children.len(), 2);
        let cut: u128 = text(&children[1]["HashKeyRange"], "StartingHashKey").parse().expect("a number");
        let below = keys.iter().filter(|&&key| key < cut).count() * 100 / keys.len();
        assert!(cut > upper && (40..=60).contains(&below), "{below} % below {cut}");
    });
}

#[test]
fn one_key_is_not_split_for_ever() {
    simulated_under(Some(quotas()), async |server| {
        server.create_as(json!({"StreamName": STREAM})).await;
        let record = json!({"PartitionKey": "same", "Data": blob(b"x")});
        let mut throttled = 0;
        for _ in 0..180 {
            let outcomes = put(&server, &vec![record.clone(); 50]).await;
            throttled += outcomes.iter().filter(|taken| !**taken).count();
            sleep(Duration::from_secs(1)).await;
        }
        assert!(throttled > 5000, "{throttled} of 9000: its shard has far too much to do");
        assert_eq!(summary(&server).await.1, 4, "no split would help");
    });
}

#[test]
fn who_scales_by_hand_is_refused_and_what_is_done_is_counted() {
    let extra = ["--limits-factor", "0.01", "--on-demand-split-secs", "1"].map(str::to_owned).to_vec();
    let server = Server::start(Options { limits: "aws", extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.ok("CreateStream", &json!({"StreamName": STREAM}));
    kinesis.wait_active(STREAM);
    let split = json!({"StreamName": STREAM, "ShardToSplit": shard_id(0), "NewStartingHashKey": "7"});
    let merge =
        json!({"StreamName": STREAM, "ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)});
    let scale = json!({"StreamName": STREAM, "TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"});
    let text = "Request is invalid. Stream orders under account 000000000000 is in On-Demand mode.";
    for (operation, input) in [("SplitShard", split), ("MergeShards", merge), ("UpdateShardCount", scale)] {
        let refused = kinesis.refused(operation, &input);
        assert_eq!(refused, ("ValidationException".to_owned(), text.to_owned()), "{operation}");
    }
    let key =
        |at: u128| json!({"PartitionKey": "k", "Data": blob(b"x"), "ExplicitHashKey": hash_key(at, 40)});
    let records: Vec<_> = (0..40).map(key).collect();
    let done = "fanlight_on_demand_reshards_total{stream=\"orders\",kind=\"split\"}";
    let splits = wait_for("a split", || {
        http::call(server.address(), "PutRecords", &json!({"StreamName": STREAM, "Records": records}));
        let text = http::get(server.admin_address(), "/metrics").expect("metrics");
        let text = String::from_utf8_lossy(&text.body).into_owned();
        text.lines().find_map(|line| line.strip_prefix(done)?.trim().parse::<u64>().ok()).filter(|&it| it > 0)
    });
    assert!((1..=4).contains(&splits), "{splits}");
    assert!(server.output().contains("a stream on demand is resharded"), "{}", server.output());
}
