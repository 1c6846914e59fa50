//! The journal's files as a ring: which one takes the next entry, which may be used again, which must never
//! be. Decides only; the engine writes.
//!
//! A file a write or sync has failed on is *retired*: this process writes to it no more, since nothing tells
//! what became of the bytes. Its batches stay where they are until segments hold them; then the file is
//! condemned: closed and removed. Meanwhile every later use tells where the retired one ends.

use crate::limits;
use crate::platform::{BLOCK, FileId};
use crate::seeded::{self, Bug};
use crate::shard_log::UseEnd;

/// One use of a journal file: the counter in the high half orders uses, the salt in the low half keeps
/// bytes a client once wrote from passing for an entry of this use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(pub(super) u64);

impl Generation {
    /// The use after this one.
    pub(super) fn next(self, salt: u32) -> Self {
        Self(((self.0 >> 32) + 1) << 32 | u64::from(salt))
    }
}

/// The latest entry that was acknowledged, of a use or of all: what the next one follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// Its commit number; 0 for none.
    pub(super) commit: u64,
    pub(super) checksum: u32,
}

/// A journal file and what it holds.
#[derive(Debug)]
pub(super) struct JournalFile {
    pub(super) file: FileId,
    /// Number in its name.
    pub(super) name: u32,
    pub(super) bytes: u64,
    /// The use its entries belong to; `None` once nothing in it is needed.
    pub(super) generation: Option<Generation>,
    /// Batches in it that no segment holds yet.
    pub(super) unflushed: u64,
    /// The latest use it has seen: of several free files the one used longest ago goes first.
    pub(super) last_use: Generation,
    /// The last entry of its use; what stands behind it is void.
    pub(super) end: Acknowledged,
    /// A write or sync of it has failed.
    pub(super) retired: bool,
}

impl JournalFile {
    /// A file nothing was written to yet.
    pub(super) fn fresh(file: FileId, name: u32, bytes: u64) -> Self {
        Self {
            file,
            name,
            bytes,
            generation: None,
            unflushed: 0,
            last_use: Generation(0),
            end: Acknowledged::default(),
            retired: false,
        }
    }

    fn is_free(&self) -> bool {
        (self.generation.is_none() || seeded::is(Bug::JournalFileReusedEarly)) && !self.retired
    }

    fn use_end(&self) -> Option<UseEnd> {
        let Acknowledged { commit, checksum } = self.end;
        self.generation.map(|Generation(generation)| UseEnd { generation, commit, checksum })
    }
}

/// The path of a journal file.
pub(super) fn journal_path(name: u32) -> String {
    format!("journal/{name:04}.log")
}

/// Where the next entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) at: u64,
    pub(super) generation: Generation,
}

/// A use begun: where its first entry goes, where the others end, and the file left for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) place: Place,
    pub(super) ends: Vec<UseEnd>,
    pub(super) left: Option<FileId>,
}

/// The ring.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) files: Vec<JournalFile>,
    /// The file being filled.
    active: Option<FileId>,
    at: u64,
    /// The first entry of the use in the active file is there for certain: it tells of all earlier ones.
    opened: bool,
    pub(super) generation: Generation,
    /// What the next entry follows.
    pub(super) acknowledged: Acknowledged,
    /// A further file is on its way.
    pub(super) creating: bool,
    /// The last attempt to make one failed; the next waits for a retry.
    pub(super) creation_failed: bool,
    /// Number in the name of the next file.
    pub(super) next_name: u32,
    files_max: usize,
    /// Retired files nothing in which is needed, until they are gone: name, and where the use ends.
    condemned: Vec<(u32, UseEnd)>,
}

impl Journal {
    /// A ring that goes on behind `acknowledged`; the next entry opens a new use unless [`Self::resume`] says
    /// where else it goes.
    pub(super) fn new(
        files: Vec<JournalFile>,
        last: Generation,
        acknowledged: Acknowledged,
        next_name: u32,
        files_max: usize,
    ) -> Self {
        Self {
            files,
            active: None,
            at: u64::MAX,
            opened: false,
            generation: last,
            acknowledged,
            creating: false,
            creation_failed: false,
            next_name,
            files_max,
            condemned: Vec::new(),
        }
    }

