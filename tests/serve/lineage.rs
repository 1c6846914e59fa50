//! Consumers that follow a stream through its reshards, by push and by pull: each key in order, nothing lost
//! and nothing twice. On the simulated server, in time that costs nothing.
//!
//! `FANLIGHT_LINEAGES` sets how many courses, `FANLIGHT_LINEAGE` repeats one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use fanlight::platform::sim::SimDisk;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::sleep;

use crate::lanes;
use crate::simulated_server::{Received, STEP, Simulated, simulated};
use crate::support::kinesis::{Record, blob, text};

/// Courses unless the environment says otherwise.
const LINEAGES: u64 = 400;
const STREAM: &str = "s";
const KEYS: usize = 12;
/// Longer than anything but the idle event is waited for, which would hide an end that nobody is told of.
const PROMPT: Duration = Duration::from_secs(1);

/// Payloads by key, in the order they came.
type Seen = BTreeMap<String, Vec<u64>>;

/// What a consumer knows: the shards it has read to their end, those it reads, what it was given.
#[derive(Default)]
struct Follower {
    begun: BTreeSet<String>,
    ended: BTreeSet<String>,
    seen: Seen,
}

impl Follower {
    fn take(&mut self, records: &Value) {
        for record in records.as_array().into_iter().flatten().map(Record::read) {
            let payload = u64::from_le_bytes(record.data.try_into().expect("eight bytes"));
            self.seen.entry(record.key).or_default().push(payload);
        }
    }

    /// A shard has ended; answers which to begin now: children all of whose parents have ended.
    fn end(&mut self, shard: &str, children: &Value) -> Vec<String> {
        assert!(self.ended.insert(shard.to_owned()), "{shard} ends twice");
        let children = children.as_array().expect("children");
        assert!(!children.is_empty(), "{shard} ends and nothing follows");
        let is_due = |child: &&Value| {
            let parents = child["ParentShards"].as_array().expect("parents");
            assert!((1..=2).contains(&parents.len()) && parents.contains(&json!(shard)), "{child}");
            parents.iter().all(|parent| self.ended.contains(parent.as_str().expect("an id")))
        };
        let due: Vec<_> = children.iter().filter(is_due).map(|child| text(child, "ShardId")).collect();
        due.into_iter().filter(|shard| self.begin(shard)).collect()
    }

    fn begin(&mut self, shard: &str) -> bool {
        self.begun.insert(shard.to_owned())
    }

    fn is_reading_all_of(&self, open: &[Value]) -> bool {
        let open: BTreeSet<_> = open.iter().map(|shard| text(shard, "ShardId")).collect();
        self.begun.difference(&self.ended).cloned().collect::<BTreeSet<_>>() == open
    }
}

/// Follows a shard and what comes after it by push.
fn push(server: Simulated, consumer: String, shard: String, follower: Rc<RefCell<Follower>>) {
    spawn_local(async move {
        let start = json!({"Type": "TRIM_HORIZON"});
        let events = server.subscribe(&consumer, &shard, &start).await.expect("accepted");
        let received = Received::telling(move |event| {
            let mut following = follower.borrow_mut();
            following.take(&event["Records"]);
            if event.get("ChildShards").is_some() {
                assert!(event.get("ContinuationSequenceNumber").is_none(), "{event}");
                for child in following.end(&shard, &event["ChildShards"]) {
                    push(server.clone(), consumer.clone(), child, follower.clone());
                }
            }
        });
        events.drive(received).await;
    });
}

/// Follows the shards by pull, until there is nothing more to read.
struct Puller {
    follower: Follower,
    iterators: BTreeMap<String, String>,
}

impl Puller {
    async fn new(server: &Simulated) -> Puller {
        let mut puller = Puller { follower: Follower::default(), iterators: BTreeMap::new() };
        for shard in shards(server, "AT_TRIM_HORIZON").await {
            puller.begin(server, text(&shard, "ShardId")).await;
        }
        puller
    }

