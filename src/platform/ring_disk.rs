//! The disk on a ring: transfers go to the kernel directly, whole-file operations (which block for long)
//! to a helper thread whose bell the ring watches. So one descriptor, the ring's own, tells of everything,
//! and the common case pays for nothing but the transfer.

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::aligned::BLOCK;
use super::data_dir::DataDir;
use super::disk::{Completion, Disk, Entry, FileId, Op, Token};
use super::job::{Files, Finished, Job};
use super::transfer::{Step, Transfer};
use super::uring::{Event, Ring, TaskRun};
use super::workers::{Lane, Mailbox};

/// A disk on a ring.
pub struct RingDisk {
    /// First, so that it is dropped first: its transfers end before their files close.
    ring: Ring,
    /// Transfers the ring has no slot for yet; with those in flight no more than `OPERATIONS_MAX`.
    backlog: VecDeque<(Token, Transfer)>,
    /// Found by `wait`, not yet reaped.
    finished: Vec<Completion>,
    names: Lane,
    mailbox: Arc<Mailbox>,
    dir: Arc<DataDir>,
    files: Files,
    _not_send: PhantomData<Rc<()>>,
}

impl RingDisk {
    pub(super) fn new(dir: Arc<DataDir>, task_run: TaskRun) -> io::Result<Self> {
        let mut ring = Ring::new(task_run)?;
        let mailbox = Arc::new(Mailbox::new()?);
        ring.watch(mailbox.bell());
        ring.submit_and_wait(0)?;
        Ok(Self {
            ring,
            backlog: VecDeque::new(),
            finished: Vec::new(),
            names: Lane::spawn("disk-names", 1, &dir, &mailbox)?,
            mailbox,
            dir,
            files: Files::default(),
            _not_send: PhantomData,
        })
    }

    /// Has completions counted in an eventfd too, as an alternative to [`Disk::readiness`]. It buys
    /// nothing and costs a read and a write for each completion: there for `benches/append.rs` to show it.
    pub fn register_eventfd(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.ring.register_eventfd(fd)
    }

    /// Moves what has completed to `finished`, and sends on what that makes room for.
    fn collect(&mut self) {
        let mut queued = false;
        self.ring.run_deferred();
        while let Some(event) = self.ring.next() {
            queued |= match event {
                Event::Bell => self.empty_mailbox(),
                Event::Answered(token, transfer, answer) => self.settle(token, transfer.advance(answer)),
            };
        }
        if queued || !self.backlog.is_empty() {
            self.kick();
        }
    }

    /// Whether something was queued in the ring for it.
    fn settle(&mut self, token: Token, step: Step) -> bool {
        match step {
            Step::Again(rest) => {
                self.ring.push(token, rest); // Into the slot it has just left.
                true
            }
            Step::Finished(result) => {
                self.finished.push(self.files.completed(token, result));
                false
            }
        }
    }

    /// Takes what the helper thread finished and watches the bell again.
    fn empty_mailbox(&mut self) -> bool {
        let finished = self.mailbox.take().into_iter().map(|finished| self.files.complete(finished));
        self.finished.extend(finished);
        self.ring.watch(self.mailbox.bell());
        true
    }
}

impl Disk for RingDisk {
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
            Ok(Job::Transfer(transfer)) => self.backlog.push_back((token, transfer)),
            Ok(job) => self.names.send(token, job),
            // Through the mailbox, so that readiness tells of it.
            Err(error) => self.mailbox.post(Finished { token, result: Err(error) }),
        }
    }

    fn kick(&mut self) {
        while self.ring.has_room()
            && let Some((token, transfer)) = self.backlog.pop_front()
        {
            self.ring.push(token, transfer);
        }
        if self.ring.nothing_queued() {
            return;
        }
        if let Err(error) = self.ring.submit_and_wait(0) {
            // What the kernel did not take stays queued and goes with the next kick.
            tracing::warn!(%error, "the ring did not take a submission");
        }
    }

    fn reap(&mut self, out: &mut Vec<Completion>) {
        self.collect();
        out.append(&mut self.finished);
    }

    fn wait(&mut self) {
        self.kick();
        self.collect();
        while self.finished.is_empty() && self.files.outstanding() > 0 {
            if let Err(error) = self.ring.submit_and_wait(1) {
                tracing::warn!(%error, "waiting for the ring failed");
            }
            self.collect();
        }
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ring.fd())
    }

    fn name(&self) -> &'static str {
        if self.dir.is_direct() { "io_uring" } else { "io_uring (buffered)" }
    }
}
