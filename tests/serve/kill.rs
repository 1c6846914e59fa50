//! Is anything that was acknowledged ever lost? The server is killed while four producers write and consumers
//! read, started again on the same directory, and held against what was noted outside it.
//!
//! `FANLIGHT_KILL_CYCLES` sets how often, `FANLIGHT_KILL_SEED` repeats a run's choices.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kill_load::{Acked, Load, is_intact};
use crate::support::block_on;
use crate::support::efo::{Connection, Event, Windows, at, at_number};
use crate::support::kinesis::{Kinesis, Record, shard_id, text};
use crate::support::server::{Options, Server};

const STREAM: &str = "orders";
const SHARDS: u32 = 3;
/// Cycles unless the environment says otherwise.
const CYCLES: u32 = 100;
/// Records acknowledged before a kill: a number in this range, drawn anew each time.
const ACKS_BEFORE_KILL: std::ops::Range<usize> = 5..200;
/// Small enough that what was written before is read from the disk.
const TAIL_BYTES: &str = "2097152";

/// A consumer's view of the stream: what each shard has delivered, and where to go on.
type Delivered = BTreeMap<String, (Vec<Record>, Option<String>)>;

/// A server, and everything its clients know of it.
struct Attack {
    server: Server,
    /// Taking turns: a consumer may not subscribe twice within five seconds of one life of the server.
    consumers: [String; 2],
    rng: fastrand::Rng,
    acked: Acked,
    pulled: BTreeMap<String, Vec<Record>>,
    /// Of each shard, how many of the pulled records were looked at.
    checked: BTreeMap<String, usize>,
    found: HashMap<String, (String, String)>,
    /// Records that were pushed and compared.
    pushed: usize,
    recoveries: Vec<Duration>,
}

