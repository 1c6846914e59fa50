//! The disk where no ring can be had (seccomp profiles of containers, old kernels): `pwritev2` and friends
//! on a few threads. Slower by a thread hop each way, otherwise the same to its users.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};

use super::aligned::BLOCK;
use super::data_dir::DataDir;
use super::disk::{Completion, Disk, Entry, FileId, Op, Token};
use super::job::{Files, Finished, Job};
use super::transfer::Kind;
use super::workers::{Lane, Mailbox};

/// Threads for reads, write-behind and syncs.
const BULK_THREADS: usize = 2;

/// A disk on threads.
#[derive(Debug)]
pub(super) struct ThreadsDisk {
    /// Durable writes alone: the commit never queues behind a read or a flush.
    commits: Lane,
    /// Everything else that moves data.
    bulk: Lane,
    /// Create and remove: zero-filling a file takes long, and one thread keeps their order.
    names: Lane,
    mailbox: Arc<Mailbox>,
    dir: Arc<DataDir>,
    files: Files,
    _not_send: PhantomData<Rc<()>>,
}

impl ThreadsDisk {
    pub(super) fn new(dir: Arc<DataDir>) -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::new()?);
        Ok(Self {
            commits: Lane::spawn("disk-commit", 1, &dir, &mailbox)?,
            bulk: Lane::spawn("disk-bulk", BULK_THREADS, &dir, &mailbox)?,
            names: Lane::spawn("disk-names", 1, &dir, &mailbox)?,
            mailbox,
            dir,
            files: Files::default(),
            _not_send: PhantomData,
        })
    }

    fn lane(&self, job: &Job) -> &Lane {
        match job {
            Job::Create { .. } | Job::Remove { .. } => &self.names,
            Job::Transfer(transfer) if transfer.kind == Kind::Write { durable: true } => &self.commits,
            Job::Transfer(_) => &self.bulk,
        }
    }
}

impl Disk for ThreadsDisk {
    fn alignment(&self) -> usize {
        BLOCK
    }

    fn list(&mut self, dir: &str) -> io::Result<Vec<Entry>> {
        self.dir.list(dir)
    }

    fn open(&mut self, path: &str) -> io::Result<(FileId, u64)> {
        let file = self.dir.open_file(path)?;
        let bytes = file.bytes;
        Ok((self.files.insert(file), bytes))
    }

    fn close(&mut self, file: FileId) {
        self.files.close(file);
    }

    fn submit(&mut self, token: Token, op: Op) {
        match self.files.admit(op) {
            Ok(job) => self.lane(&job).send(token, job),
            Err(error) => self.mailbox.post(Finished { token, result: Err(error) }),
        }
    }

    /// The threads have everything already.
    fn kick(&mut self) {}

    fn reap(&mut self, out: &mut Vec<Completion>) {
        out.extend(self.mailbox.take().into_iter().map(|finished| self.files.complete(finished)));
    }

    fn wait(&mut self) {
        if self.files.outstanding() == 0 {
            return;
        }
        let mut bell = [PollFd::from_borrowed_fd(self.mailbox.bell(), PollFlags::IN)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut bell, None))
            .expect("a poll of one open eventfd");
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        Some(self.mailbox.bell())
    }

    fn name(&self) -> &'static str {
        if self.dir.is_direct() { "pwritev2" } else { "pwritev2 (buffered)" }
    }
}
