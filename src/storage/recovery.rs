//! Opening a data directory: the journal first, then the segments, then the journal's batches beyond the
//! segments' ends, which become the memory tail again. Blocks; runs once.

use std::collections::BTreeMap;
use std::io;

use crate::platform::Disk;
use crate::seeded::{self, Bug};
use crate::shard_log::{Batch, Entry};
use crate::types::{Instant, LogId, Offset};

use super::StorageError;
use super::blocking::create;
use super::engine::{Engine, Settings};
use super::journal::{Generation, Journal, JournalFile};
use super::log::Log;
use super::recover_journal::{Found, open_journal};
use super::recover_segments::{open_segments, seal_last};

/// Offsets left out after a stop in which acknowledged records may have been lost (durability other than
/// `sync`), so that no sequence number a client saw is given out twice: more than there is room for in a
/// journal of which nothing is left.
const OFFSETS_SKIPPED_UNSYNCED: u64 = 1 << 24;

impl Engine {
    /// Opens what `disk` holds, preparing it if it holds nothing.
    pub fn open(mut disk: Box<dyn Disk>, settings: Settings) -> Result<Self, StorageError> {
        let mut found = open_journal(disk.as_mut(), &settings.sizes)?;
        let mut logs = open_segments(disk.as_mut(), &found.runs(), &settings.sizes)?;
        replay(&mut found, &mut logs);
        found.secure(disk.as_mut())?;
        settle_ends(disk.as_mut(), &found, &mut logs)?;
        let floor = offset_floor(&found, &logs);
        logs.values_mut().for_each(|log| log.begin_from(floor));
        let mut engine = Self::assemble(disk, settings, logs, ring(found, &settings), floor);
        engine.free_a_journal_file()?;
        Ok(engine)
    }

    /// Keeps only the logs in `known`: the rest belonged to streams deleted since. Tells which of those
    /// kept cannot be trusted.
    pub fn retain_logs(&mut self, known: &[LogId]) -> Vec<(LogId, String)> {
        let unknown: Vec<_> = self.logs.keys().copied().filter(|id| !known.contains(id)).collect();
        for id in unknown {
            self.remove_log(id);
        }
        for &id in known {
            self.open_log(id);
        }
        self.logs.values().filter_map(|log| Some((log.id, log.damage.clone()?))).collect()
    }

    /// Makes sure the next commit finds a free file: after a crash all of them may be full. Writes behind if
    /// there may be no further one.
    fn free_a_journal_file(&mut self) -> Result<(), StorageError> {
        let failures = self.write_behind_failures;
        while !self.journal.has_free_file() {
            if self.journal.may_create() {
                self.add_journal_file()?;
                continue;
            }
            self.want_all_written();
            self.step(Instant::default());
            let is_stuck = self.pending.is_empty() && !self.journal.has_free_file();
            if is_stuck || self.write_behind_failures > failures {
                let error = io::Error::other("write-behind makes no progress");
                return Err(StorageError::prepare("segments", &error));
            }
            self.wait();
            self.step(Instant::default());
        }
        Ok(())
    }

    fn add_journal_file(&mut self) -> Result<(), StorageError> {
        let op = self.create_journal_file();
        let file = create(self.disk.as_mut(), op)
            .map_err(|error| StorageError::prepare("a journal file", &error))?;
        self.journal.files.push(JournalFile::fresh(file, self.settings.sizes.journal_file));
        Ok(())
    }
}

/// Takes the journal's batches into the logs' tails.
fn replay(found: &mut Found, logs: &mut BTreeMap<LogId, Log>) {
    let mut taken = vec![0; found.files.len()];
    for (entry, file) in found.entries() {
        for batch in &entry.batches {
            let log = logs.entry(batch.log()).or_insert_with(|| Log::new(batch.log(), Offset::ZERO));
            if replay_batch(log, batch, entry) {
                taken[file] += 1;
            }
        }
    }
    for (file, taken) in found.files.iter_mut().zip(taken) {
        file.unflushed = taken;
        if taken == 0 {
            file.generation = None;
        }
    }
}

/// Judges logs whose segments end in bytes nobody can read and which the journal does not continue: they are
/// damaged, unless the journal may have lost it. Then it stays lost.
fn settle_ends(
    disk: &mut dyn Disk,
    found: &Found,
    logs: &mut BTreeMap<LogId, Log>,
) -> Result<(), StorageError> {
    let may_have_lost =
        found.last().is_some_and(|last| !last.header.synced) || seeded::is(Bug::TornSegmentAccepted);
    for log in logs.values_mut().filter(|log| log.damage.is_none()) {
        match log.unproven.take() {
            Some(_) if may_have_lost => {
                seal_last(disk, log).map_err(|error| StorageError::prepare("a segment", &error))?;
            }
            Some(end) => {
                log.damage = Some(format!("the segment that ends at offset {end} is damaged behind it"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Takes one batch, unless a segment holds it; tells whether it was taken.
fn replay_batch(log: &mut Log, batch: &Batch, entry: &Entry) -> bool {
    if batch.end() <= log.next {
        return false;
    }
    if batch.previous_checksum() != log.last_checksum && !seeded::is(Bug::SegmentChainIgnored) {
        // With another durability than `sync` what came before may be gone; then so is this.
        if !entry.header.synced {
            return false;
        }
        let what = format!("batch at offset {} does not follow what is before it", batch.base());
        log.damage.get_or_insert(what);
    }
    log.unproven = None;
    log.next = batch.end();
    log.last_arrival = batch.last_arrival();
    log.last_checksum = batch.checksum();
    log.push_tail(batch.clone(), Generation(entry.header.generation));
    true
}

impl Log {
    /// Gives out no offset before `floor` any more.
    fn begin_from(&mut self, floor: Offset) {
        self.next = self.next.max(floor);
        self.committed = self.next;
    }
}

/// Where offsets go on. If the last to write had another durability than `sync`, it may have acknowledged
/// records that are gone.
fn offset_floor(found: &Found, logs: &BTreeMap<LogId, Log>) -> Offset {
    let batches = found.entries().flat_map(|(entry, _)| &entry.batches);
    let told = found.entries().map(|(entry, _)| entry.header.offset_floor).max().unwrap_or_default();
    let told = if seeded::is(Bug::FloorForgotten) { Offset::ZERO } else { told };
    match found.last() {
        Some(last) if !last.header.synced && !seeded::is(Bug::FloorIgnored) => {
            let seen = batches.map(Batch::end).chain(logs.values().map(|log| log.next)).max();
            told.max(seen.unwrap_or_default()).plus(OFFSETS_SKIPPED_UNSYNCED)
        }
        _ => told,
    }
}

/// The ring that goes on from what was found.
fn ring(found: Found, settings: &Settings) -> Journal {
    let last = found.last().map(|last| (last.header, last.checksum));
    let generation = found.files.iter().map(|file| file.last_use).max().unwrap_or(Generation(0));
    let (commit, checksum) = last.map_or((1, 0), |(header, checksum)| (header.commit + 1, checksum));
    let files_max = settings.sizes.journal_files_max;
    Journal::new(found.files, generation, commit, checksum, found.next_name, files_max)
}
