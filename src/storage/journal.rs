//! The journal's files as a ring: which one takes the next entry, which may be used again. Decides only;
//! the engine writes.

use crate::platform::{BLOCK, FileId};
use crate::seeded::{self, Bug};

/// One use of a journal file: the counter in the high half orders uses, the salt in the low half keeps
/// bytes a client once wrote from passing for an entry of this use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(pub(super) u64);

impl Generation {
    /// The use after this one.
    pub(super) fn next(self, salt: u32) -> Self {
        Self(((self.0 >> 32) + 1) << 32 | u64::from(salt))
    }

    /// How many uses came before, over the data directory's life.
    pub(super) fn count(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }
}

/// A journal file and what it holds.
#[derive(Debug)]
pub(super) struct JournalFile {
    pub(super) file: FileId,
    pub(super) bytes: u64,
    /// The use its entries belong to; `None` once nothing in it is needed.
    pub(super) generation: Option<Generation>,
    /// Batches in it that no segment holds yet.
    pub(super) unflushed: u64,
    /// The latest use it has seen: of several free files the one used longest ago goes first.
    pub(super) last_use: Generation,
}

impl JournalFile {
    fn is_free(&self) -> bool {
        self.generation.is_none() || seeded::is(Bug::JournalFileReusedEarly)
    }

    /// A file nothing was written to yet.
    pub(super) fn fresh(file: FileId, bytes: u64) -> Self {
        Self { file, bytes, generation: None, unflushed: 0, last_use: Generation(0) }
    }
}

/// Where the next entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) at: u64,
    pub(super) generation: Generation,
}

/// The ring.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) files: Vec<JournalFile>,
    /// Index of the file being filled.
    active: usize,
    at: u64,
    pub(super) generation: Generation,
    /// Number of the next commit.
    pub(super) commit: u64,
    pub(super) previous_checksum: u32,
    /// A further file is on its way.
    pub(super) creating: bool,
    /// The last attempt to make one failed; the next waits for a retry.
    pub(super) creation_failed: bool,
    /// Number in the name of the next file.
    pub(super) next_name: u32,
    files_max: usize,
}

impl Journal {
    /// A ring whose next entry opens a new use of one of `files`, at least one of which is free.
    pub(super) fn new(
        files: Vec<JournalFile>,
        last: Generation,
        commit: u64,
        previous_checksum: u32,
        next_name: u32,
        files_max: usize,
    ) -> Self {
        // Past the end of any file: the first entry rolls.
        Self {
            files,
            active: usize::MAX,
            at: u64::MAX,
            generation: last,
            commit,
            previous_checksum,
            creating: false,
            creation_failed: false,
            next_name,
            files_max,
        }
    }

    /// Sets aside `len` bytes of the file in use; `None` if it has no such room, or none is in use.
    pub(super) fn place(&mut self, len: u64) -> Option<Place> {
        let file = self.files.get(self.active).filter(|file| self.at + len <= file.bytes)?.file;
        let place = Place { file, at: self.at, generation: self.generation };
        self.at += len;
        if seeded::is(Bug::BlockRewritten) && len > BLOCK as u64 {
            self.at -= BLOCK as u64;
        }
        Some(place)
    }

    /// Begins the use of a free file that has room for `len` bytes behind its first entry, which goes to the
    /// place given and takes one block; `None` while every file is still needed. Tells the file left.
    pub(super) fn begin_use(&mut self, len: u64, salt: u32) -> Option<(Place, Option<FileId>)> {
        let needed = len + BLOCK as u64;
        let free = |(_, file): &(usize, &JournalFile)| file.is_free() && file.bytes >= needed;
        let (next, _) = self.files.iter().enumerate().filter(free).min_by_key(|(_, file)| file.last_use)?;
        let left = self.leave();
        if !seeded::is(Bug::GenerationNotRenewed) || self.generation == Generation(0) {
            self.generation = self.generation.next(salt);
        }
        let file = &mut self.files[next];
        file.generation = Some(self.generation);
        file.last_use = self.generation;
        self.active = next;
        self.at = 0;
        Some((self.place(BLOCK as u64)?, left))
    }

    fn leave(&mut self) -> Option<FileId> {
        let full = self.files.get_mut(self.active)?;
        if full.unflushed == 0 {
            full.generation = None;
        }
        Some(full.file)
    }

    /// Whether a further file should be made before the current one is full.
    pub(super) fn wants_file(&self) -> bool {
        let half_used = self.files.get(self.active).is_none_or(|file| self.at >= file.bytes / 2);
        half_used && !self.has_free_file() && self.may_create()
    }

    /// Whether a further file may be made now.
    pub(super) fn may_create(&self) -> bool {
        !self.creating && !self.creation_failed && self.files.len() < self.files_max
    }

    /// Counts batches committed in the use `generation`.
    pub(super) fn committed(&mut self, generation: Generation, batches: u64) {
        self.file_of(generation).unflushed += batches;
    }

    /// Counts batches of the use `generation` that a segment holds now (or nobody needs); frees the file
    /// with the last of them.
    pub(super) fn flushed(&mut self, generation: Generation, batches: u64) {
        let active = self.files.get(self.active).map(|file| file.file);
        let file = self.file_of(generation);
        file.unflushed = file.unflushed.checked_sub(batches).expect("a batch is flushed once");
        if file.unflushed == 0 && Some(file.file) != active {
            file.generation = None;
        }
    }

    /// Files that hold what a sync is to make durable.
    pub(super) fn files_to_sync(&self) -> Vec<FileId> {
        let active = self.files.get(self.active).map(|file| file.file);
        let only = |file: FileId| !seeded::is(Bug::FullFileNotSynced) || Some(file) == active;
        let used = self.files.iter().filter(|file| file.generation.is_some() && only(file.file));
        used.map(|file| file.file).collect()
    }

    /// Whether a file can be begun.
    pub(super) fn has_free_file(&self) -> bool {
        self.files.iter().any(|file| file.generation.is_none())
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
        let files = (0..files).map(|n| JournalFile::fresh(FileId(n), 8192)).collect();
        Journal::new(files, Generation(0), 1, 0, 0, 4)
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
        let (opening, left) = journal.begin_use(4096, 7).unwrap();
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
        assert_eq!(journal.begin_use(8192, 0), None);
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
}
