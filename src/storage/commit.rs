//! Committing: what has gathered goes to the journal in one write at a time, and is published once it is
//! there.

use std::io;

use crate::platform::{AlignedBuf, BLOCK, FileId, Op, Outcome, Preallocation};
use crate::seeded::{self, Bug};
use crate::shard_log::{Batch, ENTRY_HEADER_BYTES, EntryHeader, Verdict, opening_entry, seal_entry};
use crate::telemetry::spans::{self, Span};
use crate::types::Instant;

use super::engine::{Engine, Event, Pending};
use super::journal::{Generation, JournalFile, Opening, Place, journal_path};
use super::{Ack, Durability, StorageError};

/// Tells of a commit that is done, where anybody wants to know.
fn trace(commit: &InFlight, now: Instant) {
    if !spans::is_wanted(None) {
        return;
    }
    let records = commit.batches.iter().map(|(batch, ..)| u64::from(batch.count())).sum();
    let bytes = commit.batches.iter().map(|(batch, ..)| batch.payload_bytes() as u64).sum();
    spans::ended(Span {
        name: "commit",
        began_nanos: commit.submitted_at.as_nanos(),
        took: now.since(commit.submitted_at),
        numbers: vec![
            ("fanlight.commit.records", records),
            ("fanlight.commit.bytes", bytes),
            ("fanlight.commit.shards", commit.batches.len() as u64),
        ],
        ..Span::default()
    });
}

/// The commit being written.
pub(super) struct InFlight {
    pub(super) file: FileId,
    pub(super) generation: Generation,
    /// Checksum of its entry.
    pub(super) checksum: u32,
    pub(super) batches: Vec<(Batch, Ack, Instant)>,
    pub(super) submitted_at: Instant,
}

impl Engine {
    pub(super) fn start_commit(&mut self, now: Instant) -> bool {
        if self.in_flight.is_some() || self.gathered.is_empty() || self.trouble.stopped.is_some() {
            return false;
        }
        let (slots, entry_bytes) = self.slots_that_fit();
        let padded = entry_bytes.next_multiple_of(BLOCK);
        if let Some(place) = self.journal.place(padded as u64) {
            self.write_commit(slots, padded, place, now);
        } else if !self.open_use(padded as u64, now) {
            self.wait_for_journal_file();
            return false;
        }
        if self.journal.wants_file() {
            self.want_journal_file();
        }
        true
    }

    /// Begins a use of a free file: what has gathered follows once its first entry, which carries no batch,
    /// is there. False if there is no such file.
    pub(super) fn open_use(&mut self, len: u64, now: Instant) -> bool {
        let Some(Opening { place, ends, left }) = self.journal.begin_use(len, fastrand::u32(..)) else {
            return false;
        };
        left.iter().for_each(|&full| self.leave_journal_file(full));
        let (entry, checksum) = opening_entry(self.entry_header(place), &ends);
        let mut buf = self.commit_buffer(BLOCK);
        buf.extend_from_slice(&entry);
        buf.pad_to_block();
        // It tells the next start that acknowledged records may be missing, and which never were
        // acknowledged: so it always stays.
        self.write_entry(place, buf, true);
        let (file, generation) = (place.file, place.generation);
        let batches = Vec::new();
        self.in_flight = Some(InFlight { file, generation, checksum, batches, submitted_at: now });
        true
    }

    /// Every file is needed, perhaps since before the last start: only write-behind frees one. Where that
    /// gets nowhere, what has gathered is refused rather than left to wait.
    fn wait_for_journal_file(&mut self) {
        self.want_journal_file();
        self.want_all_written();
        if self.is_starved() {
            let refusal = self.refuse_as_full();
            self.refuse_gathered(&refusal);
        }
    }

    /// Whether the journal is full of what segments do not take.
    pub(super) fn is_starved(&self) -> bool {
        self.trouble.write_behind_stuck && !self.journal.creating && !self.journal.has_free_file()
    }

