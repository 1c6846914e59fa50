//! Committing: what has gathered goes to the journal in one write at a time, and is published once it is
//! there.

use std::io;

use metrics::counter;

use crate::platform::{AlignedBuf, BLOCK, FileId, Op, Outcome, Preallocation};
use crate::seeded::{self, Bug};
use crate::shard_log::{Batch, ENTRY_HEADER_BYTES, EntryHeader, seal_entry};
use crate::telemetry::names;
use crate::types::Instant;

use super::engine::{Engine, Event, Pending};
use super::journal::{Generation, JournalFile, Place};
use super::{Ack, Durability, StorageError};

/// The commit being written.
pub(super) struct InFlight {
    pub(super) generation: Generation,
    pub(super) batches: Vec<(Batch, Ack, Instant)>,
    pub(super) submitted_at: Instant,
}

impl Engine {
    pub(super) fn start_commit(&mut self, now: Instant) -> bool {
        if self.in_flight.is_some() || self.gathered.is_empty() || self.stopped.is_some() {
            return false;
        }
        let (slots, entry_bytes) = self.slots_that_fit();
        let padded = entry_bytes.next_multiple_of(BLOCK);
        if let Some(place) = self.journal.place(padded as u64) {
            self.write_commit(slots, padded, place, now);
        } else if let Some((place, left)) = self.journal.begin_use(padded as u64, fastrand::u32(..)) {
            // What has gathered follows once this first entry, which carries no batch, is there.
            left.iter().for_each(|&full| self.leave_journal_file(full));
            self.write_commit(0, BLOCK, place, now);
        } else {
            // Every file is needed, perhaps since before the last start: only write-behind frees one.
            self.want_journal_file();
            self.want_all_written();
            return false;
        }
        if self.journal.wants_file() {
            self.want_journal_file();
        }
        true
    }

    /// How many of the gathered batches the next entry takes, and its bytes.
    pub(super) fn slots_that_fit(&self) -> (usize, usize) {
        let mut bytes = ENTRY_HEADER_BYTES;
        let mut slots = 0;
        for gathered in &self.gathered {
            if slots > 0 && bytes + gathered.builder.len() > self.settings.sizes.commit {
                break;
            }
            bytes += gathered.builder.len();
            slots += 1;
        }
        (slots, bytes)
    }

    pub(super) fn write_commit(&mut self, slots: usize, padded: usize, place: Place, now: Instant) {
        let mut buf = self.commit_buffer(padded);
        buf.extend_from_slice(&[0; ENTRY_HEADER_BYTES]);
        let mut batches = Vec::with_capacity(slots);
        let mut records = 0;
        for gathered in self.gathered.drain(..slots) {
            let log = self.logs.get_mut(&gathered.log);
            let previous = log.as_ref().map_or(0, |log| log.last_checksum);
            let epoch = place.generation.count();
            self.gathered_bytes -= gathered.builder.len();
            let batch = gathered.builder.seal(gathered.log, gathered.base, epoch, previous);
            if let Some(log) = log {
                log.last_checksum = batch.checksum();
            }
            records += batch.count();
            buf.extend_from_slice(batch.frame());
            self.meters.gather.record(now.since(gathered.appended_at));
            batches.push((batch, gathered.ack, gathered.appended_at));
        }
        self.gathered_first += slots as u64;
        let header = EntryHeader {
            generation: place.generation.0,
            commit: self.journal.commit,
            previous_checksum: self.journal.previous_checksum,
            synced: self.settings.durability == Durability::Sync,
            offset_floor: self.offset_floor,
        };
        let count = u32::try_from(batches.len()).expect("an entry is bounded by COMMIT_BYTES_MAX");
        self.journal.previous_checksum = seal_entry(buf.as_mut_slice(), count, header);
        self.journal.commit += 1;
        buf.pad_to_block();
        self.meters.records.record(f64::from(records));
        self.meters.bytes.record(padded as f64);
        self.meters.gathered_bytes.set(self.gathered_bytes as f64);
        // A use's first entry tells the next start that acknowledged records may be missing, so it always
        // stays.
        let durable = (header.synced || batches.is_empty()) && !seeded::is(Bug::CommitNotSynced);
        self.submit_op(Pending::Commit, Op::Write { file: place.file, at: place.at, buf, durable });
        if !batches.is_empty() {
            self.events.push(Event::Submitted(batches.iter().map(|(batch, ..)| batch.clone()).collect()));
        }
        self.in_flight = Some(InFlight { generation: place.generation, batches, submitted_at: now });
        if seeded::is(Bug::AckBeforeWrite)
            && let Some(commit) = self.in_flight.take()
        {
            self.publish(commit, now);
        }
    }

