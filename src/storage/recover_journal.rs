//! Reading the journal back. It is believed up to its first unreadable entry, if that can be the one in
//! flight when the power went. If an intact later entry shows that the unreadable one was acknowledged, it is
//! damage: opening fails, and nothing is cut off.
//!
//! What a later use tells to be void, a commit whose write failed, is taken out. Its file stays retired, as
//! it was in the process that met the failure.

use std::collections::{BTreeMap, HashMap};

use crate::platform::{AlignedBuf, BLOCK, Disk, FileId, Op};
use crate::seeded::{self, Bug};
use crate::shard_log::{ENTRY_HEADER_BYTES, Entry, EntryError, UseEnd, entry_len, open_entry};
use crate::types::{LogId, Offset};

use super::blocking::{create, make_durable, run};
use super::commit::create_journal_file;
use super::journal::{Acknowledged, Generation, JournalFile};
use super::window::Window;
use super::{Sizes, StorageError};

/// One use of a journal file: its entries, from the first to the last readable one.
struct Use {
    path: String,
    /// Where each entry begins, and the entry.
    entries: Vec<(u64, Entry)>,
    /// Index of the file.
    file: usize,
}

/// What the journal's files hold.
pub(super) struct Found {
    pub(super) files: Vec<JournalFile>,
    /// Number in the name of the next file.
    pub(super) next_name: u32,
    uses: Vec<Use>,
}

impl Found {
    /// Entries in commit order, each with the index of its file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Entry, usize)> {
        self.uses.iter().flat_map(|used| used.entries.iter().map(|(_, entry)| (entry, used.file)))
    }

    /// The latest entry.
    pub(super) fn last(&self) -> Option<&Entry> {
        self.uses.last()?.entries.last().map(|(_, entry)| entry)
    }

    /// Where the next entry goes if the latest use goes on: its file, and the place behind its last entry.
    pub(super) fn latest_end(&self) -> Option<(FileId, u64)> {
        let used = self.uses.last()?;
        let (at, last) = used.entries.last()?;
        Some((self.files[used.file].file, at + last.len.next_multiple_of(BLOCK) as u64))
    }

    /// Takes out what later uses tell to be void; a use that ends before where it is told to is damaged.
    fn judge(&mut self) -> Result<(), StorageError> {
        for index in (0..self.uses.len()).rev() {
            let (earlier, later) = self.uses.split_at_mut(index);
            let Some((_, opening)) = later.first().and_then(|used| used.entries.first()) else { continue };
            for end in &opening.ends {
                if let Some(told) = earlier.iter_mut().find(|used| used.is(end)) {
                    self.files[told.file].retired |= told.end_at(end, opening.header.synced)?;
                    self.files[told.file].end = Acknowledged { commit: end.commit, checksum: end.checksum };
                }
            }
        }
        self.uses.retain(|used| !used.entries.is_empty());
        self.drop_unneeded();
        for used in &self.uses {
            if let Some((_, last)) = used.entries.last() {
                self.files[used.file].end =
                    Acknowledged { commit: last.header.commit, checksum: last.checksum };
            }
        }
        Ok(())
    }

    /// Of a use that the newest one does not tell of, segments held everything when that began.
    fn drop_unneeded(&mut self) {
        let newest = self.uses.last().and_then(|used| used.entries.first());
        let told = newest.map(|(_, opening)| opening.ends.clone()).unwrap_or_default();
        let last = self.uses.len().saturating_sub(1);
        let mut index = 0;
        self.uses.retain(|used| {
            index += 1;
            index > last || told.iter().any(|end| used.is(end))
        });
    }

    /// Makes certain that what was read stays: the last entry may be one whose write failed or whose process
    /// died, and entries of another durability than `sync` were never promised to be on the medium. What
    /// comes after builds on them.
    pub(super) fn secure(&self, disk: &mut dyn Disk) -> Result<(), StorageError> {
        let newest = self.uses.len().saturating_sub(1);
        for (index, used) in self.uses.iter().enumerate() {
            let file = &self.files[used.file];
            let Some((last_at, last)) = used.entries.last() else { continue };
            if seeded::is(Bug::RecoveredNotSecured) {
                continue;
            }
            // What nothing is needed of can go with the power, unless the next use tells where it ends.
            if index != newest && file.generation.is_none() {
                continue;
            }
            let from = if last.header.synced { *last_at } else { 0 };
            let len =
                usize::try_from(last_at - from).unwrap_or(usize::MAX) + last.len.next_multiple_of(BLOCK);
            make_durable(disk, file.file, from, len)
                .map_err(|error| StorageError::prepare(&used.path, &error))?;
        }
        self.erase_torn(disk)
    }

    /// Erases the head of what stands behind the last entry. It may be a commit cut short by the power; the
    /// next one goes to the same place, and if that is cut short too, the sectors of both could make up
    /// the first.
    fn erase_torn(&self, disk: &mut dyn Disk) -> Result<(), StorageError> {
        let Some((file, at)) = self.latest_end() else { return Ok(()) };
        let has_room = |known: &JournalFile| known.file == file && at + BLOCK as u64 <= known.bytes;
        if !self.files.iter().any(has_room) {
            return Ok(());
        }
        let op = Op::Write { file, at, buf: AlignedBuf::zeroed(BLOCK), durable: true };
        run(disk, op).map(drop).map_err(|error| StorageError::prepare("the journal", &error))
    }

    /// For each log where the unbroken run of batches begins that the journal ends with, and where it ends.
    pub(super) fn runs(&self) -> HashMap<LogId, (Offset, Offset)> {
        let mut starts: HashMap<(LogId, u32), Offset> = HashMap::new();
        let mut runs = HashMap::new();
        for batch in self.entries().flat_map(|(entry, _)| &entry.batches) {
            let log = batch.log();
            let start = starts.get(&(log, batch.previous_checksum())).copied().unwrap_or(batch.base());
            starts.insert((log, batch.checksum()), start);
            runs.insert(log, (start, batch.end()));
        }
        runs
    }
}

