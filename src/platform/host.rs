//! Chooses the host's disk: locks the data directory, prefers the ring, proves it with a real durable write,
//! and falls back to threads where the ring is forbidden or missing.

use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustix::io::Errno;

use super::aligned::{AlignedBuf, BLOCK};
use super::data_dir::DataDir;
use super::disk::{Disk, Op, Outcome, Preallocation, Token};
use super::ring_disk::RingDisk;
use super::threads::ThreadsDisk;
use super::uring::TaskRun;

/// The file of the trial write; removed again at once.
const PROBE_FILE: &str = "start-probe";

/// How the disk does its I/O.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// A ring where the kernel allows one, else threads.
    #[default]
    Auto,
    /// A ring or an error.
    Uring,
    /// Threads.
    Threads,
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "uring" => Ok(Self::Uring),
            "threads" => Ok(Self::Threads),
            _ => Err(format!("{text:?} is none of auto, uring, threads")),
        }
    }
}

/// Opens the data directory for this process alone, creating it if need be. The lock is held until the
/// disk is dropped; a directory another process holds is refused with [`io::ErrorKind::ResourceBusy`].
pub fn open(data_dir: &Path, backend: Backend) -> io::Result<Box<dyn Disk>> {
    let dir = Arc::new(DataDir::open(data_dir)?);
    if backend != Backend::Threads {
        match ring(&dir, TaskRun::default()) {
            Ok(disk) => return Ok(Box::new(disk)),
            Err(error) if backend == Backend::Auto && is_unavailable(&error) => {
                tracing::warn!(%error, "no io_uring here (a container's seccomp profile?), using threads");
            }
            Err(error) => return Err(error),
        }
    }
    let mut disk = ThreadsDisk::new(dir)?;
    probe(&mut disk)?;
    Ok(Box::new(disk))
}

/// Opens a data directory to look at: nothing in it changes, and no server can use it meanwhile. One that a
/// server holds is refused with [`io::ErrorKind::ResourceBusy`].
pub fn open_read_only(data_dir: &Path) -> io::Result<Box<dyn Disk>> {
    Ok(Box::new(ThreadsDisk::new(Arc::new(DataDir::open_read_only(data_dir)?))?))
}

/// A ring set up in a given way: for `benches/append.rs`, which compares them.
pub fn open_ring(data_dir: &Path, task_run: TaskRun) -> io::Result<RingDisk> {
    ring(&Arc::new(DataDir::open(data_dir)?), task_run)
}

fn ring(dir: &Arc<DataDir>, task_run: TaskRun) -> io::Result<RingDisk> {
    let mut disk = RingDisk::new(Arc::clone(dir), task_run)?;
    probe(&mut disk)?;
    Ok(disk)
}

/// Whether an error says that the ring cannot be used here, as opposed to a disk in trouble.
fn is_unavailable(error: &io::Error) -> bool {
    const REFUSALS: [Errno; 6] =
        [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::INVAL, Errno::OPNOTSUPP, Errno::NOMEM];
    let refused = Errno::from_io_error(error).is_some_and(|errno| REFUSALS.contains(&errno));
    refused || error.kind() == io::ErrorKind::Unsupported
}

/// One durable write, read back: a set-up call that succeeds does not prove that I/O does.
fn probe(disk: &mut dyn Disk) -> io::Result<()> {
    let path = PROBE_FILE.to_owned();
    run(disk, Op::Remove { path: path.clone() })?;
    let create = Op::Create { path: path.clone(), bytes: BLOCK as u64, preallocation: Preallocation::Zeroed };
    let Outcome::Created(file) = run(disk, create)? else { return Err(mismatch()) };
    let result = write_and_read_back(disk, file);
    disk.close(file);
    run(disk, Op::Remove { path })?;
    result
}

fn write_and_read_back(disk: &mut dyn Disk, file: super::FileId) -> io::Result<()> {
    let mut buf = AlignedBuf::zeroed(BLOCK);
    buf.as_mut_slice().fill(0xa5);
    run(disk, Op::Write { file, at: 0, buf, durable: true })?;
    run(disk, Op::Sync { file })?;
    match run(disk, Op::Read { file, at: 0, buf: AlignedBuf::zeroed(BLOCK) })? {
        Outcome::Buf(buf) if buf.as_slice().iter().all(|byte| *byte == 0xa5) => Ok(()),
        _ => Err(mismatch()),
    }
}

fn mismatch() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the data directory does not return what was written to it")
}

