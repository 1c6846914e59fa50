//! A disk that has no room, or makes nothing durable, for a while and under load: puts are refused as
//! retriable and the server says so, reads and pushes go on, and once the disk is well so are puts, without a
//! restart. Then the power goes, and nothing acknowledged is lost. Needs FUSE, as the power cuts do.
//!
//! `FANLIGHT_AILING_SEED` repeats a run's choices.

use std::env;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::forgetful_mount::Mounted;
use crate::kill_load::{Acked, Load, Refusal, Terms};
use crate::ledger::Ledger;
use crate::stage::numbers;
use crate::subscribers::Subscribers;
use crate::support::efo::{Connection, Windows, at};
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};
use crate::support::{block_on, wait_for};

const STREAM: &str = "orders";
const SHARDS: u32 = 2;
/// Moments at which each ailment begins, for each way of doing I/O.
const ROUNDS: u32 = 3;
/// Records acknowledged before it begins: a number in this range, drawn anew each time.
const ACKS_BEFORE: std::ops::Range<usize> = 0..300;
/// Records acknowledged after it has ended.
const ACKS_AFTER: usize = 50;
/// From the disk's recovery to the server's: it tries every second, and looks every second.
const RECOVERY_SECS_MAX: u64 = 10;
const TERMS: Terms = Terms { bytes_max: 1 << 20, refusal: Refusal::GoOn };

/// What ails the disk, and how it shows.
#[derive(Clone, Copy)]
struct Ailment {
    name: &'static str,
    /// Inflicts it on the volume, or takes it away.
    inflict: fn(&Mounted, bool),
    /// What `/readyz` says meanwhile.
    reason: &'static str,
    /// What `fanlight_storage_failures_total` counts meanwhile.
    operation: &'static str,
}

const FULL: Ailment = Ailment {
    name: "full disk",
    inflict: |mounted, on| mounted.volume().is_full = on,
    reason: "full",
    operation: "write_behind",
};

const NOTHING_DURABLE: Ailment = Ailment {
    name: "no sync succeeds",
    inflict: |mounted, on| mounted.volume().fails_all = on,
    reason: "has stopped",
    operation: "commit",
};

/// A volume, a server on it, and its clients.
struct Case {
    server: Server,
    mounted: Mounted,
    ledger: Ledger,
    /// The consumer that subscribes only while the disk ails.
    late: String,
    subscribers: Subscribers,
    load: Load,
}

impl Case {
    fn begin(io: &str, seed: u64) -> std::io::Result<Case> {
        let mounted = Mounted::new(seed)?;
        let extra = ["--io", io, "--tail-bytes", "65536"].map(str::to_owned).to_vec();
        let data_dir = Some(mounted.path().join("data"));
        let server = Server::start(Options { limits: "off", extra, data_dir, ..Options::default() });
        let kinesis = Kinesis { address: server.address() };
        let arn = kinesis.create(STREAM, SHARDS);
        let [early, late] = ["early", "late"].map(|name| kinesis.register(&arn, name));
        let mut ledger = Ledger::new(STREAM, SHARDS);
        let witness = ledger.wait_at_tips(kinesis);
        let subscribers = Subscribers::start(server.address(), &early, &witness);
        let load = Load::start(server.address(), 0, seed, TERMS, &witness);
        Ok(Case { server, mounted, ledger, late, subscribers, load })
    }

    fn kinesis(&self) -> Kinesis {
        Kinesis { address: self.server.address() }
    }

    /// From a moment under load on the disk ails.
    fn ails(&mut self, ailment: Ailment, acks: usize) {
        self.load.wait_for_acks(acks);
        (ailment.inflict)(&self.mounted, true);
        self.load.wait_for_refusal();
        wait_for("a server that says what ails it", || {
            let (status, told) = self.server.readiness();
            let is_healthy = self.server.metric("fanlight_storage_healthy");
            (status == 503 && told.contains(ailment.reason) && is_healthy == 0.0).then_some(())
        });
        let failures = format!("fanlight_storage_failures_total{{operation=\"{}\"}}", ailment.operation);
        assert!(self.server.metric(&failures) > 0.0);
    }