impl Use {
    fn is(&self, end: &UseEnd) -> bool {
        self.entries.first().is_some_and(|(_, first)| first.header.generation == end.generation)
    }

    /// Ends the use where a later one tells; tells whether something void stood behind.
    fn end_at(&mut self, end: &UseEnd, synced: bool) -> Result<bool, StorageError> {
        let live = self.entries.partition_point(|(_, entry)| entry.header.commit <= end.commit);
        let is_void = live < self.entries.len();
        if !seeded::is(Bug::VoidCommitReplayed) {
            self.entries.truncate(live);
        }
        let Some((at, last)) = self.entries.last() else { return Ok(is_void) };
        let is_whole = (last.header.commit, last.checksum) == (end.commit, end.checksum);
        if is_whole || !synced || seeded::is(Bug::JournalGapAccepted) || seeded::is(Bug::VoidCommitReplayed) {
            return Ok(is_void);
        }
        let at = at + last.len.next_multiple_of(BLOCK) as u64;
        Err(StorageError::JournalDamaged { file: self.path.clone(), at })
    }
}

/// Opens the journal's files, and makes those that are missing.
pub(super) fn open_journal(disk: &mut dyn Disk, sizes: &Sizes) -> Result<Found, StorageError> {
    let failed = |error: std::io::Error| StorageError::prepare("the journal", &error);
    let mut found = Found { files: Vec::new(), next_name: 0, uses: Vec::new() };
    let mut uses = BTreeMap::new();
    for listed in disk.list("journal").map_err(failed)? {
        let Some(name) = listed.name.strip_suffix(".log").and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let path = format!("journal/{}", listed.name);
        let (file, bytes) = disk.open(&path).map_err(failed)?;
        let mut opened = JournalFile::fresh(file, name, bytes);
        let entries = UseReader::new(&path, file, bytes, sizes).read(disk)?;
        if let Some((_, first)) = entries.first() {
            opened.last_use = Generation(first.header.generation);
            opened.generation = Some(opened.last_use);
            let file = found.files.len();
            uses.insert(opened.last_use, Use { path, entries, file });
        }
        found.files.push(opened);
        found.next_name = found.next_name.max(name + 1);
    }
    found.uses = uses.into_values().collect();
    found.judge()?;
    while found.files.len() < sizes.journal_files_min {
        let op = create_journal_file(found.next_name, sizes.journal_file);
        let file = create(disk, op).map_err(failed)?;
        found.files.push(JournalFile::fresh(file, found.next_name, sizes.journal_file));
        found.next_name += 1;
    }
    Ok(found)
}

