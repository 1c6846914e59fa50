//! Opening a data directory: the journal first, then the segments, then the journal's batches beyond the
//! segments' ends, which become the memory tail again. Blocks; runs once.

use std::collections::BTreeMap;

use crate::platform::{Disk, Watched};
use crate::seeded::{self, Bug};
use crate::shard_log::{Batch, Entry, Verdict};
use crate::types::{LogId, Offset};

use super::engine::{Engine, Settings};
use super::journal::{Acknowledged, Generation, Journal};
use super::log::{Found as End, Log, Segment};
use super::progress::Progress;
use super::recover_journal::{Found, open_journal};
use super::recover_segments::{open_segments, seal_last};
use super::{Durability, StorageError};

/// Offsets left out after a stop in which acknowledged records may have been lost (durability other than
/// `sync`), so that no sequence number a client saw is given out twice: more than there is room for in a
/// journal of which nothing is left.
const OFFSETS_SKIPPED_UNSYNCED: u64 = 1 << 24;

impl Engine {
    /// Opens what `disk` holds, preparing it if it holds nothing.
    pub fn open(mut disk: Box<dyn Disk>, settings: Settings) -> Result<Self, StorageError> {
        let mut progress = Progress::begin();
        let mut told = |read_bytes| progress.told(read_bytes);
        let mut watched = Watched::new(disk.as_mut(), &mut told);
        let mut found = open_journal(&mut watched, &settings.sizes)?;
        let mut logs = open_segments(&mut watched, &found.runs(), &settings.sizes)?;
        replay(&mut found, &mut logs);
        found.secure(disk.as_mut())?;
        settle_ends(disk.as_mut(), &found, &mut logs)?;
        let floor = offset_floor(&found, &logs);
        logs.values_mut().for_each(|log| log.begin_from(floor));
        let mut engine = Self::assemble(disk, settings, logs, ring(found, &settings), floor);
        engine.remove_condemned();
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
        if taken == 0 && !file.retired {
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
            Some(end) if !may_have_lost => {
                log.damage = Some(format!("the segment that ends at offset {end} is damaged behind it"));
                continue;
            }
            // The footer may be that of a start that failed in writing it: there, but not for certain.
            None if !may_have_lost || !log.ends_in_footer() => continue,
            Some(_) | None => {}
        }
        seal_last(disk, log).map_err(|error| StorageError::prepare("a segment", &error))?;
    }
    Ok(())
}

/// Takes one batch, unless a segment holds it; tells whether it was taken.
fn replay_batch(log: &mut Log, batch: &Batch, entry: &Entry) -> bool {
    if batch.end() <= log.next {
        return false;
    }
    if batch.previous_checksum() != log.committed_link.checksum && !seeded::is(Bug::SegmentChainIgnored) {
        // With another durability than `sync` what came before may be gone; then so is this.
        if !entry.header.synced {
            return false;
        }
        let what = format!("batch at offset {} does not follow what is before it", batch.base());
        log.damage.get_or_insert(what);
    }
    if log.fold(batch) == Verdict::Void {
        // A damaged log has its damage told already.
        tracing::warn!(log = %log.id, offset = %batch.base(), "a batch of no epoch in force is void");
        return false;
    }
    log.unproven = None;
    log.next = batch.end();
    log.last_arrival = batch.last_arrival();
    log.sealed = log.committed_link;
    log.push_tail(batch.detached(), Generation(entry.header.generation));
    true
}

impl Log {
    /// Whether its last segment is sealed.
    fn ends_in_footer(&self) -> bool {
        let is_sealed = |last: &Segment| last.sealed && last.found == End::Settled;
        self.segments.last().is_some_and(is_sealed)
    }

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

/// The ring that goes on from what was found: in the latest use, if acknowledgements mean the same as then.
/// So a start takes no journal file, however often it comes.
fn ring(found: Found, settings: &Settings) -> Journal {
    let last = found.last().map(|last| (last.header, last.checksum));
    let generation = found.files.iter().map(|file| file.last_use).max().unwrap_or(Generation(0));
    let acknowledged =
        last.map(|(header, checksum)| Acknowledged { commit: header.commit, checksum }).unwrap_or_default();
    let files_max = settings.sizes.journal_files_max;
    let end = found.latest_end();
    let mut journal = Journal::new(found.files, generation, acknowledged, found.next_name, files_max);
    let is_synced = settings.durability == Durability::Sync;
    if let Some((file, at)) = end.filter(|_| is_synced && last.is_some_and(|(header, _)| header.synced)) {
        journal.resume(file, at);
    }
    journal
}
