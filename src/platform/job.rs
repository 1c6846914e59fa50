//! What the real disks share: the table of open files, the check of each operation, and its translation
//! into a job a ring or a thread can carry.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use crate::seeded::{self, Bug};

use super::aligned::{AlignedBuf, BLOCK};
use super::data_dir::{DataDir, OpenFile};
use super::disk::{Completion, FileId, Op, Outcome, Preallocation, Token};
use super::transfer::{Kind, Transfer};

/// Operations a disk holds between `submit` and `reap`; one more is answered with
/// [`io::ErrorKind::ResourceBusy`]. Each has a slot in every queue below, so none of them can overflow.
pub(super) const OPERATIONS_MAX: usize = 4096;

/// A checked operation.
#[derive(Debug)]
pub(super) enum Job {
    Create { path: String, bytes: u64, preallocation: Preallocation },
    Remove { path: String },
    Transfer(Transfer),
}

/// What a job left behind; unlike [`Outcome`] it can come from another thread, which knows no [`FileId`]s.
#[derive(Debug)]
pub(super) enum Effect {
    Created(OpenFile),
    Other(Outcome),
}

/// The end of one job.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) token: Token,
    pub(super) result: io::Result<Effect>,
}

impl Job {
    /// Carries it out on the calling thread.
    pub(super) fn run(self, dir: &DataDir) -> io::Result<Effect> {
        match self {
            Self::Create { path, bytes, preallocation } => {
                dir.create(&path, bytes, preallocation).map(Effect::Created)
            }
            Self::Remove { path } => dir.remove(&path).map(|()| Effect::Other(Outcome::Done)),
            Self::Transfer(transfer) => transfer.run().map(Effect::Other),
        }
    }
}

/// The open files by id, and how many operations are under way.
#[derive(Debug, Default)]
pub(super) struct Files {
    open: HashMap<FileId, Arc<OpenFile>>,
    /// Ids are not used twice, so an operation on a closed file can never reach another one.
    next_id: u32,
    outstanding: usize,
}

impl Files {
    pub(super) fn insert(&mut self, file: OpenFile) -> FileId {
        let id = FileId(self.next_id);
        self.next_id = self.next_id.checked_add(1).expect("four billion files take years to open");
        self.open.insert(id, Arc::new(file));
        id
    }

    /// The descriptor goes when the last operation on it has ended.
    pub(super) fn close(&mut self, file: FileId) {
        self.open.remove(&file);
    }

    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Takes an operation in: from here on it counts as outstanding, also if the answer is an error, until
    /// [`Files::complete`] or [`Files::completed`] is called for it.
    pub(super) fn admit(&mut self, op: Op) -> io::Result<Job> {
        self.outstanding += 1;
        if self.outstanding > OPERATIONS_MAX {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        match op {
            Op::Create { path, bytes, preallocation } => {
                aligned(bytes)?;
                Ok(Job::Create { path, bytes, preallocation })
            }
            Op::Remove { path } => Ok(Job::Remove { path }),
            Op::Write { file, at, buf, durable } => {
                let durable = durable && !seeded::is(Bug::WriteNotSynced);
                self.transfer(file, Kind::Write { durable }, at, buf)
            }
            Op::Read { file, at, buf } => self.transfer(file, Kind::Read, at, buf),
            Op::Sync { file } => Ok(Job::Transfer(Transfer::sync(self.find(file)?))),
        }
    }

    fn transfer(&self, id: FileId, kind: Kind, at: u64, buf: AlignedBuf) -> io::Result<Job> {
        let file = self.find(id)?;
        check_range(kind == Kind::Read, at, buf.len(), file.bytes)?;
        Ok(Job::Transfer(Transfer::new(file, kind, at, buf)))
    }

    fn find(&self, id: FileId) -> io::Result<Arc<OpenFile>> {
        self.open.get(&id).cloned().ok_or_else(not_open)
    }

    /// Turns a job's end into the operation's.
    pub(super) fn complete(&mut self, finished: Finished) -> Completion {
        let result = finished.result.map(|effect| match effect {
            Effect::Created(file) => Outcome::Created(self.insert(file)),
            Effect::Other(outcome) => outcome,
        });
        self.completed(finished.token, result)
    }

    /// The end of an operation that opened nothing.
    pub(super) fn completed(&mut self, token: Token, result: io::Result<Outcome>) -> Completion {
        self.outstanding -= 1;
        Completion { token, result }
    }
}

pub(super) fn not_open() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no such open file")
}

/// Refuses what no disk takes: unaligned transfers, more than the kernel moves in one call, and any beyond
/// the end of the file, whose size is fixed (a write there would grow it, with metadata to sync).
pub(super) fn check_range(is_read: bool, at: u64, len: usize, file_bytes: u64) -> io::Result<()> {
    aligned(at)?;
    aligned(len as u64)?;
    if i32::try_from(len).is_err() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a transfer of 2 GiB or more"));
    }
    if at.checked_add(len as u64).is_some_and(|end| end <= file_bytes) {
        return Ok(());
    }
    let kind = if is_read { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidInput };
    Err(io::Error::new(kind, "beyond the end of the file"))
}

pub(super) fn aligned(number: u64) -> io::Result<()> {
    if number.is_multiple_of(BLOCK as u64) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a multiple of the block size"))
}
