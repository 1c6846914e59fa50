//! A walk over a whole data directory, in the order recovery believes it: the segments of log after log, then
//! what the journal adds to them.

use std::collections::BTreeMap;
use std::io;

use crate::platform::Disk;
use crate::shard_log::{Batch, Entry};
use crate::storage::SegmentName;
use crate::types::{LogId, Offset};

use super::Damage;
use super::journal::{self, JournalUse, LastEntry};
use super::segment::SegmentFile;
use super::visit::{Place, Visit};

/// How far the walk over a log has come.
#[derive(Debug, Default)]
pub(super) struct LogState {
    pub(super) has_segments: bool,
    /// Offset past the last record.
    pub(super) next: Offset,
    pub(super) last_checksum: u32,
    /// Offsets left out between batches.
    pub(super) gaps: u64,
    /// Where its last segment ends in bytes nobody can read: the journal has to go on from there.
    pub(super) unproven: Option<(String, u64)>,
    is_broken: bool,
}

impl LogState {
    /// A segment begins.
    pub(super) fn enter(&mut self, previous_checksum: u32, base: Offset) {
        if !self.has_segments {
            (self.next, self.last_checksum) = (base, previous_checksum);
        }
        self.has_segments = true;
    }

    pub(super) fn take(&mut self, batch: &Batch) {
        self.gaps += u64::from(batch.base() > self.next && self.next > Offset::ZERO);
        self.reach(batch.end(), batch.checksum());
    }

    pub(super) fn reach(&mut self, end: Offset, checksum: u32) {
        (self.next, self.last_checksum) = (end, checksum);
    }
}

/// What a walk over a directory knows at its end.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) logs: BTreeMap<LogId, LogState>,
}

/// Walks over the segments of the logs `wanted` and over the whole journal.
pub(super) fn walk(
    disk: &mut dyn Disk,
    wanted: &dyn Fn(LogId) -> bool,
    visit: &mut dyn Visit,
) -> io::Result<Walked> {
    let mut walked = Walked::default();
    let mut names: Vec<_> =
        disk.list("segments")?.iter().filter_map(|listed| SegmentName::parse(&listed.name)).collect();
    names.sort_unstable();
    for (index, &name) in names.iter().enumerate().filter(|(_, name)| wanted(name.log)) {
        let successor = names.get(index + 1).filter(|next| next.log == name.log).map(|next| next.base);
        let log = walked.logs.entry(name.log).or_default();
        SegmentFile { name, successor, log }.look(disk, visit)?;
    }
    walked.journal(disk, wanted, visit)?;
    Ok(walked)
}

impl Walked {
    fn journal(
        &mut self,
        disk: &mut dyn Disk,
        wanted: &dyn Fn(LogId) -> bool,
        visit: &mut dyn Visit,
    ) -> io::Result<()> {
        let mut damage = Vec::new();
        let mut last = None;
        for used in journal::uses(disk, &mut damage)? {
            let mut entries = 0;
            if used.generation.is_some() {
                entries = journal::walk(disk, &used, &mut last, &mut damage, |at, entry| {
                    self.entry(&used, at, entry, wanted, visit)
                })?;
            }
            visit.journal_file(&used.path, entries, used.generation)?;
        }
        self.settle(last.as_ref(), &mut damage);
        damage.into_iter().for_each(|damage| visit.damage(damage));
        Ok(())
    }

    fn entry(
        &mut self,
        used: &JournalUse,
        at: u64,
        entry: &Entry,
        wanted: &dyn Fn(LogId) -> bool,
        visit: &mut dyn Visit,
    ) -> io::Result<()> {
        for batch in entry.batches.iter().filter(|batch| wanted(batch.log())) {
            let log = self.logs.entry(batch.log()).or_default();
            let is_repeated = batch.end() <= log.next;
            if !is_repeated {
                if batch.previous_checksum() != log.last_checksum {
                    // With another durability than `sync` what came before may be gone; then so is this.
                    if !entry.header.synced {
                        continue;
                    }
                    if !std::mem::replace(&mut log.is_broken, true) {
                        visit.damage(does_not_follow(used, at, batch));
                    }
                }
                log.unproven = None;
                log.take(batch);
            }
            visit.batch(Place { file: &used.path, at, is_repeated, is_journal: true }, batch)?;
        }
        Ok(())
    }

    /// Segments that end in bytes nobody can read and that the journal does not continue are damaged, unless
    /// the journal may have lost it.
    fn settle(&mut self, last: Option<&LastEntry>, damage: &mut Vec<Damage>) {
        if last.is_some_and(|last| !last.header.synced) {
            return;
        }
        for log in self.logs.values_mut() {
            if let Some((file, at)) = log.unproven.take() {
                let meaning = format!(
                    "records from offset {} on are missing; the whole shard is neither read nor written",
                    log.next
                );
                damage.push(Damage::new(
                    &file,
                    at,
                    "no intact batch, and the journal has none either",
                    meaning,
                ));
            }
        }
    }
}

fn does_not_follow(used: &JournalUse, at: u64, batch: &Batch) -> Damage {
    let what = format!(
        "the batch of log {} at offset {} does not follow what is before it",
        batch.log(),
        batch.base()
    );
    Damage::new(&used.path, at, what, "the whole shard is neither read nor written")
}