    /// Goes on in the latest use, whose entries end at `at` of `file`.
    pub(super) fn resume(&mut self, file: FileId, at: u64) {
        (self.active, self.at, self.opened) = (Some(file), at, true);
        if let Some(resumed) = self.files.iter_mut().find(|known| known.file == file) {
            resumed.generation = Some(resumed.last_use);
        }
    }

    /// Sets aside `len` bytes of the file in use; `None` if it has no such room, or none is in use.
    pub(super) fn place(&mut self, len: u64) -> Option<Place> {
        let active = self.active_file().filter(|file| self.at + len <= file.bytes)?;
        let place = Place { file: active.file, at: self.at, generation: active.generation? };
        self.at += len;
        if seeded::is(Bug::BlockRewritten) && len > BLOCK as u64 {
            self.at -= BLOCK as u64;
        }
        Some(place)
    }

    /// Begins the use of a free file that has room for `len` bytes behind its first entry, which goes to the
    /// place given and takes one block; `None` while every file is still needed.
    pub(super) fn begin_use(&mut self, len: u64, salt: u32) -> Option<Opening> {
        let needed = len + BLOCK as u64;
        let free = |file: &&JournalFile| file.is_free() && file.bytes >= needed;
        let next = self.files.iter().filter(free).min_by_key(|file| file.last_use)?.file;
        let left = self.leave();
        let ends = self.ends();
        if !seeded::is(Bug::GenerationNotRenewed) || self.generation == Generation(0) {
            self.generation = self.generation.next(salt);
        }
        let file = self.files.iter_mut().find(|file| file.file == next)?;
        file.generation = Some(self.generation);
        file.last_use = self.generation;
        file.end = self.acknowledged;
        (self.active, self.at, self.opened) = (Some(next), 0, false);
        Some(Opening { place: self.place(BLOCK as u64)?, ends, left })
    }

    fn leave(&mut self) -> Option<FileId> {
        let active = self.active.take()?;
        let full = self.files.iter_mut().find(|file| file.file == active)?;
        if full.unflushed == 0 {
            full.generation = None;
        }
        Some(active)
    }

    /// Where the uses still needed end, those of retired files included until they are gone.
    fn ends(&self) -> Vec<UseEnd> {
        let condemned = self.condemned.iter().map(|(_, end)| *end);
        self.files.iter().filter_map(JournalFile::use_end).chain(condemned).collect()
    }

    /// Notes that the entry written last is acknowledged.
    pub(super) fn acknowledge(&mut self, generation: Generation, checksum: u32) {
        let commit = self.acknowledged.commit + 1;
        self.acknowledged = Acknowledged { commit, checksum };
        self.opened = true;
        let end = self.acknowledged;
        if let Some(file) = self.files.iter_mut().find(|file| file.generation == Some(generation)) {
            file.end = end;
        }
    }

    /// Never writes to this file again.
    pub(super) fn retire(&mut self, file: FileId) {
        if self.active == Some(file) && !seeded::is(Bug::FailedFileUsedAgain) {
            self.active = None;
        }
        if let Some(failed) = self.files.iter_mut().find(|known| known.file == file) {
            failed.retired = !seeded::is(Bug::FailedFileUsedAgain);
        }
    }

    /// Whether `generation` is the use being filled, in a file that can be trusted with more.
    pub(super) fn is_active(&self, generation: Generation) -> bool {
        self.active_file().is_some_and(|file| file.generation == Some(generation))
    }

