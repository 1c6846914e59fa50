//! What the log needs of a disk: the smallest set of operations, in completion form, so that a ring, a
//! pool of threads and a simulation are equally natural behind it. Knows nothing of records or shards.

use std::io;
use std::os::fd::BorrowedFd;

use super::aligned::AlignedBuf;

/// A file the disk holds open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Chosen by the submitter, returned with the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// How a new file's bytes are set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preallocation {
    /// Blocks reserved and written with zeros: a later durable write touches no file-system metadata.
    Zeroed,
    /// Blocks reserved only (they read as zeros): cheap to create, dearer to sync the first time.
    Reserved,
}

/// One operation. Paths are relative to the data directory, `/`-separated, never starting with `/` or `..`.
#[derive(Debug)]
pub enum Op {
    /// Creates a file of exactly `bytes` bytes and leaves it open. Completes once the file *and its
    /// directory entry* are durable (missing parent directories are created, durably too). Fails if it
    /// exists.
    Create {
        /// Where.
        path: String,
        /// Its fixed size, a multiple of the alignment.
        bytes: u64,
        /// How its blocks are set aside.
        preallocation: Preallocation,
    },
    /// Writes the whole buffer at `at`. `at` and the buffer's length are multiples of the alignment. A write
    /// past the end of the file is an error ([`io::ErrorKind::InvalidInput`]): sizes are fixed.
    /// A short write is an error ([`io::ErrorKind::WriteZero`]), never a success.
    Write {
        /// Which file.
        file: FileId,
        /// Byte position.
        at: u64,
        /// What; returned with the completion.
        buf: AlignedBuf,
        /// Whether the completion promises the bytes survive a power cut (`RWF_DSYNC`).
        durable: bool,
    },
    /// Makes every write of `file` completed before this submission durable (`fdatasync`).
    Sync {
        /// Which file.
        file: FileId,
    },
    /// Fills the buffer's whole length from `at`; a read past the end of the file is an error.
    Read {
        /// Which file.
        file: FileId,
        /// Byte position, aligned.
        at: u64,
        /// Where to; its length says how much; returned with the completion.
        buf: AlignedBuf,
    },
    /// Unlinks a file and makes the removal durable. Removing what is not there succeeds.
    Remove {
        /// Which path.
        path: String,
    },
}

/// What an operation left behind.
#[derive(Debug)]
pub enum Outcome {
    /// `Create`: the open file.
    Created(FileId),
    /// `Write` or `Read`: the buffer given.
    Buf(AlignedBuf),
    /// `Sync` or `Remove`.
    Done,
}

/// The end of one operation.
#[derive(Debug)]
pub struct Completion {
    /// The submitter's token.
    pub token: Token,
    /// What came of it.
    pub result: io::Result<Outcome>,
}

/// One entry of a directory listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// File name, without its directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Size in bytes (0 for a directory).
    pub bytes: u64,
}

/// A disk. Not `Send`: it belongs to the thread that made it.
///
/// `submit` only queues; `kick` hands everything queued to the kernel in as few system calls as it takes;
/// `reap` collects what has completed without blocking; `wait` blocks until at least one operation in
/// flight has completed (it returns at once when none is in flight). Completions may come in any order.
pub trait Disk {
    /// Alignment of positions, lengths and buffers, in bytes: a power of two, at least 512.
    fn alignment(&self) -> usize;

    /// Lists a directory, sorted by name; a missing one is empty. What is listed is durably there: a process
    /// may have ended between making a name and syncing it.
    fn list(&mut self, dir: &str) -> io::Result<Vec<Entry>>;

    /// Opens an existing file for reading and writing and tells its size.
    fn open(&mut self, path: &str) -> io::Result<(FileId, u64)>;

    /// Closes a file; operations in flight on it still complete.
    fn close(&mut self, file: FileId);

    /// Queues an operation.
    fn submit(&mut self, token: Token, op: Op);

    /// Starts everything queued.
    fn kick(&mut self);

    /// Appends finished operations to `out`.
    fn reap(&mut self, out: &mut Vec<Completion>);

    /// Blocks until something has finished.
    fn wait(&mut self);

    /// A descriptor that polls readable when [`Disk::reap`] would find something, if there is one.
    /// [`super::Readiness`] waits for it in a tokio runtime.
    fn readiness(&self) -> Option<BorrowedFd<'_>>;

    /// How the disk does its I/O, for the start-up line: `io_uring`, `pwritev2`, `simulated`.
    fn name(&self) -> &'static str;
}
