//! One simulated file: what readers see, what stable storage holds, and which sectors differ or may.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use fastrand::Rng;

use super::SECTOR;

/// Number of a write, counted from one, so that later content is told from earlier.
type WriteNumber = u64;

/// Sectors as they were when a sync was submitted, and by which write.
pub(super) type Snapshot = BTreeMap<usize, (WriteNumber, Vec<u8>)>;

#[derive(Clone, Debug)]
pub(super) struct SimFile {
    /// What a read returns.
    visible: Vec<u8>,
    /// What stable storage holds for certain.
    durable: Vec<u8>,
    /// The write each durable sector comes from; none for the zeros of creation.
    durable_from: BTreeMap<usize, WriteNumber>,
    /// Sectors written since they were last durable, and by which write; the next sync covers them.
    dirty: BTreeMap<usize, WriteNumber>,
    /// Sectors a write or sync has failed on: the system considers them clean, so no later sync covers them.
    doubtful: BTreeSet<usize>,
    writes: WriteNumber,
}

impl SimFile {
    /// A file of zeros, durable.
    pub(super) fn zeroed(bytes: usize) -> Self {
        Self {
            visible: vec![0; bytes],
            durable: vec![0; bytes],
            durable_from: BTreeMap::new(),
            dirty: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            writes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.visible.len()
    }

    pub(super) fn visible(&self) -> &[u8] {
        &self.visible
    }

    pub(super) fn read(&self, at: usize, into: &mut [u8]) {
        into.copy_from_slice(&self.visible[at..at + into.len()]);
    }

    /// A write that completed.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8], durable: bool) {
        self.writes += 1;
        for (sector, bytes) in sectors(at, bytes) {
            self.visible[range(sector)].copy_from_slice(bytes);
            self.doubtful.remove(&sector);
            self.dirty.insert(sector, self.writes);
            if durable {
                self.make_durable(sector, self.writes, bytes);
            }
        }
    }

    fn make_durable(&mut self, sector: usize, write: WriteNumber, bytes: &[u8]) {
        self.durable[range(sector)].copy_from_slice(bytes);
        self.durable_from.insert(sector, write);
        if self.dirty.get(&sector) == Some(&write) {
            self.dirty.remove(&sector);
        }
    }

    /// A write that failed: any of its sectors may have arrived, and nobody can count on one.
    pub(super) fn write_torn(&mut self, at: usize, bytes: &[u8], rng: &mut Rng) {
        for (sector, bytes) in sectors(at, bytes) {
            if rng.bool() {
                self.visible[range(sector)].copy_from_slice(bytes);
                self.dirty.remove(&sector);
                self.doubtful.insert(sector);
            }
        }
    }

    /// What a sync submitted now will make durable.
    pub(super) fn snapshot(&self) -> Snapshot {
        let taken = |(sector, write): (&usize, &WriteNumber)| {
            (*sector, (*write, self.visible[range(*sector)].to_vec()))
        };
        self.dirty.iter().map(taken).collect()
    }

    /// A sync that completed: what was written before it was submitted is durable, what came since may not
    /// be.
    pub(super) fn synced(&mut self, snapshot: &Snapshot) {
        for (sector, (write, bytes)) in snapshot {
            // Unless a durable write that completed meanwhile is newer than the snapshot.
            if self.durable_from.get(sector).is_none_or(|durable| durable < write) {
                self.make_durable(*sector, *write, bytes);
            }
        }
    }

    /// A sync that failed.
    pub(super) fn sync_failed(&mut self, snapshot: &Snapshot) {
        for sector in snapshot.keys() {
            if self.dirty.remove(sector).is_some() {
                self.doubtful.insert(*sector);
            }
        }
    }

    /// A write in flight when the power went: each sector arrived or did not.
    pub(super) fn interrupted(&mut self, at: usize, bytes: &[u8], rng: &mut Rng) {
        for (sector, bytes) in sectors(at, bytes) {
            if rng.bool() {
                self.visible[range(sector)].copy_from_slice(bytes);
                self.dirty.insert(sector, WriteNumber::MAX);
                self.make_durable(sector, WriteNumber::MAX, bytes);
            }
        }
    }

    /// Settles every sector that was not durable, one by one, when the power goes.
    pub(super) fn crash(&mut self, rng: &mut Rng) {
        let unsettled: BTreeSet<usize> = self.dirty.keys().chain(&self.doubtful).copied().collect();
        for sector in unsettled {
            if rng.bool() {
                self.durable[range(sector)].copy_from_slice(&self.visible[range(sector)]);
            }
        }
        self.visible.clone_from(&self.durable);
        self.durable_from.clear();
        self.dirty.clear();
        self.doubtful.clear();
    }

    /// A write to the wrong place: durable, and nobody knows.
    pub(super) fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        self.visible[at..at + bytes.len()].copy_from_slice(bytes);
        self.durable[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Media decay: neither reads nor a crash can tell.
    pub(super) fn flip_bits(&mut self, at: usize, mask: u8) {
        self.visible[at] ^= mask;
        self.durable[at] ^= mask;
    }
}

fn range(sector: usize) -> Range<usize> {
    sector * SECTOR..(sector + 1) * SECTOR
}

fn sectors(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (at / SECTOR..).zip(bytes.chunks_exact(SECTOR))
}