impl Attack {
    fn begin(io: &str) -> Attack {
        let seed = env::var("FANLIGHT_KILL_SEED").ok().and_then(|it| it.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        say(&format!("kill -9 with --io {io}: FANLIGHT_KILL_SEED={seed}"));
        let extra = ["--io", io, "--tail-bytes", TAIL_BYTES].map(str::to_owned).to_vec();
        let server = Server::start(Options { limits: "off", extra, ..Options::default() });
        let kinesis = Kinesis { address: server.address() };
        let arn = kinesis.create(STREAM, SHARDS);
        let consumers = ["odd", "even"].map(|name| kinesis.register(&arn, name));
        let rng = fastrand::Rng::with_seed(seed);
        let (acked, pulled, recoveries) = (Acked::new(), BTreeMap::new(), Vec::new());
        let (checked, found) = (BTreeMap::new(), HashMap::new());
        Attack { server, consumers, rng, acked, pulled, checked, found, pushed: 0, recoveries }
    }

    fn consumer(&self, cycle: u32) -> &str {
        &self.consumers[cycle as usize % 2]
    }

    fn kinesis(&self) -> Kinesis {
        Kinesis { address: self.server.address() }
    }

    /// Load, kill, restart; then everybody reads on where they were.
    fn cycle(&mut self, cycle: u32) {
        let latest = json!({"ShardIteratorType": "LATEST"});
        let iterators: Vec<_> =
            shards().map(|it| self.kinesis().iterator(STREAM, &it, latest.clone())).collect();
        let load = Load::start(self.server.address(), STREAM, cycle, self.rng.u64(..));
        let pushed = self.push_until_killed(&load, cycle);
        self.acked.extend(load.finish());
        let began = Instant::now();
        self.server.restart();
        self.recoveries.push(began.elapsed());
        for (shard, iterator) in shards().zip(iterators) {
            // The iterator was given out before the kill.
            let (records, _) = self.kinesis().read_to_tip(iterator);
            self.pulled.entry(shard).or_default().extend(records);
        }
        self.compare_pushed(pushed, cycle);
    }

    /// Subscribes to every shard, kills the server at a moment drawn at random, and tells what had come.
    fn push_until_killed(&mut self, load: &Load, cycle: u32) -> Delivered {
        let count = self.rng.usize(ACKS_BEFORE_KILL);
        let (address, consumer) = (self.server.address(), self.consumer(cycle).to_owned());
        let (subscribed, all_subscribed) = channel();
        std::thread::scope(|scope| {
            let subscriber = scope.spawn(move || block_on(deliver_all(address, &consumer, subscribed)));
            all_subscribed.recv().expect("every shard takes a subscription");
            load.wait_for_acks(count);
            self.server.kill_9();
            subscriber.join().expect("a subscriber ends without a panic")
        })
    }

    /// What was pushed before the kill and from there on after it is what the shards hold, each record once.
    fn compare_pushed(&mut self, pushed: Delivered, cycle: u32) {
        let name = format!("c{cycle}-");
        for (shard, (mut records, continuation)) in pushed {
            let held = &self.pulled[&shard];
            // Subscriptions began somewhere in this cycle or, where nothing had come yet, begin now.
            let due: Vec<_> = match records.first() {
                Some(first) => held.iter().filter(|it| it.number >= first.number).cloned().collect(),
                None => continue,
            };
            assert!(records.iter().all(|it| it.key.starts_with(&name)), "LATEST brought older records");
            let continuation = continuation.expect("every event tells where to go on");
            let (address, consumer) = (self.server.address(), self.consumer(cycle));
            let missing = due.len() - records.len().min(due.len());
            let rest = block_on(async {
                let connection = Connection::open(address, Windows::default()).await;
                let position = at_number("AFTER_SEQUENCE_NUMBER", &continuation);
                let mut subscription = connection.subscribe(consumer, &shard, position).await;
                if missing > 0 { subscription.records(missing).await.0 } else { Vec::new() }
            });
            records.extend(rest);
            assert_eq!(numbers(&records), numbers(&due), "pushed before and after the kill, against the log");
            self.pushed += records.len();
        }
    }

    /// All that was ever acknowledged is there, once, where the server said; and shards are in order.
    fn check(&mut self) {
        let found = &mut self.found;
        for (shard, records) in &self.pulled {
            let checked = self.checked.entry(shard.clone()).or_default();
            let fresh = &records[checked.saturating_sub(1)..];
            assert!(fresh.windows(2).all(|two| two[0].number < two[1].number), "{shard} is out of order");
            for record in &records[std::mem::replace(checked, records.len())..] {
                assert_eq!(record.number.len(), 56, "{record:?}");
                assert!(is_intact(record), "{} was changed", record.key);
                let twice = found.insert(record.key.clone(), (shard.clone(), record.number.clone()));
                assert_eq!(twice, None, "{} is there twice", record.key);
            }
        }
        let lost: Vec<_> =
            self.acked.iter().filter(|(name, place)| found.get(*name) != Some(*place)).collect();
        assert!(
            lost.is_empty(),
            "{} of {} acknowledged records lost: {lost:?}",
            lost.len(),
            self.acked.len()
        );
    }

    /// Stream and consumers are as they were, and a reader from the beginning sees what was read on the way.
    fn check_from_scratch(&self) {
        for consumer in &self.consumers {
            let described = self.kinesis().ok("DescribeStreamConsumer", &json!({"ConsumerARN": consumer}));
            assert_eq!(described["ConsumerDescription"]["ConsumerStatus"], "ACTIVE");
        }
        let summary = self.kinesis().ok("DescribeStreamSummary", &json!({"StreamName": STREAM}));
        assert_eq!(summary["StreamDescriptionSummary"]["OpenShardCount"], SHARDS);
        for (shard, records) in &self.pulled {
            assert_eq!(numbers(&self.kinesis().read_shard(STREAM, shard)), numbers(records), "{shard}");
        }
        let (address, consumer) = (self.server.address(), self.consumer(0));
        let shard = shard_id(0);
        let pulled = &self.pulled[&shard];
        let pushed = block_on(async {
            let connection = Connection::open(address, Windows::default()).await;
            connection.subscribe(consumer, &shard, at("TRIM_HORIZON")).await.records(pulled.len()).await.0
        });
        assert_eq!(numbers(&pushed), numbers(pulled));
    }
}

/// Subscribes to all shards at their tip, says so, and reads until the connection breaks.
async fn deliver_all(address: SocketAddr, consumer: &str, subscribed: Sender<()>) -> Delivered {
    let connection = Connection::open(address, Windows::default()).await;
    let mut readers = tokio::task::JoinSet::new();
    for shard in shards() {
        let mut subscription = connection.subscribe(consumer, &shard, at("LATEST")).await;
        readers.spawn(async move {
            let (mut records, mut continuation) = (Vec::new(), None);
            while let Ok(Some(event)) = subscription.try_next().await {
                if let Event::Records(event) = event {
                    records.extend(Record::read_all(&event));
                    continuation = Some(text(&event, "ContinuationSequenceNumber"));
                }
            }
            (shard, (records, continuation))
        });
    }
    subscribed.send(()).expect("the test waits for it");
    let mut all = Delivered::new();
    while let Some(reader) = readers.join_next().await {
        all.extend([reader.expect("a reader ends without a panic")]);
    }
    all
}

fn shards() -> impl Iterator<Item = String> {
    (0..SHARDS).map(shard_id)
}

fn numbers(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.number.as_str()).collect()
}

fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error is open");
}

fn attack(io: &str) {
    let cycles = env::var("FANLIGHT_KILL_CYCLES").map_or(CYCLES, |it| it.parse().expect("a number"));
    let mut attack = Attack::begin(io);
    for cycle in 0..cycles {
        attack.cycle(cycle);
        attack.check();
    }
    // The subscriptions of the last cycle are of the life before this one.
    attack.server.restart();
    attack.check_from_scratch();
    assert!(attack.pushed > 0, "no subscription ever brought anything");
    attack.recoveries.sort_unstable();
    let (p50, max) = (attack.recoveries[attack.recoveries.len() / 2], attack.recoveries.last());
    say(&format!(
        "kill -9 with --io {io}: {cycles} cycles, {} records acknowledged and {} pushed, 0 lost; from start to \
         ready p50 {p50:.0?}, max {:.0?}",
        attack.acked.len(),
        attack.pushed,
        max.expect("there was a cycle")
    ));
}

#[test]
fn does_kill_9_lose_acknowledged_records_with_io_uring() {
    attack("uring");
}

#[test]
fn does_kill_9_lose_acknowledged_records_with_threads() {
    attack("threads");
}