    /// Takes files out that are to be closed and removed: retired ones nothing in which is needed any more,
    /// and free ones beyond the ring's bound, which an earlier process may have needed. None before the use
    /// that follows theirs has begun for certain: until then only they tell where offsets go on.
    pub(super) fn condemn(&mut self) -> Vec<JournalFile> {
        if self.active.is_none() || !self.opened {
            return Vec::new();
        }
        let usable = self.files.iter().filter(|file| !file.retired).count();
        let mut surplus = usable.saturating_sub(self.files_max);
        let (gone, kept) = std::mem::take(&mut self.files).into_iter().partition(|file| {
            let is_surplus = file.is_free() && surplus > 0;
            surplus -= usize::from(is_surplus);
            is_surplus || (file.retired && file.unflushed == 0)
        });
        self.files = kept;
        let gone: Vec<JournalFile> = gone;
        self.condemned.extend(gone.iter().filter_map(|file| Some((file.name, file.use_end()?))));
        gone
    }

    /// A condemned file is gone for certain: nobody has to be told of it any more.
    pub(super) fn removed(&mut self, path: &str) {
        self.condemned.retain(|(name, _)| journal_path(*name) != path);
    }

    /// Retired files, those that wait for their removal included.
    pub(super) fn retired(&self) -> usize {
        self.files.iter().filter(|file| file.retired).count() + self.condemned.len()
    }

    /// Batches that only retired files hold.
    pub(super) fn doubtful(&self) -> u64 {
        self.files.iter().filter(|file| file.retired).map(|file| file.unflushed).sum()
    }

    /// Whether nothing but its first entry was written to the use.
    pub(super) fn is_fresh(&self) -> bool {
        self.active.is_some() && self.at == BLOCK as u64
    }

    /// Whether a further file should be made before the current one is full.
    pub(super) fn wants_file(&self) -> bool {
        let half_used = self.active_file().is_none_or(|file| self.at >= file.bytes / 2);
        half_used && !self.has_free_file() && self.may_create()
    }

    /// Whether a further file may be made now.
    pub(super) fn may_create(&self) -> bool {
        let in_use = self.files.iter().filter(|file| !file.retired).count();
        let is_bounded = in_use < self.files_max && self.retired() < limits::JOURNAL_FILES_RETIRED_MAX;
        !self.creating && !self.creation_failed && is_bounded
    }

    /// Counts batches committed in the use `generation`.
    pub(super) fn committed(&mut self, generation: Generation, batches: u64) {
        self.file_of(generation).unflushed += batches;
    }

    /// Counts batches of the use `generation` that a segment holds now (or nobody needs); frees the file
    /// with the last of them.
    pub(super) fn flushed(&mut self, generation: Generation, batches: u64) {
        let active = self.active;
        let file = self.file_of(generation);
        file.unflushed = file.unflushed.checked_sub(batches).expect("a batch is flushed once");
        if file.unflushed == 0 && Some(file.file) != active && !file.retired {
            file.generation = None;
        }
    }

    /// Files that hold what a sync is to make durable.
    pub(super) fn files_to_sync(&self) -> Vec<FileId> {
        let only = |file: FileId| !seeded::is(Bug::FullFileNotSynced) || Some(file) == self.active;
        let holds_any = |file: &&JournalFile| file.generation.is_some() && !file.retired && only(file.file);
        self.files.iter().filter(holds_any).map(|file| file.file).collect()
    }

    /// Whether there is a file that has not failed, free or not.
    pub(super) fn has_sound_file(&self) -> bool {
        self.files.iter().any(|file| !file.retired)
    }

    /// Whether the file in use has room for `len` more bytes.
    pub(super) fn has_room(&self, len: u64) -> bool {
        self.active_file().is_some_and(|file| self.at + len <= file.bytes)
    }

    /// Whether a file can be begun.
    pub(super) fn has_free_file(&self) -> bool {
        self.files.iter().any(JournalFile::is_free)
    }

    fn active_file(&self) -> Option<&JournalFile> {
        let active = self.active?;
        self.files.iter().find(|file| file.file == active)
    }