    /// Whoever reads gets all that is acknowledged: pulled, pushed, and pushed to one who begins now.
    fn serves_readers(&mut self) {
        let acked = self.load.acked();
        self.ledger.read_on(self.kinesis());
        self.ledger.check_read(&acked);
        wait_for("everything acknowledged to be pushed", || self.subscribers.have(&acked).then_some(()));
        for (shard, due) in &first_of(&self.ledger, &acked) {
            let first = block_on(async {
                let connection = Connection::open(self.server.address(), Windows::default()).await;
                connection.subscribe(&self.late, shard, at("TRIM_HORIZON")).await.records(1).await.0
            });
            assert_eq!(first[0].number, *due, "the first of {shard}");
        }
        assert_eq!(self.load.unread(), 0, "reads failed");
    }

    /// The disk is well again, and so is the server; tells how long that took.
    fn recovers(&self, ailment: Ailment) -> Duration {
        let before = self.load.acked().len();
        (ailment.inflict)(&self.mounted, false);
        let began = Instant::now();
        self.load.wait_for_acks(before + 1);
        wait_for("a server that is ready", || (self.server.readiness().0 == 200).then_some(()));
        let took = began.elapsed();
        self.load.wait_for_acks(before + ACKS_AFTER);
        assert_eq!(self.server.metric("fanlight_storage_healthy"), 1.0);
        assert_eq!(self.load.unread(), 0, "reads failed");
        took
    }

    /// The power goes in the midst of it all; tells how many records were acknowledged.
    fn loses_nothing(mut self) -> usize {
        self.mounted.volume().power_off();
        self.server.kill_9();
        self.ledger.acked.extend(self.load.finish());
        self.mounted.volume().power_on();
        self.server.restart();
        let kinesis = Kinesis { address: self.server.address() };
        self.ledger.read_on(kinesis);
        self.ledger.check();
        self.ledger.check_from_scratch(kinesis);
        for (shard, pushed) in self.subscribers.finish() {
            let pulled = &self.ledger.pulled[&shard];
            assert_eq!(numbers(&pushed.records), numbers(&pulled[..pushed.records.len()]), "{shard}, pushed");
        }
        self.ledger.acked.len()
    }
}

/// The first record of each shard that has any acknowledged.
fn first_of(ledger: &Ledger, acked: &Acked) -> Vec<(String, String)> {
    let has_any = |shard: &str| acked.values().any(|(acked, _)| acked == shard);
    let shards = ledger.pulled.iter().filter(|(shard, _)| has_any(shard));
    shards.map(|(shard, records)| (shard.clone(), records[0].number.clone())).collect()
}

fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error is open");
}

fn suffer(ailment: Ailment, io: &str) {
    let seed = env::var("FANLIGHT_AILING_SEED").ok().and_then(|it| it.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let name = ailment.name;
    say(&format!("{name} with --io {io}: FANLIGHT_AILING_SEED={seed}"));
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut acked, mut slowest) = (0, Duration::ZERO);
    for _ in 0..ROUNDS {
        let mut case = match Case::begin(io, rng.u64(..)) {
            Ok(case) => case,
            Err(error) => return say(&format!("{name} NOT RUN, no FUSE file system here: {error}")),
        };
        case.ails(ailment, rng.usize(ACKS_BEFORE));
        case.serves_readers();
        slowest = slowest.max(case.recovers(ailment));
        acked += case.loses_nothing();
    }
    assert!(slowest < Duration::from_secs(RECOVERY_SECS_MAX), "{slowest:?} until it went on");
    say(&format!(
        "{name} with --io {io}: {ROUNDS} times, {acked} records acknowledged, 0 lost; it went on by itself within \
         {slowest:.1?}"
    ));
}

#[test]
fn does_a_full_disk_pass_without_a_restart_with_io_uring() {
    suffer(FULL, "uring");
}

#[test]
fn does_a_full_disk_pass_without_a_restart_with_threads() {
    suffer(FULL, "threads");
}

#[test]
fn do_failing_syncs_pass_without_a_restart_with_io_uring() {
    suffer(NOTHING_DURABLE, "uring");
}

#[test]
fn do_failing_syncs_pass_without_a_restart_with_threads() {
    suffer(NOTHING_DURABLE, "threads");
}
