//! How long a durable append takes, one in flight, as the server waits for it: inside a tokio runtime of one
//! thread. Compares ways to wait for the ring, the ring against `tokio-uring` and against threads, and files
//! written with zeros against files whose blocks are only reserved.
//!
//! `cargo bench --bench append`; `APPEND_SECS` sets the seconds per row (2), `APPEND_DIR` the directory.

#[path = "support/disk.rs"]
mod disk;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanlight::platform::{
    AlignedBuf, BLOCK, Backend, Clock, Completion, Disk, FileId, Op, Outcome, Preallocation, Readiness,
    TaskRun, Token, open, open_ring,
};
use fanlight::types::Instant;
use hdrhistogram::Histogram;
use rustix::event::EventfdFlags;
use rustix::fs::OFlags;
use tokio_uring::buf::BoundedBuf;

use disk::run;

const FILE: &str = "log";
/// Large enough that a pass over reserved blocks rarely ends early; it meets none twice.
const FILE_BYTES: u64 = 64 << 20;
/// A row's seconds are spread over this many passes.
const PASSES: u32 = 5;
const SIZES: [usize; 2] = [4 << 10, 64 << 10];
/// Rounds left out of the figures, while caches and the device warm up.
const WARM_UP: u64 = 20;

/// A way to append, and how it waits.
type Method = (&'static str, fn(&Round<'_>) -> io::Result<Latencies>);

const METHODS: [Method; 8] = [
    ("ring fd, interrupting", |round| round.on_ring_fd(TaskRun::Interrupting)),
    ("ring fd, cooperative", |round| round.on_ring_fd(TaskRun::Cooperative)),
    ("ring and eventfd, interrupting", |round| round.on_eventfd(TaskRun::Interrupting)),
    ("ring and eventfd, cooperative", |round| round.on_eventfd(TaskRun::Cooperative)),
    ("ring and eventfd, deferred", |round| round.on_eventfd(TaskRun::Deferred)),
    ("ring, blocking wait", |round| round.blocking(&mut open_ring(round.place, TaskRun::default())?)),
    ("threads and eventfd", |round| round.on_runtime(&mut *open(round.place, Backend::Threads)?, None)),
    ("tokio-uring 0.5", |round| round.with_tokio_uring()),
];

fn main() -> io::Result<()> {
    let place = place()?;
    println!(
        "{:<44} {:>6} {:>8} {:>8} {:>8} {:>8}",
        "method, file", "bytes", "p50 us", "p99 us", "p99.9 us", "/s"
    );
    for preallocation in [Preallocation::Zeroed, Preallocation::Reserved] {
        for bytes in SIZES {
            Round { place: &place, preallocation, bytes }.report()?;
        }
    }
    std::fs::remove_dir_all(&place)
}

fn place() -> io::Result<PathBuf> {
    let parent = std::env::var_os("APPEND_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let place = parent.join(format!("append-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    Ok(place)
}

/// What one block of rows has in common.
struct Round<'a> {
    place: &'a Path,
    preallocation: Preallocation,
    bytes: usize,
}

