//! Is anything that was acknowledged ever lost? The server is killed while four producers write and consumers
//! read, started again on the same directory, and held against what was noted outside it: nothing is lost,
//! and what clients saw of each shard, and when, can have happened (`history` judges it).
//!
//! `FANLIGHT_KILL_CYCLES` sets how often, `FANLIGHT_KILL_SEED` repeats a run's choices.

use std::env;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kill_load::{Load, SOUND};
use crate::ledger::Ledger;
use crate::stage::numbers;
use crate::subscribers::{Delivered, Place, Subscribers};
use crate::support::block_on;
use crate::support::efo::{Connection, Windows, at, at_number};
use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::server::{Options, Server};
use crate::witness::Witness;

const STREAM: &str = "orders";
const SHARDS: u32 = 3;
/// Cycles unless the environment says otherwise.
const CYCLES: u32 = 100;
/// Records acknowledged before a kill: a number in this range, drawn anew each time.
const ACKS_BEFORE_KILL: std::ops::Range<usize> = 5..200;
/// Small enough that what was written before is read from the disk.
const TAIL_BYTES: &str = "2097152";

/// A server, and everything its clients know of it.
struct Attack {
    server: Server,
    /// Taking turns: a consumer may not subscribe twice within five seconds of one life of the server.
    consumers: [String; 2],
    rng: fastrand::Rng,
    ledger: Ledger,
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
        let ledger = Ledger::new(STREAM, SHARDS);
        Attack { server, consumers, rng, ledger, pushed: 0, recoveries: Vec::new() }
    }

    fn consumer(&self, cycle: u32) -> &str {
        &self.consumers[cycle as usize % 2]
    }

    fn kinesis(&self) -> Kinesis {
        Kinesis { address: self.server.address() }
    }

    /// Load, kill, restart; then everybody reads on where they were.
    fn cycle(&mut self, cycle: u32) {
        let witness = self.ledger.wait_at_tips(self.kinesis());
        let load = Load::start(self.server.address(), cycle, self.rng.u64(..), SOUND, &witness);
        let pushed = self.push_until_killed(&load, &witness, cycle);
        self.ledger.acked.extend(load.finish());
        let began = Instant::now();
        self.server.restart();
        self.recoveries.push(began.elapsed());
        // The iterators were given out before the kill.
        self.ledger.read_on(self.kinesis());
        self.compare_pushed(pushed, &witness, cycle);
        self.ledger.check();
    }

    /// Subscribes to every shard, kills the server at a moment drawn at random, and tells what had come.
    fn push_until_killed(&mut self, load: &Load, witness: &Arc<Witness>, cycle: u32) -> Delivered {
        let count = self.rng.usize(ACKS_BEFORE_KILL);
        let subscribers = Subscribers::start(self.server.address(), self.consumer(cycle), witness);
        load.wait_for_acks(count);
        self.server.kill_9();
        subscribers.finish()
    }

    /// What was pushed before the kill and from there on after it is what the shards hold, each record once.
    fn compare_pushed(&mut self, pushed: Delivered, witness: &Witness, cycle: u32) {
        let name = format!("c{cycle}-");
        for (shard, Place { reader, mut records, continuation }) in pushed {
            let held = &self.ledger.pulled[&shard];
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
            witness.pushed(&shard, reader, &rest);
            records.extend(rest);
            assert_eq!(numbers(&records), numbers(&due), "pushed before and after the kill, against the log");
            self.pushed += records.len();
        }
    }

    /// Stream and consumers are as they were, and a reader from the beginning sees what was read on the way.
    fn check_from_scratch(&self) {
        for consumer in &self.consumers {
            let described = self.kinesis().ok("DescribeStreamConsumer", &json!({"ConsumerARN": consumer}));
            assert_eq!(described["ConsumerDescription"]["ConsumerStatus"], "ACTIVE");
        }
        let summary = self.kinesis().ok("DescribeStreamSummary", &json!({"StreamName": STREAM}));
        assert_eq!(summary["StreamDescriptionSummary"]["OpenShardCount"], SHARDS);
        self.ledger.check_from_scratch(self.kinesis());
        let (address, consumer) = (self.server.address(), self.consumer(0));
        let shard = shard_id(0);
        let pulled = &self.ledger.pulled[&shard];
        let pushed = block_on(async {
            let connection = Connection::open(address, Windows::default()).await;
            connection.subscribe(consumer, &shard, at("TRIM_HORIZON")).await.records(pulled.len()).await.0
        });
        assert_eq!(numbers(&pushed), numbers(pulled));
    }
}

fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error is open");
}

fn attack(io: &str) {
    let cycles = env::var("FANLIGHT_KILL_CYCLES").map_or(CYCLES, |it| it.parse().expect("a number"));
    let mut attack = Attack::begin(io);
    for cycle in 0..cycles {
        attack.cycle(cycle);
    }
    // The subscriptions of the last cycle are of the life before this one.
    attack.server.restart();
    attack.check_from_scratch();
    assert!(attack.pushed > 0, "no subscription ever brought anything");
    assert!(attack.ledger.tried > 0, "no shard ever got two records one after the other");
    attack.recoveries.sort_unstable();
    let (p50, max) = (attack.recoveries[attack.recoveries.len() / 2], attack.recoveries.last());
    say(&format!(
        "kill -9 with --io {io}: {cycles} cycles, {} records acknowledged and {} pushed, 0 lost; {} histories, 0 that \
         cannot be; from start to ready p50 {p50:.0?}, max {:.0?}",
        attack.ledger.acked.len(),
        attack.pushed,
        cycles * SHARDS,
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
