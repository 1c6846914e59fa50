//! The journal's files as a ring: which one takes the next entry, which may be used again. Decides only;
//! the engine writes.

use crate::limits;
use crate::platform::FileId;

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
}

/// Where the next entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) at: u64,
    pub(super) generation: Generation,
    /// The file used until now, if this place is in another: it is full.
    pub(super) rolled_from: Option<FileId>,
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
}

impl Journal {
    /// A ring whose next entry opens a new use of one of `files`, at least one of which is free.
    pub(super) fn new(
        files: Vec<JournalFile>,
        last: Generation,
        commit: u64,
        previous_checksum: u32,
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
        }
    }

    /// Sets aside `len` bytes; `None` while every file is still needed.
    pub(super) fn place(&mut self, len: u64, salt: u32) -> Option<Place> {
        let fits = self.files.get(self.active).is_some_and(|file| self.at + len <= file.bytes);
        let rolled_from = if fits { None } else { self.roll(len, salt)? };
        let file = self.files[self.active].file;
        let place = Place { file, at: self.at, generation: self.generation, rolled_from };
        self.at += len;
        Some(place)
    }

    /// Whether a further file should be made before the current one is full.
    pub(super) fn wants_file(&self) -> bool {
        let half_used = self.files.get(self.active).is_none_or(|file| self.at >= file.bytes / 2);
        half_used && !self.has_free_file() && !self.creating && self.files.len() < limits::JOURNAL_FILES_MAX
    }

    /// Whether a file is free for the next use.
    pub(super) fn has_free_file(&self) -> bool {
        self.files.iter().any(|file| file.generation.is_none())
    }

    /// Counts batches committed in the use `generation`.
    pub(super) fn committed(&mut self, generation: Generation, batches: u64) {
        self.file_of(generation).unflushed += batches;
    }

    /// Counts batches of the use `generation` that a segment holds now (or nobody needs); frees the file
    /// with the last of them.
    pub(super) fn flushed(&mut self, generation: Generation, batches: u64) {
        // After recovery none is written to: the file of the last use is then as free as the others.
        let active = self.files.get(self.active).and_then(|file| file.generation);
        let file = self.file_of(generation);
        file.unflushed = file.unflushed.checked_sub(batches).expect("a batch is flushed once");
        if file.unflushed == 0 && active != Some(generation) {
            file.generation = None;
        }
    }

    fn file_of(&mut self, generation: Generation) -> &mut JournalFile {
        self.files
            .iter_mut()
            .find(|file| file.generation == Some(generation))
            .expect("a file stays in use while a batch of it is unflushed")
    }

    fn roll(&mut self, len: u64, salt: u32) -> Option<Option<FileId>> {
        let free = self.files.iter().position(|file| file.generation.is_none() && file.bytes >= len)?;
        let rolled_from = self.files.get(self.active).map(|file| file.file);
        if let Some(full) = self.files.get_mut(self.active)
            && full.unflushed == 0
        {
            full.generation = None;
        }
        self.generation = self.generation.next(salt);
        self.files[free].generation = Some(self.generation);
        self.active = free;
        self.at = 0;
        Some(rolled_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(files: u32) -> Journal {
        let file = |n| JournalFile { file: FileId(n), bytes: 8192, generation: None, unflushed: 0 };
        Journal::new((0..files).map(file).collect(), Generation(0), 1, 0)
    }

    #[test]
    fn a_file_is_used_again_only_when_all_its_batches_are_in_segments() {
        let mut journal = ring(2);
        let first = journal.place(8192, 1).unwrap();
        journal.committed(first.generation, 2);
        let second = journal.place(8192, 1).unwrap();
        assert_eq!((second.file, second.rolled_from), (FileId(1), Some(FileId(0))));
        journal.committed(second.generation, 1);
        assert_eq!(journal.place(4096, 1), None);
        journal.flushed(first.generation, 1);
        assert_eq!(journal.place(4096, 1), None);
        journal.flushed(first.generation, 1);
        let third = journal.place(4096, 1).unwrap();
        assert_eq!((third.file, third.at), (FileId(0), 0));
        assert!(third.generation > second.generation && second.generation > first.generation);
    }

    #[test]
    fn an_emptied_file_is_free_as_soon_as_the_next_is_begun() {
        let mut journal = ring(2);
        for round in 0..10 {
            let place = journal.place(8192, 0).unwrap();
            assert_eq!(place.file, FileId(round % 2));
            journal.committed(place.generation, 1);
            journal.flushed(place.generation, 1);
        }
    }

    #[test]
    fn the_last_file_found_at_recovery_is_freed_like_the_others() {
        let used = |n| JournalFile {
            file: FileId(n),
            bytes: 8192,
            generation: Some(Generation(u64::from(n) + 1)),
            unflushed: 1,
        };
        let mut journal = Journal::new(vec![used(0), used(1)], Generation(2), 9, 0);
        assert!(!journal.has_free_file() && journal.place(4096, 0).is_none());
        journal.flushed(Generation(2), 1);
        assert!(journal.has_free_file());
        assert_eq!(journal.place(4096, 0).unwrap().file, FileId(1));
    }

    #[test]
    fn asks_for_a_further_file_in_time_and_within_bounds() {
        let mut journal = ring(1);
        journal.place(4096, 0).unwrap();
        assert!(journal.wants_file());
        journal.creating = true;
        assert!(!journal.wants_file());
        let mut bounded = ring(u32::try_from(limits::JOURNAL_FILES_MAX).unwrap());
        while let Some(place) = bounded.place(8192, 0) {
            bounded.committed(place.generation, 1);
        }
        assert!(!bounded.wants_file());
    }
}