    async fn begin(&mut self, server: &Simulated, shard: String) {
        let start = json!({"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = text(&server.ok("GetShardIterator", start).await, "ShardIterator");
        self.follower.begin(&shard);
        self.iterators.insert(shard, iterator);
    }

    /// One page of each shard it reads; tells whether there was anything.
    async fn round(&mut self, server: &Simulated, limit: usize) -> bool {
        let mut any = false;
        for (shard, iterator) in std::mem::take(&mut self.iterators) {
            let page = server.ok("GetRecords", json!({"ShardIterator": iterator, "Limit": limit})).await;
            any |= page["Records"] != json!([]);
            self.follower.take(&page["Records"]);
            if let Some(next) = page["NextShardIterator"].as_str() {
                assert!(page.get("ChildShards").is_none(), "{page}");
                self.iterators.insert(shard, next.to_owned());
                continue;
            }
            any = true;
            for child in self.follower.end(&shard, &page["ChildShards"]) {
                self.begin(server, child).await;
            }
        }
        any
    }
}

async fn shards(server: &Simulated, filter: &str) -> Vec<Value> {
    let input = json!({"StreamName": STREAM, "ShardFilter": {"Type": filter}});
    server.ok("ListShards", input).await["Shards"].as_array().expect("shards").clone()
}

fn hash_keys(shard: &Value) -> (u128, u128) {
    let bound = |name: &str| text(&shard["HashKeyRange"], name).parse().expect("a hash key");
    (bound("StartingHashKey"), bound("EndingHashKey"))
}

/// A producer, an operator and time, by the dice.
struct Course {
    server: Simulated,
    rng: Rng,
    put: Rc<RefCell<Seen>>,
    payload: u64,
}

impl Course {
    /// Puts a record. It is under way while what comes next is asked for, as others' puts are; puts of one
    /// key wait for each other, as those of a producer that cares for order do.
    async fn put(&mut self) {
        let key = format!("key-{}", self.rng.usize(..KEYS));
        self.payload += 1;
        self.put.borrow_mut().entry(key.clone()).or_default().push(self.payload);
        let data = blob(&self.payload.to_le_bytes());
        self.server.ok("PutRecord", json!({"StreamName": STREAM, "PartitionKey": key, "Data": data})).await;
    }

    /// Splits, merges or scales; a stream that is busy refuses.
    async fn reshard(&mut self) {
        let open = shards(&self.server, "AT_LATEST").await;
        let at = self.rng.usize(..open.len());
        let (low, high) = hash_keys(&open[at]);
        let shard = text(&open[at], "ShardId");
        let mut scale = json!({"StreamName": STREAM, "ScalingType": "UNIFORM_SCALING"});
        let (operation, input) = match self.rng.u32(..3) {
            0 if high - low > 8 => {
                let middle = (low + (high - low) / 8 * self.rng.u128(2..7)).to_string();
                (
                    "SplitShard",
                    json!({"StreamName": STREAM, "ShardToSplit": shard, "NewStartingHashKey": middle}),
                )
            }
            1 if high < u128::MAX => {
                let upper = open.iter().find(|other| hash_keys(other).0 == high + 1).expect("no gap");
                let upper = text(upper, "ShardId");
                (
                    "MergeShards",
                    json!({"StreamName": STREAM, "ShardToMerge": shard, "AdjacentShardToMerge": upper}),
                )
            }
            _ => {
                scale["TargetShardCount"] = json!(self.rng.u32(1..12));
                ("UpdateShardCount", scale)
            }
        };
        let (status, answer) = self.server.call(operation, input).await;
        assert!(
            status == 200 || text(&answer, "__type") == "ResourceInUseException",
            "{operation}: {answer}"
        );
    }

    /// Something happens: a reshard beside a burst of puts, or time passes.
    async fn step(&mut self) {
        match self.rng.u32(..4) {
            0 => sleep(STEP * self.rng.u32(..500)).await,
            1 => sleep(STEP).await,
            _ => {
                let mut operator = Course {
                    server: self.server.clone(),
                    rng: self.rng.fork(),
                    put: self.put.clone(),
                    payload: 0,
                };
                let burst = async {
                    for _ in 0..self.rng.usize(..20) {
                        self.put().await;
                    }
                };
                tokio::join!(operator.reshard(), burst);
            }
        }
    }
}

/// One course from its number.
async fn run(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let server = Simulated::on(SimDisk::new(seed), Duration::ZERO).await;
    let first = rng.u32(1..9);
    let arn = server.create_as(json!({"StreamName": STREAM, "ShardCount": first})).await;
    let pushed = Rc::new(RefCell::new(Follower::default()));
    let consumer = server.register(&arn, "pushed").await;
    for shard in shards(&server, "AT_TRIM_HORIZON").await {
        let shard = text(&shard, "ShardId");
        pushed.borrow_mut().begin(&shard);
        push(server.clone(), consumer.clone(), shard, pushed.clone());
    }
    let mut puller = Puller::new(&server).await;
    let steps = rng.usize(3..14);
    let mut course = Course { server: server.clone(), rng, put: Rc::default(), payload: 0 };
    for _ in 0..steps {
        course.step().await;
        let limit = course.rng.usize(1..30);
        puller.round(&server, limit).await;
    }
    while puller.round(&server, 1000).await {}
    sleep(PROMPT).await;
    let open = shards(&server, "AT_LATEST").await;
    let put = course.put.borrow().clone();
    for (how, follower) in [("push", &*pushed.borrow()), ("pull", &puller.follower)] {
        assert_eq!(follower.seen, put, "by {how}");
        assert!(follower.is_reading_all_of(&open), "by {how}: {:?} of {open:?}", follower.begun);
    }
}

/// In a runtime of its own, in paused time.
fn in_paused_time(course: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), course);
}