impl Round<'_> {
    /// Runs all methods in turn, several times over, so that a noisy neighbour disturbs all of them alike.
    fn report(&self) -> io::Result<()> {
        let mut totals = METHODS.map(|_| new_histogram());
        for _ in 0..PASSES {
            for ((_, run), total) in METHODS.iter().zip(&mut totals) {
                total.add(run(self)?.histogram).map_err(io::Error::other)?;
            }
        }
        for ((method, _), total) in METHODS.iter().zip(&totals) {
            let what = format!("{method}, {:?}", self.preallocation).to_lowercase();
            println!("{what:<44} {:>6}{}", self.bytes, figures(total));
        }
        Ok(())
    }

    fn on_ring_fd(&self, task_run: TaskRun) -> io::Result<Latencies> {
        self.on_runtime(&mut open_ring(self.place, task_run)?, None)
    }

    fn on_eventfd(&self, task_run: TaskRun) -> io::Result<Latencies> {
        let mut disk = open_ring(self.place, task_run)?;
        let eventfd = rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        disk.register_eventfd(eventfd.as_fd())?;
        self.on_runtime(&mut disk, Some(eventfd))
    }

    /// Waits for the disk's own descriptor, or for an eventfd that must be emptied each time.
    fn on_runtime(&self, disk: &mut dyn Disk, eventfd: Option<OwnedFd>) -> io::Result<Latencies> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let file = self.create(disk)?;
        let result = runtime.block_on(async {
            let readiness = match &eventfd {
                Some(eventfd) => Readiness::on(eventfd.try_clone()?)?,
                None => Readiness::of(disk)?.expect("real disks have a descriptor"),
            };
            let mut buf = Some(AlignedBuf::zeroed(self.bytes));
            let mut out = Vec::new();
            let mut latencies = self.latencies();
            while let Some(at) = latencies.next_position() {
                let buf_now = buf.take().expect("one append at a time");
                disk.submit(Token(1), Op::Write { file, at, buf: buf_now, durable: true });
                disk.kick();
                while out.is_empty() {
                    readiness.wait().await?;
                    if let Some(eventfd) = &eventfd {
                        let _ = rustix::io::read(eventfd, &mut [0; 8]);
                    }
                    disk.reap(&mut out);
                }
                buf = Some(buffer(out.remove(0))?);
                latencies.record();
            }
            Ok(latencies)
        });
        remove(disk, file)?;
        result
    }

    fn blocking(&self, disk: &mut dyn Disk) -> io::Result<Latencies> {
        let file = self.create(disk)?;
        let mut buf = AlignedBuf::zeroed(self.bytes);
        let mut latencies = self.latencies();
        while let Some(at) = latencies.next_position() {
            buf = buffer(run(disk, Op::Write { file, at, buf, durable: true }))?;
            latencies.record();
        }
        remove(disk, file)?;
        Ok(latencies)
    }

    /// The same file, opened with `O_DIRECT` and `O_DSYNC`, since `tokio-uring` has no flags per write.
    fn with_tokio_uring(&self) -> io::Result<Latencies> {
        let mut disk = open(self.place, Backend::Threads)?;
        let file = self.create(&mut *disk)?;
        let path = self.place.join(FILE);
        let result = tokio_uring::start(async {
            let file = open_durable(&path)?;
            let mut vec = vec![0u8; self.bytes + BLOCK];
            let start = vec.as_ptr().align_offset(BLOCK);
            let mut latencies = self.latencies();
            while let Some(at) = latencies.next_position() {
                let (written, slice) = file.write_at(vec.slice(start..start + self.bytes), at).submit().await;
                assert_eq!(written?, self.bytes);
                vec = slice.into_inner();
                latencies.record();
            }
            file.close().await?;
            Ok(latencies)
        });
        remove(&mut *disk, file)?;
        result
    }

    fn latencies(&self) -> Latencies {
        Latencies::new(self.bytes as u64, self.preallocation == Preallocation::Zeroed)
    }

    fn create(&self, disk: &mut dyn Disk) -> io::Result<FileId> {
        let create =
            Op::Create { path: FILE.to_owned(), bytes: FILE_BYTES, preallocation: self.preallocation };
        match run(disk, create).result? {
            Outcome::Created(file) => Ok(file),
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }
}

fn remove(disk: &mut dyn Disk, file: FileId) -> io::Result<()> {
    disk.close(file);
    run(disk, Op::Remove { path: FILE.to_owned() }).result.map(drop)
}

fn buffer(completion: Completion) -> io::Result<AlignedBuf> {
    match completion.result? {
        Outcome::Buf(buf) => Ok(buf),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}

fn open_durable(path: &Path) -> io::Result<tokio_uring::fs::File> {
    let flags = OFlags::DIRECT | OFlags::DSYNC;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = std::fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    Ok(tokio_uring::fs::File::from_std(file))
}

/// Measures the time from each position handed out to its `record`.
struct Latencies {
    clock: Clock,
    bytes: u64,
    /// Whether to begin again at the end of the file.
    wraps: bool,
    appends: u64,
    until: Instant,
    begun: Instant,
    histogram: Histogram<u64>,
}

impl Latencies {
    fn new(bytes: u64, wraps: bool) -> Self {
        let secs = std::env::var("APPEND_SECS").ok().and_then(|secs| secs.parse().ok()).unwrap_or(2.0);
        let clock = Clock::system();
        let now = clock.now();
        let until = now + Duration::from_secs_f64(secs / f64::from(PASSES));
        Self { clock, bytes, wraps, appends: 0, until, begun: now, histogram: new_histogram() }
    }

    /// Where the next append goes; none when the time or the file is over.
    fn next_position(&mut self) -> Option<u64> {
        self.begun = self.clock.now();
        let at = self.appends * self.bytes;
        (self.begun < self.until && (self.wraps || at < FILE_BYTES)).then_some(at % FILE_BYTES)
    }

    fn record(&mut self) {
        self.appends += 1;
        if self.appends > WARM_UP {
            let nanos = self.clock.now().since(self.begun).as_nanos();
            self.histogram.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
    }
}

fn new_histogram() -> Histogram<u64> {
    const NANOS_MAX: u64 = 60_000_000_000;
    Histogram::new_with_max(NANOS_MAX, 3).expect("three digits are in range")
}

fn figures(histogram: &Histogram<u64>) -> String {
    let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    // One at a time, so the rate is the reciprocal of the mean.
    let rate = 1e9 / histogram.mean();
    format!(" {:>8.0} {:>8.0} {:>8.0} {rate:>8.0}", micros(0.5), micros(0.99), micros(0.999))
}
