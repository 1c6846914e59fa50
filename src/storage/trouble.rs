//! When the journal fails: the commit in flight is refused and its file retired, the next commit goes to
//! another file, which tells where the failed one ends. After several failures in a row the log stops, and
//! is tried again every so often with a fresh file until one takes.

use std::io;
use std::time::Duration;

use metrics::counter;

use crate::limits;
use crate::platform::{FileId, Outcome};
use crate::seeded::{self, Bug};
use crate::telemetry::names;
use crate::types::Instant;

use super::StorageError;
use super::commit::InFlight;
use super::engine::{Engine, Event};

/// What has gone wrong lately.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Why no records are taken at the moment.
    pub(super) stopped: Option<String>,
    /// Commits failed since the last that did not.
    failures: u32,
    /// When the last one failed.
    failed_at: Instant,
    /// The last write-behind that ended failed.
    pub(super) write_behind_stuck: bool,
    /// Puts were refused because the journal is full, and nothing has changed that since.
    is_full: bool,
}

impl Engine {
    /// Why the engine takes no writes at the moment, if it does not.
    pub fn stopped(&self) -> Option<&str> {
        self.trouble.stopped.as_deref()
    }

    /// Why puts are refused at the moment, in words for who runs the server.
    pub fn refuses(&self) -> Option<&'static str> {
        if self.stopped().is_some() {
            return Some("the log has stopped after failed writes and is being tried again");
        }
        self.trouble.is_full.then_some("the journal is full of what segments cannot take: is the disk full?")
    }

    /// Batches that were acknowledged and that only journal files hold to which a write or sync has failed
    /// since. With another durability than `sync` they may be lost to a power cut until segments hold them.
    pub fn doubtful_batches(&self) -> u64 {
        self.journal.doubtful()
    }

    /// Refuses a commit whose write failed or whose file is not to be trusted any more. Its offsets are not
    /// given out again, and what has gathered behind it follows the last commit that was acknowledged.
    pub(super) fn commit_failed(&mut self, commit: InFlight, reason: &str, now: Instant) {
        counter!(names::STORAGE_FAILURES, "operation" => "commit").increment(1);
        self.retire(commit.file, reason);
        self.want_file_if_none();
        let refusal = StorageError::Failed(reason.to_owned());
        for (batch, ack, _) in commit.batches {
            ack.settle(Err(refusal.clone()));
            self.logs.entry(batch.log()).and_modify(|log| log.sealed = log.committed_link);
        }
        self.count_failure(reason, now);
    }

    /// A commit failed, or cannot be tried for want of a file: so many in a row stop the log.
    pub(super) fn count_failure(&mut self, reason: &str, now: Instant) {
        self.trouble.failures += 1;
        self.trouble.failed_at = now;
        if self.trouble.failures >= limits::COMMIT_FAILURES_MAX {
            self.stop(reason);
        }
    }

    /// Has a file made where every one has failed. Nobody else may ask for it: puts are refused meanwhile.
    fn want_file_if_none(&mut self) {
        if !self.journal.has_sound_file() {
            self.want_journal_file();
        }
    }

    /// Looks whether what stands in the way of commits has gone. A log that has stopped is tried less often,
    /// by [`Self::try_resume`]: every file that fails to be made is one of zeros written for nothing.
    pub(super) fn retry_journal(&mut self) {
        self.journal.creation_failed = false;
        if self.trouble.stopped.is_none() {
            self.want_file_if_none();
        }
        if self.trouble.is_full && (self.journal.has_free_file() || !self.trouble.write_behind_stuck) {
            self.trouble.is_full = false;
            tracing::info!("there is room in the journal again");
            self.tell_health();
        }
    }

    /// Notes that puts are refused for want of room in the journal; answers with what.
    pub(super) fn refuse_as_full(&mut self) -> StorageError {
        if !std::mem::replace(&mut self.trouble.is_full, true) {
            tracing::error!("the journal is full and nothing can be moved to segments: puts are refused");
            self.tell_health();
        }
        StorageError::Full
    }

    fn tell_health(&self) {
        self.meters.healthy.set(f64::from(u8::from(self.refuses().is_none())));
    }

    pub(super) fn journal_synced(&mut self, file: FileId, result: io::Result<Outcome>) {
        if let Err(error) = result
            && !seeded::is(Bug::FailedSyncIgnored)
        {
            counter!(names::STORAGE_FAILURES, "operation" => "commit").increment(1);
            self.retire(file, &format!("journal sync: {error}"));
        }
    }

    /// Sets a journal file aside for the life of the process. What only it holds goes to segments, which
    /// makes it durable for certain; then the file is removed.
    fn retire(&mut self, file: FileId, reason: &str) {
        tracing::error!(%reason, "a journal file failed and is written to no more; the log goes on in another");
        self.journal.retire(file);
        self.want_all_written();
        self.remove_condemned();
        self.meters.retired.set(self.journal.retired() as f64);
    }

    /// Removes retired journal files that nothing is needed of.
    pub(super) fn remove_condemned(&mut self) {
        for gone in self.journal.condemn() {
            self.disk.close(gone.file);
            self.removals.push_back(super::journal::journal_path(gone.name));
        }
        self.start_removal();
    }

    /// Takes no more records, so that nothing unproven is acknowledged. Reading goes on.
    fn stop(&mut self, reason: &str) {
        if self.trouble.stopped.is_none() {
            tracing::error!(%reason, "the log stops accepting records; it is tried again every second");
        }
        self.trouble.stopped = Some(reason.to_owned());
        self.tell_health();
        self.refuse_gathered(&StorageError::Stopped(reason.to_owned()));
        self.events.push(Event::Stopped);
    }

    pub(super) fn refuse_gathered(&mut self, refusal: &StorageError) {
        self.gathered_first += self.gathered.len() as u64;
        self.gathered_bytes = 0;
        self.meters.gathered_bytes.set(0.0);
        for gathered in self.gathered.drain(..) {
            gathered.ack.settle(Err(refusal.clone()));
        }
    }

    /// A commit went through: whatever the trouble was, it is over.
    pub(super) fn went_on(&mut self) {
        self.trouble.failures = 0;
        if self.trouble.stopped.take().is_some() {
            tracing::info!("the log accepts records again");
            self.tell_health();
        }
    }

    /// Tries whether a stopped log can go on: writes the first entry of a use of another file.
    pub(super) fn try_resume(&mut self, now: Instant) {
        let is_due = now.since(self.trouble.failed_at) >= Duration::from_millis(limits::RESUME_MILLIS);
        if self.trouble.stopped.is_none() || self.in_flight.is_some() || !is_due {
            return;
        }
        if !self.open_use(0, now) {
            self.want_journal_file();
        }
    }
}
