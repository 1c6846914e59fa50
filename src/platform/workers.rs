//! Helper threads for what blocks: a lane of jobs each, and a mailbox with a bell for what they finished.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::event::EventfdFlags;

use super::data_dir::DataDir;
use super::disk::Token;
use super::job::{Finished, Job, OPERATIONS_MAX};

/// What helper threads have finished. Its bell (an eventfd) polls readable exactly while it holds something.
#[derive(Debug)]
pub(super) struct Mailbox {
    finished: Mutex<Vec<Finished>>,
    bell: OwnedFd,
}

impl Mailbox {
    pub(super) fn new() -> io::Result<Self> {
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { finished: Mutex::new(Vec::new()), bell })
    }

    pub(super) fn post(&self, finished: Finished) {
        let mut held = self.lock();
        if held.is_empty() {
            // Under the lock, so that bell and contents cannot disagree. It only fails on a full counter,
            // and the counter never passes one.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
        held.push(finished);
    }

    pub(super) fn take(&self) -> Vec<Finished> {
        let mut held = self.lock();
        if !held.is_empty() {
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
        std::mem::take(&mut *held)
    }

    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Finished>> {
        // A thread that panicked while pushing left a whole vector behind.
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that take jobs in order of submission. Dropping the lane waits until all of them are done.
#[derive(Debug)]
pub(super) struct Lane {
    jobs: Option<SyncSender<(Token, Job)>>,
    threads: Vec<JoinHandle<()>>,
}

impl Lane {
    pub(super) fn spawn(
        name: &str,
        threads: usize,
        dir: &Arc<DataDir>,
        mailbox: &Arc<Mailbox>,
    ) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(OPERATIONS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let spawn = |_| {
            let (queue, dir, mailbox) = (Arc::clone(&queue), Arc::clone(dir), Arc::clone(mailbox));
            std::thread::Builder::new().name(name.to_owned()).spawn(move || serve(&queue, &dir, &mailbox))
        };
        let threads = (0..threads).map(spawn).collect::<io::Result<_>>()?;
        Ok(Self { jobs: Some(jobs), threads })
    }

    pub(super) fn send(&self, token: Token, job: Job) {
        let jobs = self.jobs.as_ref().expect("only drop takes the sender");
        // Never full: the disk admits no more operations than the queue holds.
        jobs.try_send((token, job)).expect("a lane's threads outlive it and its queue holds every operation");
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A panic there was reported by the panic hook; dropping must not add a second one.
            let _ = thread.join();
        }
    }
}

fn serve(queue: &Mutex<Receiver<(Token, Job)>>, dir: &DataDir, mailbox: &Mailbox) {
    while let Some((token, job)) = next_job(queue) {
        mailbox.post(Finished { token, result: job.run(dir) });
    }
}

/// Waits for a job; none once the lane is dropped and everything before that is done.
fn next_job(queue: &Mutex<Receiver<(Token, Job)>>) -> Option<(Token, Job)> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