/// Carries out one operation while nothing else is in flight.
fn run(disk: &mut dyn Disk, op: Op) -> io::Result<Outcome> {
    let mut completions = Vec::new();
    disk.submit(Token(0), op);
    disk.kick();
    disk.wait();
    disk.reap(&mut completions);
    completions.pop().ok_or_else(mismatch)?.result
}

#[cfg(test)]
mod tests {
    use super::super::{FileId, RingDisk};
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().expect("a scratch directory")
    }

    fn create(disk: &mut dyn Disk, path: &str) -> FileId {
        let bytes = BLOCK as u64;
        match run(disk, Op::Create { path: path.to_owned(), bytes, preallocation: Preallocation::Zeroed }) {
            Ok(Outcome::Created(file)) => file,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_directory_in_use_is_refused_by_name_until_it_is_free() {
        let dir = scratch();
        let path = dir.path().join("deep/data");
        let disk = open(&path, Backend::Threads).unwrap();
        let error = open(&path, Backend::Auto).err().expect("the directory is locked");
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(error.to_string().contains("deep/data"), "{error}");
        drop(disk);
        open(&path, Backend::Auto).unwrap();
    }

    #[test]
    fn one_back_end_reads_what_the_other_wrote() {
        let dir = scratch();
        let mut disk = open(dir.path(), Backend::Auto).unwrap();
        let file = create(&mut *disk, "log");
        let mut buf = AlignedBuf::zeroed(BLOCK);
        buf.as_mut_slice().fill(9);
        run(&mut *disk, Op::Write { file, at: 0, buf, durable: true }).unwrap();
        drop(disk);
        let mut disk = open(dir.path(), Backend::Threads).unwrap();
        let (file, bytes) = disk.open("log").unwrap();
        assert_eq!(bytes, BLOCK as u64);
        let read = run(&mut *disk, Op::Read { file, at: 0, buf: AlignedBuf::zeroed(BLOCK) });
        assert!(matches!(read, Ok(Outcome::Buf(buf)) if buf.as_slice() == [9; BLOCK]));
    }

    #[test]
    fn dropping_the_disk_waits_for_what_is_in_flight() {
        for backend in [Backend::Auto, Backend::Threads] {
            let dir = scratch();
            let mut disk = open(dir.path(), backend).unwrap();
            let file = create(&mut *disk, "log");
            let mut buf = AlignedBuf::zeroed(BLOCK);
            buf.as_mut_slice().fill(7);
            disk.submit(Token(1), Op::Write { file, at: 0, buf, durable: true });
            disk.kick();
            drop(disk);
            let written = std::process::Command::new("cat").arg(dir.path().join("log")).output().unwrap();
            assert_eq!(written.stdout, [7; BLOCK]);
        }
    }

    #[test]
    fn what_a_crash_left_unfinished_goes_at_the_next_start() {
        let dir = scratch();
        drop(open(dir.path(), Backend::Threads).unwrap());
        std::fs::create_dir(dir.path().join("shards")).unwrap();
        let left = dir.path().join("shards/7.creating");
        std::fs::copy(dir.path().join("LOCK"), &left).unwrap();
        let mut disk = open(dir.path(), Backend::Threads).unwrap();
        assert!(!left.exists());
        assert!(disk.list("shards").unwrap().is_empty());
    }

    #[test]
    fn every_way_to_set_up_a_ring_works() {
        for task_run in [TaskRun::Interrupting, TaskRun::Cooperative, TaskRun::Deferred] {
            let dir = scratch();
            let disk: io::Result<RingDisk> = open_ring(dir.path(), task_run);
            assert!(disk.as_ref().map_or_else(is_unavailable, |disk| disk.name().starts_with("io_uring")));
        }
    }

    #[test]
    fn a_forbidden_ring_is_told_from_a_broken_disk() {
        for errno in [Errno::PERM, Errno::NOSYS, Errno::INVAL, Errno::OPNOTSUPP] {
            assert!(is_unavailable(&errno.into()), "{errno}");
        }
        for errno in [Errno::IO, Errno::NOSPC, Errno::ROFS, Errno::BUSY] {
            assert!(!is_unavailable(&errno.into()), "{errno}");
        }
    }

    #[test]
    fn back_ends_are_chosen_by_name() {
        assert_eq!("auto".parse(), Ok(Backend::Auto));
        assert_eq!("uring".parse(), Ok(Backend::Uring));
        assert_eq!("threads".parse(), Ok(Backend::Threads));
        assert!("io_uring".parse::<Backend>().is_err());
    }
}
