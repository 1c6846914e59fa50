//! What durability costs on top of the bare device: the engine's commits beside synced writes of the same
//! disk, in turns within one run, so that a noisy neighbour disturbs both alike. Figures are medians over the
//! rounds; a round's figure is its p50, or its rate.
//!
//! `cargo bench --bench commit`; `COMMIT_DIR` sets the directory, `COMMIT_ROUNDS` how many rounds (9).

#[path = "support/disk.rs"]
mod disk;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanlight::platform::{AlignedBuf, Backend, Clock, Disk, FileId, Op, Outcome, Preallocation, Token, open};
use fanlight::storage::{Durability, Engine, Event, Settings, Sizes, StorageError};
use fanlight::types::{Instant, LogId, Timestamp};

use disk::run;

type Failure = Box<dyn std::error::Error>;

const BARE_FILE_BYTES: u64 = 64 << 20;
const RECORD_BYTES: usize = 1024;
const IN_FLIGHT: usize = 256;
const SHARDS: u64 = 64;
const ROUND: Duration = Duration::from_millis(250);
/// Long enough for the journal to go round, so that write-behind is in the figure.
const RATE_ROUND: Duration = Duration::from_millis(1500);

fn main() -> Result<(), Failure> {
    let place = place()?;
    let rounds = std::env::var("COMMIT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(9);
    let mut bench = Bench::open(&place)?;
    bench.latency(rounds)?;
    bench.company(rounds)?;
    bench.rate(rounds)?;
    drop(bench);
    Ok(std::fs::remove_dir_all(&place)?)
}

fn place() -> io::Result<PathBuf> {
    let parent = std::env::var_os("COMMIT_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let place = parent.join(format!("commit-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    Ok(place)
}

/// The bare disk and the engine, each on a directory of its own.
struct Bench {
    bare: Bare,
    ours: Ours,
}

impl Bench {
    fn open(place: &Path) -> Result<Self, Failure> {
        let mut bench =
            Self { bare: Bare::open(&place.join("bare"))?, ours: Ours::open(&place.join("data"))? };
        // The journal's files are made, and every block was written to once.
        bench.ours.keep_in_flight(IN_FLIGHT, 2 * RATE_ROUND)?;
        bench.ours.flush();
        Ok(bench)
    }

    fn latency(&mut self, rounds: usize) -> Result<(), Failure> {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            bare.push(self.bare.write_for(4 << 10, ROUND)?.p50());
            ours.push(self.ours.commit_for(1, ROUND)?.p50());
        }
        compare(
            "one record in flight",
            ("4 KiB synced write", "us", bare),
            ("commit p50", ours),
            "at most 1.2",
        );
        Ok(())
    }

    fn company(&mut self, rounds: usize) -> Result<(), Failure> {
        let (mut one, mut all, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            one.push(self.ours.commit_for(1, ROUND)?.p50());
            all.push(self.ours.commit_for(SHARDS, ROUND)?.p50());
            bare.push(self.bare.write_for(72 << 10, ROUND)?.p50());
        }
        compare(
            "64 busy shards",
            ("one shard's commit p50", "us", one),
            ("commit p50", all.clone()),
            "at most 2",
        );
        compare("the same", ("72 KiB synced write", "us", bare), ("commit p50", all), "no bar");
        Ok(())
    }

    fn rate(&mut self, rounds: usize) -> Result<(), Failure> {
        let (mut bare, mut twice, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        let (mut written, mut acked) = (0, 0);
        for _ in 0..rounds {
            twice.push(self.bare.write_twice_for(IN_FLIGHT * RECORD_BYTES, ROUND)? * IN_FLIGHT as f64);
            let writes = self.bare.write_for(IN_FLIGHT * RECORD_BYTES, ROUND)?;
            bare.push(writes.per_second() * IN_FLIGHT as f64);
            let before = bytes_to_disk()?;
            let run = self.ours.keep_in_flight(IN_FLIGHT, RATE_ROUND)?;
            ours.push(run.per_second());
            self.ours.flush();
            written += bytes_to_disk()? - before;
            acked += run.0.len() as u64 * RECORD_BYTES as u64;
        }
        let bare = ("256 KiB synced writes carry", "records/s", bare);
        compare("256 in flight", bare, ("committed", ours.clone()), "at least 0.6");
        let twice = ("beside as much in 1 MiB blocks", "records/s", twice);
        compare("the same", twice, ("committed", ours), "no bar");
        let amplification = written as f64 / acked as f64;
        println!(
            "{:<16} {} MiB to disk for {} MiB acknowledged, segments included: \
             write amplification {amplification:.2} (at most 2.2)",
            "written",
            written >> 20,
            acked >> 20
        );
        Ok(())
    }
}

/// Prints two medians and their ratio.
fn compare(what: &str, bare: (&str, &str, Vec<f64>), ours: (&str, Vec<f64>), bar: &str) {
    let (base, figure) = (median(bare.2), median(ours.1));
    println!(
        "{what:<16} {:<30} {base:>9.0} {unit:<9}  {:<12} {figure:>9.0} {unit:<9}  x {:.2} ({bar})",
        bare.0,
        ours.0,
        figure / base,
        unit = bare.1
    );
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Nanoseconds of each operation of a round; together they fill it.
struct Round(Vec<u64>, Duration);

impl Round {
    fn p50(mut self) -> f64 {
        self.0.sort_unstable();
        self.0[self.0.len() / 2] as f64 / 1e3
    }

    fn per_second(&self) -> f64 {
        self.0.len() as f64 / self.1.as_secs_f64()
    }
}

/// Durable writes to a zero-filled file, one after another.
struct Bare {
    disk: Box<dyn Disk>,
    file: FileId,
    at: u64,
    clock: Clock,
}

impl Bare {
    fn open(dir: &Path) -> io::Result<Self> {
        let mut disk = open(dir, Backend::Auto)?;
        let (path, preallocation) = ("bare".to_owned(), Preallocation::Zeroed);
        let created = run(&mut *disk, Op::Create { path, bytes: BARE_FILE_BYTES, preallocation });
        let Outcome::Created(file) = created.result? else { return Err(io::Error::other("no file")) };
        Ok(Self { disk, file, at: 0, clock: Clock::system() })
    }

    /// What a log that writes everything twice can come to: synced writes one after another, while as many
    /// bytes go elsewhere in synced blocks of a megabyte. Tells how many of the former there are in a second.
    fn write_twice_for(&mut self, bytes: usize, time: Duration) -> io::Result<f64> {
        let (clock, disk) = (self.clock.clone(), &mut *self.disk);
        let (half, block) = (BARE_FILE_BYTES / 2, 1 << 20);
        let (mut fast, mut behind, mut in_flight, mut done) = (0u64, 0u64, 0, Vec::new());
        let began = clock.now();
        let submit = |disk: &mut dyn Disk, token, at, len| {
            let mut buf = AlignedBuf::zeroed(len);
            buf.as_mut_slice().fill(0x5a);
            disk.submit(Token(token), Op::Write { file: self.file, at, buf, durable: true });
        };
        submit(disk, 0, 0, bytes);
        while clock.now().since(began) < time || in_flight > 0 {
            disk.kick();
            disk.wait();
            disk.reap(&mut done);
            for completion in done.drain(..) {
                completion.result?;
                let is_over = clock.now().since(began) >= time;
                match completion.token {
                    Token(0) => {
                        fast += 1;
                        if !is_over {
                            submit(disk, 0, fast * bytes as u64 % half, bytes);
                        }
                    }
                    _ => in_flight -= 1,
                }
                while !is_over && behind * block < fast * bytes as u64 && in_flight < 4 {
                    submit(disk, 1, half + behind * block % half, 1 << 20);
                    behind += 1;
                    in_flight += 1;
                }
            }
        }
        Ok(fast as f64 / clock.now().since(began).as_secs_f64())
    }

    fn write_for(&mut self, bytes: usize, time: Duration) -> io::Result<Round> {
        let mut buf = AlignedBuf::zeroed(bytes);
        buf.as_mut_slice().fill(0x5a);
        let (mut nanos, began) = (Vec::new(), self.clock.now());
        let mut now = began;
        while now.since(began) < time {
            if self.at + bytes as u64 > BARE_FILE_BYTES {
                self.at = 0;
            }
            let op = Op::Write { file: self.file, at: self.at, buf, durable: true };
            buf = match run(&mut *self.disk, op).result? {
                Outcome::Buf(buf) => buf,
                _ => return Err(io::Error::other("a write answers with its buffer")),
            };
            self.at += bytes as u64;
            let after = self.clock.now();
            nanos.push(nanos_of(after.since(now)));
            now = after;
        }
        Ok(Round(nanos, now.since(began)))
    }
}

/// The engine, driven as the server drives it but for the waiting, which blocks as that of the bare disk.
struct Ours {
    engine: Engine,
    clock: Clock,
    record: Vec<u8>,
}

impl Ours {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let settings =
            Settings { durability: Durability::Sync, tail_bytes: 64 << 20, sizes: Sizes::default() };
        let mut engine = Engine::open(open(dir, Backend::Auto)?, settings)?;
        (1..=SHARDS).for_each(|log| engine.open_log(LogId(log)));
        Ok(Self { engine, clock: Clock::system(), record: vec![0x42; RECORD_BYTES] })
    }

    /// Commits one record of each of `shards` shards, again and again.
    fn commit_for(&mut self, shards: u64, time: Duration) -> Result<Round, StorageError> {
        let (mut nanos, began) = (Vec::new(), self.clock.now());
        let mut now = began;
        while now.since(began) < time {
            let wall = self.clock.wall();
            for log in 1..=shards {
                self.append(LogId(log), wall, now)?;
            }
            self.engine.submit(now);
            self.engine.start_background(now);
            let mut left = shards;
            while left > 0 {
                left -= self.wait();
            }
            let after = self.clock.now();
            nanos.push(nanos_of(after.since(now)));
            now = after;
        }
        Ok(Round(nanos, now.since(began)))
    }

    /// Keeps `count` records of one shard in flight; one figure for each that was committed.
    fn keep_in_flight(&mut self, count: usize, time: Duration) -> Result<Round, StorageError> {
        let (mut committed, mut in_flight, began) = (Vec::new(), 0, self.clock.now());
        let mut now = began;
        while now.since(began) < time {
            // They come together, as those of a call of PutRecords do.
            let wall = self.clock.wall();
            while in_flight < count {
                self.append(LogId(1), wall, now)?;
                in_flight += 1;
            }
            self.engine.submit(now);
            self.engine.start_background(now);
            let done = usize::try_from(self.wait()).unwrap_or_default();
            in_flight -= done;
            now = self.clock.now();
            committed.resize(committed.len() + done, 0);
        }
        let took = now.since(began);
        while in_flight > 0 {
            in_flight -= usize::try_from(self.wait()).unwrap_or_default();
        }
        Ok(Round(committed, took))
    }

    fn append(&mut self, log: LogId, wall: Timestamp, now: Instant) -> Result<(), StorageError> {
        self.engine.append(log, b"partition-key", &self.record, wall, now).map(drop)
    }

    /// Waits for the disk; tells how many records were committed. What nobody waits for is started once the
    /// next commit is under way, while the server's producers have yet to hear of the last one.
    fn wait(&mut self) -> u64 {
        self.engine.wait();
        self.engine.collect(self.clock.now());
        let count = |event: &Event| match event {
            Event::Committed { batch, .. } => u64::from(batch.count()),
            Event::Submitted(_) | Event::Stopped => 0,
        };
        self.engine.take_events().iter().map(count).sum()
    }

    /// Brings everything to the segments.
    fn flush(&mut self) {
        loop {
            self.engine.want_all_written();
            self.engine.step(self.clock.now());
            if !self.engine.is_busy() {
                return;
            }
            self.engine.wait();
        }
    }
}

/// What this process has had written to the disk so far, by the kernel's count.
fn bytes_to_disk() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let count = text.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    count.ok_or_else(|| io::Error::other("the kernel does not count bytes written"))
}

fn nanos_of(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