/// Reads the entries of a file's latest use.
struct UseReader<'a> {
    path: &'a str,
    window: Window,
    bytes: u64,
}

impl<'a> UseReader<'a> {
    fn new(path: &'a str, file: FileId, bytes: u64, sizes: &Sizes) -> Self {
        Self { path, window: Window::new(file, bytes, sizes.scan), bytes }
    }

    fn read(mut self, disk: &mut dyn Disk) -> Result<Vec<(u64, Entry)>, StorageError> {
        let mut entries: Vec<(u64, Entry)> = Vec::new();
        let mut at = 0;
        while at < self.bytes {
            match self.entry_at(disk, at)? {
                Ok(entry) if follows(entries.last().map(|(_, last)| last), &entry) => {
                    let begins = at;
                    at += entry.len.next_multiple_of(BLOCK) as u64;
                    entries.push((begins, entry));
                }
                Err(error @ EntryError::UnknownVersion(_)) => {
                    return Err(self.failed(&std::io::Error::other(error.to_string())));
                }
                _ => break,
            }
        }
        let is_damaged = match entries.last() {
            Some((_, last)) => self.has_synced_entry_after(disk, at, last)?,
            // A use's first entry is never torn: a file without one was never used.
            None => self.holds_anything(disk)?,
        };
        if is_damaged && !seeded::is(Bug::JournalDamageTruncated) {
            return Err(StorageError::JournalDamaged { file: self.path.to_owned(), at });
        }
        Ok(entries)
    }

    fn entry_at(&mut self, disk: &mut dyn Disk, at: u64) -> Result<Result<Entry, EntryError>, StorageError> {
        let header = self.bytes_at(disk, at, ENTRY_HEADER_BYTES)?;
        let Some(len) = entry_len(&header) else { return Ok(Err(EntryError::Absent)) };
        Ok(open_entry(&self.bytes_at(disk, at, len)?))
    }

    fn bytes_at(&mut self, disk: &mut dyn Disk, at: u64, len: usize) -> Result<bytes::Bytes, StorageError> {
        self.window.at(disk, at, len).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> StorageError {
        StorageError::prepare(self.path, error)
    }

    /// Whether an intact entry of the same use lies somewhere after `at` that was begun only once all before
    /// it were durable.
    fn has_synced_entry_after(
        &mut self,
        disk: &mut dyn Disk,
        at: u64,
        last: &Entry,
    ) -> Result<bool, StorageError> {
        for at in (at..self.bytes).step_by(BLOCK) {
            let is_later = self.entry_at(disk, at)?.is_ok_and(|entry| {
                entry.header.generation == last.header.generation
                    && entry.header.commit > last.header.commit
                    && entry.header.synced
            });
            if is_later {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holds_anything(&mut self, disk: &mut dyn Disk) -> Result<bool, StorageError> {
        for at in (0..self.bytes).step_by(BLOCK) {
            let block = self.bytes_at(disk, at, BLOCK)?;
            if block.iter().take(BLOCK).any(|&byte| byte != 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn follows(last: Option<&Entry>, entry: &Entry) -> bool {
    match last {
        None => entry.batches.is_empty(),
        Some(last) => entry.header.generation == last.header.generation && continues(last, entry),
    }
}

fn continues(last: &Entry, entry: &Entry) -> bool {
    entry.header.commit == last.header.commit + 1 && entry.header.previous_checksum == last.checksum
}