    fn file_of(&mut self, generation: Generation) -> &mut JournalFile {
        self.files
            .iter_mut()
            .find(|file| file.generation == Some(generation))
            .expect("a file stays in use while a batch of it is unflushed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(files: u32) -> Journal {
        let files = (0..files).map(|n| JournalFile::fresh(FileId(n), n, 8192)).collect();
        Journal::new(files, Generation(0), Acknowledged::default(), 0, 4)
    }

    /// Fills the next free file with one entry.
    fn fill(journal: &mut Journal) -> Option<Place> {
        assert_eq!(journal.place(4096), None);
        journal.begin_use(4096, 7)?;
        journal.place(4096)
    }

    #[test]
    fn a_file_is_used_again_only_when_all_its_batches_are_in_segments() {
        let mut journal = ring(2);
        let first = fill(&mut journal).unwrap();
        assert_eq!((first.file, first.at), (FileId(0), 4096));
        journal.committed(first.generation, 2);
        let Opening { place: opening, left, .. } = journal.begin_use(4096, 7).unwrap();
        assert_eq!((opening.file, opening.at, left), (FileId(1), 0, Some(FileId(0))));
        let second = journal.place(4096).unwrap();
        journal.committed(second.generation, 1);
        assert_eq!(fill(&mut journal), None);
        journal.flushed(first.generation, 1);
        assert_eq!(fill(&mut journal), None);
        journal.flushed(first.generation, 1);
        let third = fill(&mut journal).unwrap();
        assert_eq!(third.file, FileId(0));
        assert!(third.generation > opening.generation && opening.generation > first.generation);
    }

    #[test]
    fn of_the_free_files_the_one_used_longest_ago_is_next() {
        let mut journal = ring(3);
        for round in 0..10 {
            let place = fill(&mut journal).unwrap();
            assert_eq!(place.file, FileId(round % 3));
            journal.committed(place.generation, 1);
            journal.flushed(place.generation, 1);
        }
    }

    #[test]
    fn a_file_too_small_for_an_entry_is_not_begun_for_it() {
        let mut journal = ring(2);
        assert!(journal.begin_use(8192, 0).is_none());
        assert!(journal.begin_use(4096, 0).is_some());
    }

    #[test]
    fn asks_for_a_further_file_in_time_and_within_bounds() {
        let mut journal = ring(1);
        fill(&mut journal).unwrap();
        assert!(journal.wants_file());
        journal.creating = true;
        assert!(!journal.wants_file());
        let mut bounded = ring(4);
        while let Some(place) = fill(&mut bounded) {
            bounded.committed(place.generation, 1);
        }
        assert!(!bounded.wants_file());
    }

    #[test]
    fn a_retired_file_is_told_of_until_it_is_gone_and_never_used_again() {
        let mut journal = ring(2);
        let place = fill(&mut journal).unwrap();
        journal.acknowledge(place.generation, 1);
        journal.acknowledge(place.generation, 2);
        journal.committed(place.generation, 1);
        journal.retire(place.file);
        assert_eq!(journal.place(4096), None);
        let end = UseEnd { generation: place.generation.0, commit: 2, checksum: 2 };
        assert_eq!(journal.begin_use(4096, 7).unwrap().ends, [end]);
        assert!(journal.condemn().is_empty(), "a batch of it is needed");
        journal.flushed(place.generation, 1);
        assert!(!journal.has_free_file() && journal.condemn().is_empty(), "nothing tells of it for certain");
        journal.acknowledge(journal.generation, 3);
        assert_eq!(journal.condemn().iter().map(|file| file.file).collect::<Vec<_>>(), [place.file]);
        assert_eq!(journal.ends().len(), 2, "it may still be there after a power cut");
        journal.removed(&journal_path(0));
        assert!(!journal.ends().contains(&end));
    }

    #[test]
    fn of_a_use_whose_first_entry_failed_nothing_is_left() {
        let mut journal = ring(3);
        let place = fill(&mut journal).unwrap();
        journal.acknowledge(place.generation, 9);
        let failed = journal.begin_use(4096, 7).unwrap().place;
        journal.retire(failed.file);
        let told = journal.begin_use(4096, 7).unwrap().ends;
        let end = told.iter().find(|end| end.generation == failed.generation.0).unwrap();
        assert_eq!(end.commit, 1, "its first entry would have been the second commit");
    }
}