#[test]
fn does_who_follows_the_shards_get_every_record_once_and_each_key_in_order() {
    if let Some(seed) = lanes::number("FANLIGHT_LINEAGE") {
        return in_paused_time(run(seed));
    }
    let lineages = lanes::number("FANLIGHT_LINEAGES").unwrap_or(LINEAGES);
    let repeat = |seed| format!("FANLIGHT_LINEAGE={seed} cargo test --test serve who_follows_the_shards");
    lanes::all((0, lineages), repeat, |seed, (): &mut ()| in_paused_time(run(seed)));
}

/// A put may be under way while its shard closes. Its commit, which comes after the end was told, went to
/// subscribers at the tip past their tasks, and the shard's end waited for the next idle event: up to 5 s.
#[test]
fn does_a_shard_end_at_once_though_a_put_was_under_way_when_it_closed() {
    simulated(async |server| {
        let mut late_puts = 0;
        for turns in 0..40 {
            let stream = format!("s-{turns}");
            let arn = server.create(&stream).await;
            let consumer = server.register(&arn, "c").await;
            let received = Received::of(server.accept(&consumer).await.expect("accepted"));
            sleep(STEP).await;
            let middle = (1_u128 << 127).to_string();
            let split = json!({"StreamName": stream, "ShardToSplit": "0", "NewStartingHashKey": middle});
            let put = async {
                for _ in 0..turns {
                    yield_now().await;
                }
                let record = json!({"StreamName": stream, "PartitionKey": "k", "Data": "bGF0ZQ=="});
                text(&server.ok("PutRecord", record).await, "ShardId")
            };
            let (_, shard) = tokio::join!(server.ok("SplitShard", split), put);
            late_puts += usize::from(turns > 0 && shard.ends_with("00"));
            sleep(PROMPT).await;
            assert!(received.is_finished(), "after {turns} turns: {:?}", received.messages());
        }
        assert!(late_puts > 1, "no put was under way");
    });
}