    pub(super) fn commit_buffer(&mut self, bytes: usize) -> AlignedBuf {
        match self.spare.take() {
            Some(mut buf) if buf.capacity() >= bytes => {
                buf.clear();
                buf
            }
            _ => AlignedBuf::with_capacity(bytes.max(self.settings.sizes.read_block)),
        }
    }

    pub(super) fn commit_completed(&mut self, result: io::Result<Outcome>, now: Instant) {
        // None if a failed sync has stopped the engine meanwhile: then nobody was promised anything.
        let Some(commit) = self.in_flight.take() else { return };
        match result {
            Ok(Outcome::Buf(buf)) => {
                if buf.capacity() <= 2 * self.settings.sizes.read_block {
                    self.spare = Some(buf);
                }
                self.publish(commit, now);
            }
            Ok(_) => debug_assert!(false, "a write answers with its buffer"),
            Err(_) if seeded::is(Bug::FailedWriteAcked) => self.publish(commit, now),
            Err(error) => {
                counter!(names::STORAGE_FAILURES, "operation" => "commit").increment(1);
                self.stop(format!("journal write: {error}"), commit);
            }
        }
    }

    pub(super) fn publish(&mut self, commit: InFlight, now: Instant) {
        self.meters.commit.record(now.since(commit.submitted_at));
        self.meters.commits.increment(1);
        self.unsynced = true;
        for (batch, ack, appended_at) in commit.batches {
            if self.logs.contains_key(&batch.log()) {
                self.journal.committed(commit.generation, 1);
                self.take_into_tail(&batch, commit.generation);
            }
            self.events.push(Event::Committed { batch, ack, appended_at });
        }
        self.evict();
        self.meters.tail_bytes.set(self.tail_bytes as f64);
    }

    /// Stops taking writes: what failed is not tried again on the same file, and nothing behind it can be
    /// acknowledged. Reading goes on.
    pub(super) fn stop(&mut self, reason: String, commit: InFlight) {
        tracing::error!(%reason, "the log stops accepting records");
        self.meters.healthy.set(0.0);
        let acks = commit.batches.into_iter().map(|(_, ack, _)| ack);
        for ack in acks.chain(self.gathered.drain(..).map(|gathered| gathered.ack)) {
            ack.settle(Err(StorageError::Stopped(reason.clone())));
        }
        self.gathered_bytes = 0;
        for log in self.logs.values_mut() {
            log.next = log.committed;
        }
        self.stopped = Some(reason);
        self.events.push(Event::Stopped);
    }

    pub(super) fn journal_synced(&mut self, result: io::Result<Outcome>) {
        if let Err(error) = result
            && !seeded::is(Bug::FailedSyncIgnored)
        {
            counter!(names::STORAGE_FAILURES, "operation" => "commit").increment(1);
            let nothing = InFlight {
                generation: self.journal.generation,
                batches: Vec::new(),
                submitted_at: Instant::default(),
            };
            let commit = self.in_flight.take().unwrap_or(nothing);
            self.stop(format!("journal sync: {error}"), commit);
        }
    }

    /// The journal moved on to another file: everything that only the full one holds goes to segments.
    pub(super) fn leave_journal_file(&mut self, full: FileId) {
        if self.settings.durability == Durability::Interval && !seeded::is(Bug::FullFileNotSynced) {
            self.submit_op(Pending::JournalSync, Op::Sync { file: full });
        }
        let behind: Vec<_> = self
            .logs
            .values()
            .filter(|log| log.tail.len() > log.tail_flushed)
            .map(|log| (log.id, log.committed))
            .collect();
        for (id, committed) in behind {
            self.want_write_behind(id, committed);
        }
    }

    pub(super) fn want_journal_file(&mut self) {
        if !self.journal.may_create() {
            return;
        }
        self.journal.creating = true;
        let op = self.create_journal_file();
        self.submit_op(Pending::JournalFile, op);
    }

    pub(super) fn journal_file_created(&mut self, result: io::Result<Outcome>) {
        self.journal.creating = false;
        match result {
            Ok(Outcome::Created(file)) => {
                self.journal.files.push(JournalFile::fresh(file, self.settings.sizes.journal_file));
            }
            Ok(_) => debug_assert!(false, "a create answers with its file"),
            Err(error) => {
                self.journal.creation_failed = true;
                tracing::warn!(%error, "no further journal file: commits wait for write-behind");
            }
        }
    }

    /// The operation that makes a further journal file. Its name is not used again even if that fails: the
    /// file may be there all the same.
    pub(super) fn create_journal_file(&mut self) -> Op {
        let name = self.journal.next_name;
        self.journal.next_name += 1;
        create_journal_file(name, self.settings.sizes.journal_file)
    }
}

/// The operation that makes the journal file of this name.
pub(super) fn create_journal_file(name: u32, bytes: u64) -> Op {
    let path = format!("journal/{name:04}.log");
    Op::Create { path, bytes, preallocation: Preallocation::Zeroed }
}
