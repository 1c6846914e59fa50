//! How long opening a data directory takes: shards that are idle, a tail that no footer vouches for, and
//! sealed data, which should cost next to nothing. Each row builds its directory, ends the process's work as
//! a kill would, and opens it again. The last two rows differ by what is sealed alone.
//!
//! `cargo bench --bench recovery`; `RECOVERY_FULL=1` builds the full sizes (10,000 shards, 1 GiB of unsealed
//! tail, 10 GiB sealed), `RECOVERY_DIR` says where, `RECOVERY_ROW` runs the rows whose name holds that word.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanlight::platform::{Backend, Clock, open};
use fanlight::storage::{Durability, Engine, Settings, Sizes};
use fanlight::types::{Instant, LogId, Timestamp};

const MIB: u64 = 1 << 20;
/// Bytes of a record of the rows that are about bytes.
const RECORD_BYTES: usize = 256 << 10;
/// Records of which a segment of 64 MiB is full, and those left in the open one behind them.
const SEALED_RECORDS: u64 = 254;
const OPEN_RECORDS: u64 = 20;
/// Times a directory is opened; the figure is the median.
const OPENINGS: usize = 5;

/// What a directory holds.
struct Row {
    name: &'static str,
    shards: u64,
    bytes_each: u64,
    /// Segments as large as that: a small one is sealed early, a large one stays open.
    segment_bytes: u64,
    /// Whether the server was stopped in order.
    clean: bool,
}

fn main() -> io::Result<()> {
    let full = std::env::var_os("RECOVERY_FULL").is_some();
    let (shards, tail, sealed_segments) = if full { (10_000, 1024, 10) } else { (500, 64, 1) };
    let rows = [
        Row { name: "nothing", shards: 1, bytes_each: 0, segment_bytes: 64 * MIB, clean: true },
        Row { name: "idle shards, stopped", shards, bytes_each: 0, segment_bytes: MIB / 16, clean: true },
        Row { name: "idle shards, killed", shards, bytes_each: 0, segment_bytes: MIB / 16, clean: false },
        Row {
            name: "unsealed tail, killed",
            shards: 16,
            bytes_each: tail / 16 * MIB,
            segment_bytes: 128 * MIB,
            clean: false,
        },
        Row {
            name: "open segments, stopped",
            shards: 16,
            bytes_each: OPEN_RECORDS * RECORD_BYTES as u64,
            segment_bytes: 64 * MIB,
            clean: true,
        },
        Row {
            name: "and sealed ones",
            shards: 16,
            bytes_each: (sealed_segments * SEALED_RECORDS + OPEN_RECORDS) * RECORD_BYTES as u64,
            segment_bytes: 64 * MIB,
            clean: true,
        },
    ];
    println!("{:<24} {:>8} {:>10} {:>10}", "directory", "shards", "MiB", "open ms");
    let word = std::env::var("RECOVERY_ROW").unwrap_or_default();
    rows.iter().filter(|row| row.name.contains(&word)).try_for_each(Row::report)
}

fn place() -> PathBuf {
    let base = std::env::var_os("RECOVERY_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    base.join(format!("fanlight-recovery-{}", std::process::id()))
}

fn engine(place: &Path, segment_bytes: u64) -> io::Result<Engine> {
    let sizes = Sizes { segment_min: segment_bytes, ..Sizes::default() };
    let settings = Settings { durability: Durability::Sync, tail_bytes: 64 << 20, sizes };
    Engine::open(open(place, Backend::Auto)?, settings).map_err(io::Error::other)
}

fn settle(engine: &mut Engine) {
    engine.step(Instant::default());
    while engine.is_busy() {
        engine.wait();
        engine.step(Instant::default());
    }
}

impl Row {
    fn report(&self) -> io::Result<()> {
        let place = place();
        self.build(&place)?;
        let mut openings = (0..OPENINGS).map(|_| self.open(&place)).collect::<io::Result<Vec<_>>>()?;
        openings.sort_unstable();
        let took = openings[OPENINGS / 2].as_secs_f64() * 1000.0;
        let mib = self.shards * self.bytes_each / MIB;
        println!("{:<24} {:>8} {mib:>10} {took:>10.1}", self.name, self.shards);
        std::fs::remove_dir_all(&place)
    }

    /// How long it takes to open the directory, which that leaves as it is.
    fn open(&self, place: &Path) -> io::Result<Duration> {
        let clock = Clock::system();
        let began = clock.now();
        let opened = engine(place, self.segment_bytes)?;
        let took = clock.now().since(began);
        let has_records = |log: &&LogId| opened.tip(**log).is_some_and(|tip| tip.0 > 0);
        let found = opened.log_ids().iter().filter(has_records).count();
        assert_eq!(found as u64, self.shards, "every shard is there again");
        Ok(took)
    }

    fn build(&self, place: &Path) -> io::Result<()> {
        let mut engine = engine(place, self.segment_bytes)?;
        (1..=self.shards).for_each(|id| engine.open_log(LogId(id)));
        let data = vec![7; if self.bytes_each == 0 { 100 } else { RECORD_BYTES }];
        let rounds = (self.bytes_each / RECORD_BYTES as u64).max(1);
        for round in 0..rounds {
            for id in 1..=self.shards {
                let arrival = Timestamp::from_millis(round);
                engine
                    .append(LogId(id), b"key", &data, arrival, Instant::default())
                    .map_err(io::Error::other)?;
            }
            engine.submit(Instant::default());
            settle(&mut engine);
        }
        if self.clean {
            engine.want_all_written();
            settle(&mut engine);
            engine.end_journal(Instant::default());
            settle(&mut engine);
        }
        Ok(())
    }
}
