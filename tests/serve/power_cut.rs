//! Is anything that was acknowledged lost when the power goes? The real server on a file system that forgets
//! what was not synced. Needs `/dev/fuse` and the right to mount; says so where it is not run.
//!
//! `FANLIGHT_POWER_CUTS` sets how many per backend, `FANLIGHT_POWER_SEED` repeats a run's choices.

use std::env;
use std::io::Write;

use crate::forgetful_mount::Mounted;
use crate::kill_load::{Load, Refusal, Terms};
use crate::ledger::Ledger;
use crate::stage::numbers;
use crate::support::block_on;
use crate::support::efo::{Connection, Windows, at};
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};

const STREAM: &str = "orders";
const SHARDS: u32 = 2;
/// Power cuts of each backend unless the environment says otherwise.
const CUTS: u32 = 100;
/// Cuts that one volume suffers before the next, empty one takes its place.
const CUTS_OF_A_VOLUME: u32 = 50;
/// Records acknowledged before a cut: a number in this range, drawn anew each time.
const ACKS_BEFORE_CUT: std::ops::Range<usize> = 0..250;
/// Records are smaller than this: on one volume many commits, on the next journal files that are used again.
const RECORD_BYTES_MAX: [usize; 2] = [12_000, 400_000];

/// One volume, a server on it, and everything its clients know.
struct Outage {
    server: Server,
    mounted: Mounted,
    consumer: String,
    ledger: Ledger,
}

impl Outage {
    fn begin(io: &str, seed: u64, seeded_bug: Option<&'static str>) -> std::io::Result<Outage> {
        let mounted = Mounted::new(seed)?;
        let extra = ["--io", io, "--tail-bytes", "65536"].map(str::to_owned).to_vec();
        let data_dir = Some(mounted.path().join("data"));
        let server =
            Server::start(Options { limits: "off", extra, data_dir, seeded_bug, ..Options::default() });
        let kinesis = Kinesis { address: server.address() };
        let consumer = kinesis.register(&kinesis.create(STREAM, SHARDS), "reader");
        Ok(Outage { server, mounted, consumer, ledger: Ledger::new(STREAM, SHARDS) })
    }

    fn kinesis(&self) -> Kinesis {
        Kinesis { address: self.server.address() }
    }

    /// Load, a cut in the middle of it, a restart; then what was acknowledged is read.
    fn cut(&mut self, cycle: u32, rng: &mut fastrand::Rng) {
        let bytes_max = RECORD_BYTES_MAX[(cycle / CUTS_OF_A_VOLUME) as usize % 2];
        let witness = self.ledger.wait_at_tips(self.kinesis());
        let acks = rng.usize(ACKS_BEFORE_CUT);
        let terms = Terms { bytes_max, refusal: Refusal::End };
        let load = Load::start(self.server.address(), cycle, rng.u64(..), terms, &witness);
        if rng.u32(..4) == 0 {
            // A sync fails, and what it covered is never safe again, though the system says so later.
            self.mounted.volume().fail_sync(rng.u64(1..100));
        }
        load.wait_for_acks_or_end(acks);
        self.mounted.volume().power_off();
        self.server.kill_9();
        self.ledger.acked.extend(load.finish());
        self.mounted.volume().power_on();
        self.server.restart();
        self.ledger.read_on(self.kinesis());
        self.ledger.check();
    }

    /// From the beginning, pulled and pushed: what was there after one cut is there after all that followed.
    fn check_from_scratch(&self) {
        self.ledger.check_from_scratch(self.kinesis());
        for (shard, records) in &self.ledger.pulled {
            let pushed = block_on(async {
                let connection = Connection::open(self.server.address(), Windows::default()).await;
                let mut all = connection.subscribe(&self.consumer, shard, at("TRIM_HORIZON")).await;
                if records.is_empty() { Vec::new() } else { all.records(records.len()).await.0 }
            });
            assert_eq!(numbers(&pushed), numbers(records), "{shard}, pushed");
        }
    }
}

fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error is open");
}

fn setting<T: std::str::FromStr>(variable: &str) -> Option<T> {
    env::var(variable).ok()?.parse().ok()
}

fn outages(io: &str) {
    let cuts = setting("FANLIGHT_POWER_CUTS").unwrap_or(CUTS);
    let seed = setting("FANLIGHT_POWER_SEED").unwrap_or_else(|| fastrand::u64(..));
    say(&format!("power cuts with --io {io}: FANLIGHT_POWER_SEED={seed}"));
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut acked, mut forgotten, mut tried, mut done) = (0, 0, 0, 0);
    while done < cuts {
        let mut outage = match Outage::begin(io, rng.u64(..), None) {
            Ok(outage) => outage,
            Err(error) => return say(&format!("power cuts NOT RUN, no FUSE file system here: {error}")),
        };
        for _ in 0..CUTS_OF_A_VOLUME.min(cuts - done) {
            outage.cut(done, &mut rng);
            done += 1;
        }
        outage.check_from_scratch();
        acked += outage.ledger.acked.len();
        tried += outage.ledger.tried;
        forgotten += outage.mounted.volume().forgotten;
    }
    assert!(forgotten > u64::from(cuts), "the volume never forgot anything");
    assert!(tried > 0, "no shard ever got two records one after the other");
    say(&format!(
        "power cuts with --io {io}: {done} cuts, {acked} records acknowledged, 0 lost; {forgotten} sectors and names \
         forgotten; {} histories, 0 that cannot be",
        done * SHARDS
    ));
}

/// Cuts until a server with this bug is found to have lost something.
#[cfg(feature = "seeded-bugs")]
fn cuts_to_find(bug: &'static str) {
    let mut rng = fastrand::Rng::with_seed(1);
    let cuts = std::cell::Cell::new(0);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let Ok(mut outage) = Outage::begin("auto", rng.u64(..), Some(bug)) else {
            return say("power cuts NOT RUN, no FUSE file system here");
        };
        while cuts.get() < CUTS_OF_A_VOLUME {
            cuts.set(cuts.get() + 1);
            outage.cut(cuts.get(), &mut rng);
        }
        cuts.set(u32::MAX);
    }));
    say(&format!("{bug}: found after {} power cuts", cuts.get()));
    assert!(found.is_err() || cuts.get() == 0, "{bug} was not found");
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn does_a_power_cut_find_a_directory_that_was_not_synced() {
    cuts_to_find("DirectoryNotSynced");
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn does_a_power_cut_find_a_write_that_was_not_synced() {
    cuts_to_find("WriteNotSynced");
}

#[test]
fn does_a_power_cut_lose_acknowledged_records_with_io_uring() {
    outages("uring");
}

#[test]
fn does_a_power_cut_lose_acknowledged_records_with_threads() {
    outages("threads");
}
