//! Opening a data directory: segments first (sealed ones by their footer, the open one by a scan), then the
//! journal, whose batches beyond the segments' ends become the memory tail again. Blocks; runs once.
//!
//! The journal is believed up to its first unreadable entry. If an intact later entry of the same use
//! exists, the unreadable one was acknowledged: that is damage, never a torn tail, and opening fails.

use std::collections::{BTreeMap, HashMap};
use std::io;

use bytes::Bytes;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Disk, FileId, Op, Outcome, Token};
use crate::shard_log::{
    Batch, Entry, EntryError, SegmentFooter, SegmentHeader, SegmentIndex, open_entry, open_footer, peek_len,
};
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::StorageError;
use super::engine::{Engine, Settings, create_journal_file};
use super::journal::{Generation, Journal, JournalFile};
use super::log::{Log, Segment};

/// Offsets left out after a stop in which acknowledged records may have been lost (durability other than
/// `sync`), so that no sequence number a client saw is given out twice.
const OFFSETS_SKIPPED_UNSYNCED: u64 = 1 << 20;
/// Bytes read at a time while scanning.
const SCAN_BYTES: usize = 1 << 20;

impl Engine {
    /// Opens what `disk` holds, preparing it if it holds nothing.
    pub fn open(mut disk: Box<dyn Disk>, settings: Settings) -> Result<Self, StorageError> {
        let mut logs = open_segments(disk.as_mut())?;
        let found = open_journal(disk.as_mut())?;
        let synced = found.entries.iter().all(|(entry, _)| entry.header.synced);
        let journal = replay(found, &mut logs);
        if !synced {
            for log in logs.values_mut() {
                log.next = log.next.plus(OFFSETS_SKIPPED_UNSYNCED);
                log.committed = log.next;
            }
        }
        let mut engine = Self::assemble(disk, settings, logs, journal);
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

    /// Writes behind until the next commit finds a free file: after a crash all of them may be full.
    fn free_a_journal_file(&mut self) -> Result<(), StorageError> {
        while !self.journal.has_free_file() {
            let failed = |error: &io::Error| StorageError::prepare("a journal file", error);
            if self.journal.files.len() < limits::JOURNAL_FILES_MAX {
                let op = create_journal_file(self.journal.files.len());
                let file =
                    created(run(self.disk.as_mut(), op).map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
                let bytes = limits::JOURNAL_FILE_BYTES;
                self.journal.files.push(JournalFile { file, bytes, generation: None, unflushed: 0 });
                continue;
            }
            self.want_all_written();
            self.step(Instant::default());
            // What was under way may have completed within that step, and with it the last batch of a file.
            if self.pending.is_empty() && !self.journal.has_free_file() {
                return Err(StorageError::prepare(
                    "segments",
                    &io::Error::other("write-behind makes no progress"),
                ));
            }
            self.wait();
            self.step(Instant::default());
        }
        Ok(())
    }
}

/// One operation from start to end.
fn run(disk: &mut dyn Disk, op: Op) -> io::Result<Outcome> {
    disk.submit(Token(u64::MAX), op);
    disk.kick();
    let mut done = Vec::new();
    loop {
        disk.wait();
        disk.reap(&mut done);
        if let Some(completion) = done.pop() {
            return completion.result;
        }
    }
}

fn created(outcome: Outcome) -> io::Result<FileId> {
    match outcome {
        Outcome::Created(file) => Ok(file),
        _ => Err(io::Error::other("a create answers with its file")),
    }
}

fn read(disk: &mut dyn Disk, file: FileId, at: u64, len: usize) -> io::Result<Bytes> {
    match run(disk, Op::Read { file, at, buf: AlignedBuf::zeroed(len) })? {
        Outcome::Buf(buf) => Ok(buf.into_bytes()),
        _ => Err(io::Error::other("a read answers with its buffer")),
    }
}

fn open_segments(disk: &mut dyn Disk) -> Result<HashMap<LogId, Log>, StorageError> {
    let failed = |error: io::Error| StorageError::prepare("segments", &error);
    let mut by_log: BTreeMap<LogId, Vec<Segment>> = BTreeMap::new();
    for entry in disk.list("segments").map_err(failed)? {
        let path = format!("segments/{}", entry.name);
        let opened = open_segment(disk, &path).map_err(|error| StorageError::prepare(&path, &error))?;
        match opened {
            Some((log, segment)) => by_log.entry(log).or_default().push(segment),
            // Created, but the crash came before its first block: what was meant for it is in the journal.
            None => drop(run(disk, Op::Remove { path }).map_err(failed)?),
        }
    }
    Ok(by_log.into_iter().map(|(id, segments)| (id, log_of(id, segments))).collect())
}

fn log_of(id: LogId, mut segments: Vec<Segment>) -> Log {
    segments.sort_by_key(|segment| (segment.base, segment.end));
    let mut log = Log::new(id);
    if let Some(last) = segments.last() {
        log.next = last.end;
        log.last_arrival = last.last_arrival;
        log.last_checksum = last.last_checksum;
    }
    log.committed = log.next;
    log.trimmed = segments.first().map_or(Offset::ZERO, |first| first.base);
    log.segments = segments;
    log
}

/// The segment at `path`, or `None` if nothing was ever written to it.
fn open_segment(disk: &mut dyn Disk, path: &str) -> io::Result<Option<(LogId, Segment)>> {
    let (file, file_bytes) = disk.open(path)?;
    let header = SegmentHeader::open(&read(disk, file, 0, BLOCK)?);
    let Some(header) = header else {
        disk.close(file);
        return Ok(None);
    };
    let mut segment = Segment {
        path: path.to_owned(),
        file_bytes,
        file: None,
        base: header.base,
        end: header.base,
        first_arrival: Timestamp::default(),
        last_arrival: Timestamp::default(),
        last_checksum: 0,
        index: SegmentIndex::default(),
        data_bytes: BLOCK as u64,
        sealed: true,
    };
    if !read_footer(disk, file, &mut segment)? {
        scan_segment(disk, file, header.log, &mut segment)?;
    }
    disk.close(file);
    Ok(Some((header.log, segment)))
}

/// Fills in what a sealed segment says of itself; false if it is not sealed.
fn read_footer(disk: &mut dyn Disk, file: FileId, segment: &mut Segment) -> io::Result<bool> {
    let last_block = read(disk, file, segment.file_bytes - BLOCK as u64, BLOCK)?;
    let Some((footer, index_at, index_bytes)) = open_footer(&last_block) else { return Ok(false) };
    let index = read(disk, file, index_at, index_bytes.next_multiple_of(BLOCK).max(BLOCK))?;
    let Some(index) = SegmentFooter::open_index(&last_block, &index) else { return Ok(false) };
    segment.end = footer.end;
    segment.first_arrival = footer.first_arrival;
    segment.last_arrival = footer.last_arrival;
    segment.last_checksum = footer.last_checksum;
    segment.index = index;
    segment.data_bytes = index_at;
    Ok(true)
}

/// Reads an unsealed segment from its first batch to where no further one follows. It is not written to
/// again: what a torn write left behind its end can then never be met.
fn scan_segment(disk: &mut dyn Disk, file: FileId, log: LogId, segment: &mut Segment) -> io::Result<()> {
    let mut at = BLOCK as u64;
    let mut want = SCAN_BYTES;
    while at < segment.file_bytes {
        let origin = at - at % BLOCK as u64;
        let len = (want as u64).next_multiple_of(BLOCK as u64).min(segment.file_bytes - origin);
        let chunk = read(disk, file, origin, usize::try_from(len).unwrap_or(usize::MAX))?;
        let at_end = origin + len == segment.file_bytes;
        let (next, more) = scan_chunk(&chunk, origin, at, log, segment);
        match more {
            More::No => return Ok(()),
            More::Yes => want = SCAN_BYTES,
            More::Larger(_) if at_end => return Ok(()),
            More::Larger(bytes) => want = bytes + BLOCK,
        }
        if next == at && matches!(more, More::Yes) {
            return Ok(());
        }
        at = next;
    }
    Ok(())
}

enum More {
    /// Nothing follows.
    No,
    /// Go on reading.
    Yes,
    /// Go on with at least so many bytes.
    Larger(usize),
}

fn scan_chunk(chunk: &Bytes, origin: u64, from: u64, log: LogId, segment: &mut Segment) -> (u64, More) {
    let mut at = usize::try_from(from - origin).unwrap_or(usize::MAX);
    loop {
        if at >= chunk.len() {
            return (origin + at as u64, More::Yes);
        }
        match peek_len(&chunk[at..]) {
            Ok(len) if at + len > chunk.len() => return (origin + at as u64, More::Larger(len)),
            Ok(len) => match Batch::open(&chunk.slice(at..), log) {
                Ok(batch) if batch.base() >= segment.end => {
                    segment.take(&batch, origin + at as u64);
                    at += len;
                    segment.data_bytes = (origin + at as u64).next_multiple_of(BLOCK as u64);
                }
                _ => return (origin + at as u64, More::No),
            },
            Err(_) if at.is_multiple_of(BLOCK) => return (origin + at as u64, More::No),
            Err(_) => at = at.next_multiple_of(BLOCK),
        }
    }
}

/// What the journal's files hold.
struct Found {
    files: Vec<JournalFile>,
    /// Entries in commit order, with the index of their file.
    entries: Vec<(Entry, usize)>,
}

fn open_journal(disk: &mut dyn Disk) -> Result<Found, StorageError> {
    let failed = |error: io::Error| StorageError::prepare("the journal", &error);
    let mut found = Found { files: Vec::new(), entries: Vec::new() };
    for entry in disk.list("journal").map_err(failed)? {
        let path = format!("journal/{}", entry.name);
        let (file, bytes) = disk.open(&path).map_err(failed)?;
        let entries = read_journal_file(disk, file, &path, bytes)?;
        let generation = entries.first().map(|entry| Generation(entry.header.generation));
        let index = found.files.len();
        found.files.push(JournalFile { file, bytes, generation, unflushed: 0 });
        found.entries.extend(entries.into_iter().map(|entry| (entry, index)));
    }
    for index in found.files.len()..limits::JOURNAL_FILES_MIN {
        let file = created(run(disk, create_journal_file(index)).map_err(failed)?).map_err(failed)?;
        let bytes = limits::JOURNAL_FILE_BYTES;
        found.files.push(JournalFile { file, bytes, generation: None, unflushed: 0 });
    }
    found.entries.sort_by_key(|(entry, _)| (entry.header.generation >> 32, entry.header.commit));
    Ok(found)
}

fn read_journal_file(
    disk: &mut dyn Disk,
    file: FileId,
    path: &str,
    bytes: u64,
) -> Result<Vec<Entry>, StorageError> {
    let prepare = |error: io::Error| StorageError::prepare(path, &error);
    let whole = read(disk, file, 0, usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(prepare)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = 0;
    while at < whole.len() {
        match open_entry(&whole.slice(at..)) {
            Ok(entry) if follows(entries.last(), &entry) => {
                at += entry.len.next_multiple_of(BLOCK);
                entries.push(entry);
            }
            Err(EntryError::UnknownVersion(version)) => {
                return Err(prepare(io::Error::other(EntryError::UnknownVersion(version).to_string())));
            }
            _ => break,
        }
    }
    match entries.last() {
        Some(last) if last.header.synced && has_later_entry(&whole, at, last) => {
            Err(StorageError::JournalDamaged { file: path.to_owned(), at: at as u64 })
        }
        _ => Ok(entries),
    }
}

fn follows(last: Option<&Entry>, entry: &Entry) -> bool {
    last.is_none_or(|last| {
        entry.header.generation == last.header.generation
            && entry.header.commit == last.header.commit + 1
            && entry.header.previous_checksum == last.checksum
    })
}

/// Whether an intact entry of the same use lies somewhere after `at`.
fn has_later_entry(whole: &Bytes, at: usize, last: &Entry) -> bool {
    (at..whole.len()).step_by(BLOCK).any(|at| {
        open_entry(&whole.slice(at..)).is_ok_and(|entry| {
            entry.header.generation == last.header.generation && entry.header.commit > last.header.commit
        })
    })
}

/// Takes the entries' batches into the logs' tails and makes the ring that goes on from them.
fn replay(mut found: Found, logs: &mut HashMap<LogId, Log>) -> Journal {
    let last = found.entries.last().map(|(entry, _)| (entry.header, entry.checksum));
    let generation = found.files.iter().filter_map(|file| file.generation).max().unwrap_or(Generation(0));
    for (entry, file) in std::mem::take(&mut found.entries) {
        for batch in entry.batches {
            let log = logs.entry(batch.log()).or_insert_with(|| Log::new(batch.log()));
            if replay_batch(log, batch, Generation(entry.header.generation)) {
                found.files[file].unflushed += 1;
            }
        }
    }
    for file in &mut found.files {
        if file.unflushed == 0 {
            file.generation = None;
        }
    }
    let (commit, checksum) = last.map_or((1, 0), |(header, checksum)| (header.commit + 1, checksum));
    Journal::new(found.files, generation, commit, checksum)
}

/// Takes one batch, unless a segment holds it; tells whether it was taken.
fn replay_batch(log: &mut Log, batch: Batch, generation: Generation) -> bool {
    if batch.end() <= log.next {
        return false;
    }
    if batch.previous_checksum() != log.last_checksum && log.damage.is_none() {
        let what = format!("batch at offset {} does not follow what is before it", batch.base());
        log.damage = Some(what);
    }
    log.next = batch.end();
    log.last_arrival = batch.last_arrival();
    log.last_checksum = batch.checksum();
    log.push_tail(batch, generation);
    true
}
