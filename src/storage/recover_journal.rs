//! Reading the journal back. It is believed up to its first unreadable entry, if that can be the one in
//! flight when the power went. If an intact later entry shows that the unreadable one was acknowledged, it is
//! damage: opening fails, and nothing is cut off.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::platform::{BLOCK, Disk, FileId};
use crate::seeded::{self, Bug};
use crate::shard_log::{Entry, EntryError, open_entry};
use crate::types::{LogId, Offset};

use super::blocking::{create, make_durable, read};
use super::commit::create_journal_file;
use super::journal::{Generation, JournalFile};
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
            if index != newest && file.unflushed == 0 {
                continue;
            }
            let from = if last.header.synced { *last_at } else { 0 };
            let len =
                usize::try_from(last_at - from).unwrap_or(usize::MAX) + last.len.next_multiple_of(BLOCK);
            make_durable(disk, file.file, from, len)
                .map_err(|error| StorageError::prepare(&used.path, &error))?;
        }
        Ok(())
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
        let mut opened = JournalFile::fresh(file, bytes);
        let entries = read_use(disk, file, &path, bytes)?;
        if let Some((_, first)) = entries.first() {
            opened.last_use = Generation(first.header.generation);
            opened.generation = Some(opened.last_use);
            uses.insert(opened.last_use, Use { path, entries, file: found.files.len() });
        }
        found.files.push(opened);
        found.next_name = found.next_name.max(name + 1);
    }
    found.uses = uses.into_values().collect();
    check_chain(&found.uses)?;
    while found.files.len() < sizes.journal_files_min {
        let op = create_journal_file(found.next_name, sizes.journal_file);
        let file = create(disk, op).map_err(failed)?;
        found.files.push(JournalFile::fresh(file, sizes.journal_file));
        found.next_name += 1;
    }
    Ok(found)
}

/// The entries of a file's latest use.
fn read_use(
    disk: &mut dyn Disk,
    file: FileId,
    path: &str,
    bytes: u64,
) -> Result<Vec<(u64, Entry)>, StorageError> {
    let prepare = |error: std::io::Error| StorageError::prepare(path, &error);
    let damaged = |at: usize| StorageError::JournalDamaged { file: path.to_owned(), at: at as u64 };
    let whole = read(disk, file, 0, usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(prepare)?;
    let mut entries: Vec<(u64, Entry)> = Vec::new();
    let mut at = 0;
    while at < whole.len() {
        match open_entry(&whole.slice(at..)) {
            Ok(entry) if follows(entries.last().map(|(_, last)| last), &entry) => {
                let begins = at as u64;
                at += entry.len.next_multiple_of(BLOCK);
                entries.push((begins, entry));
            }
            Err(error @ EntryError::UnknownVersion(_)) => {
                return Err(prepare(std::io::Error::other(error.to_string())));
            }
            _ => break,
        }
    }
    match entries.last() {
        Some((_, last)) if has_synced_entry_after(&whole, at, last) => Err(damaged(at)),
        // A use's first entry is never torn: a file without one was never used.
        None if whole.iter().any(|&byte| byte != 0) => Err(damaged(0)),
        _ => Ok(entries),
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

/// Whether an intact entry of the same use lies somewhere after `at` that was begun only once all before it
/// were durable.
fn has_synced_entry_after(whole: &Bytes, at: usize, last: &Entry) -> bool {
    !seeded::is(Bug::JournalDamageTruncated)
        && (at..whole.len()).step_by(BLOCK).any(|at| {
            open_entry(&whole.slice(at..)).is_ok_and(|entry| {
                entry.header.generation == last.header.generation
                    && entry.header.commit > last.header.commit
                    && entry.header.synced
            })
        })
}

/// Checks that each use goes on where the one before it ended. One between two others may have been written
/// over, once segments held it all; what came before it then has no successor to be checked against.
fn check_chain(uses: &[Use]) -> Result<(), StorageError> {
    if seeded::is(Bug::JournalGapAccepted) {
        return Ok(());
    }
    for pair in uses.windows(2) {
        let [before, after] = pair else { continue };
        let (Some((at, last)), Some((_, first))) = (before.entries.last(), after.entries.first()) else {
            continue;
        };
        let adjacent = Generation(first.header.generation).count()
            == Generation(last.header.generation).count().saturating_add(1);
        if adjacent && first.header.synced && !continues(last, first) {
            let at = at + last.len.next_multiple_of(BLOCK) as u64;
            return Err(StorageError::JournalDamaged { file: before.path.clone(), at });
        }
    }
    Ok(())
}