    /// How many of the gathered batches the next entry takes, and its bytes.
    fn slots_that_fit(&self) -> (usize, usize) {
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

    fn write_commit(&mut self, slots: usize, padded: usize, place: Place, now: Instant) {
        let mut buf = self.commit_buffer(padded);
        buf.extend_from_slice(&[0; ENTRY_HEADER_BYTES]);
        let batches = self.seal_batches(slots, &mut buf, now);
        let header = self.entry_header(place);
        let count = u32::try_from(batches.len()).expect("an entry is bounded by COMMIT_BYTES_MAX");
        let checksum = seal_entry(buf.as_mut_slice(), count, header);
        buf.pad_to_block();
        let records: u32 = batches.iter().map(|(batch, ..)| batch.count()).sum();
        self.meters.records.record(f64::from(records));
        self.meters.bytes.record(padded as f64);
        self.meters.gathered_bytes.set(self.gathered_bytes as f64);
        self.write_entry(place, buf, header.synced && !seeded::is(Bug::CommitNotSynced));
        self.events.push(Event::Submitted(batches.iter().map(|(batch, ..)| batch.clone()).collect()));
        let (file, generation) = (place.file, place.generation);
        self.in_flight = Some(InFlight { file, generation, checksum, batches, submitted_at: now });
        if seeded::is(Bug::AckBeforeWrite)
            && let Some(commit) = self.in_flight.take()
        {
            self.publish(commit, now);
        }
    }

    /// Seals the first batches gathered, each behind the one before it in its log.
    fn seal_batches(
        &mut self,
        slots: usize,
        buf: &mut AlignedBuf,
        now: Instant,
    ) -> Vec<(Batch, Ack, Instant)> {
        let mut batches = Vec::with_capacity(slots);
        for gathered in self.gathered.drain(..slots) {
            let log = self.logs.get_mut(&gathered.log);
            let previous = log.as_ref().map_or_else(Default::default, |log| log.sealed);
            self.gathered_bytes -= gathered.builder.len();
            let batch = gathered.builder.seal(gathered.log, gathered.base, self.writer, previous);
            if let Some(log) = log {
                log.sealed = batch.link();
            }
            buf.extend_from_slice(batch.frame());
            self.meters.gather.record(now.since(gathered.appended_at));
            batches.push((batch, gathered.ack, gathered.appended_at));
        }
        self.gathered_first += slots as u64;
        batches
    }

    /// What the next entry says of itself: it follows the last one that was acknowledged.
    fn entry_header(&self, place: Place) -> EntryHeader {
        EntryHeader {
            generation: place.generation.0,
            commit: self.journal.acknowledged.commit + 1,
            previous_checksum: self.journal.acknowledged.checksum,
            synced: self.settings.durability == Durability::Sync,
            offset_floor: self.offset_floor,
        }
    }

    fn write_entry(&mut self, place: Place, buf: AlignedBuf, durable: bool) {
        self.readers.note_commit();
        self.submit_op(Pending::Commit, Op::Write { file: place.file, at: place.at, buf, durable });
    }

    fn commit_buffer(&mut self, bytes: usize) -> AlignedBuf {
        match self.spare.take() {
            Some(mut buf) if buf.capacity() >= bytes => {
                buf.clear();
                buf
            }
            _ => AlignedBuf::with_capacity(bytes.max(self.settings.sizes.read_block)),
        }
    }

    pub(super) fn commit_completed(&mut self, result: io::Result<Outcome>, now: Instant) {
        let Some(commit) = self.in_flight.take() else {
            return assert!(seeded::is(Bug::AckBeforeWrite), "one commit is in flight at a time");
        };
        match result {
            Ok(Outcome::Buf(buf)) => {
                if buf.capacity() <= 2 * self.settings.sizes.read_block {
                    self.spare = Some(buf);
                }
                if self.journal.is_active(commit.generation) {
                    self.publish(commit, now);
                } else {
                    self.commit_failed(commit, "a sync of its journal file failed", now);
                }
            }
            Ok(_) => debug_assert!(false, "a write answers with its buffer"),
            Err(_) if seeded::is(Bug::FailedWriteAcked) => self.publish(commit, now),
            Err(error) => self.commit_failed(commit, &format!("journal write: {error}"), now),
        }
    }

    /// Acknowledges what the fold finds live; in a directory that one process has locked, that is all.
    fn publish(&mut self, commit: InFlight, now: Instant) {
        self.meters.commit.record(now.since(commit.submitted_at));
        self.meters.commits.increment(1);
        trace(&commit, now);
        self.journal.acknowledge(commit.generation, commit.checksum);
        self.went_on();
        if commit.batches.is_empty() {
            self.remove_condemned();
        }
        self.unsynced = true;
        for (batch, ack, appended_at) in commit.batches {
            match self.logs.get_mut(&batch.log()).map(|log| log.fold(&batch)) {
                Some(Verdict::Void) => {
                    ack.settle(Err(StorageError::Fenced(batch.log())));
                    continue;
                }
                Some(Verdict::Live) => {
                    self.journal.committed(commit.generation, 1);
                    self.take_into_tail(&batch, commit.generation);
                }
                None => {}
            }
            self.events.push(Event::Committed { batch, ack, appended_at });
        }
        self.evict();
        self.meters.tail_bytes.set(self.tail_bytes as f64);
    }

    /// The journal moved on to another file: everything that only the full one holds goes to segments.
    pub(super) fn leave_journal_file(&mut self, full: FileId) {
        if self.settings.durability == Durability::Interval && !seeded::is(Bug::FullFileNotSynced) {
            self.submit_op(Pending::JournalSync(full), Op::Sync { file: full });
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

    pub(super) fn journal_file_created(&mut self, result: io::Result<Outcome>, now: Instant) {
        self.journal.creating = false;
        match result {
            Ok(Outcome::Created(file)) => {
                let name = self.journal.next_name - 1;
                self.journal.files.push(JournalFile::fresh(file, name, self.settings.sizes.journal_file));
            }
            Ok(_) => debug_assert!(false, "a create answers with its file"),
            Err(error) => {
                self.journal.creation_failed = true;
                if self.journal.has_sound_file() {
                    tracing::warn!(%error, "no further journal file: commits wait for write-behind");
                } else {
                    self.count_failure(&format!("no journal file can be made: {error}"), now);
                }
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
    Op::Create { path: journal_path(name), bytes, preallocation: Preallocation::Zeroed }
}
