//! Reading the segments back: sealed ones by their footer, the others by a scan. A segment is believed up to
//! where its successor begins, the last one of a log up to where the journal takes over: a write behind those
//! ends may have failed or was under way when the power went, and all of it is there again.

use std::collections::{BTreeMap, HashMap};
use std::io;

use crate::platform::{BLOCK, Disk, FileId, Op};
use crate::seeded::{self, Bug};
use crate::shard_log::{SegmentFooter, SegmentHeader, open_footer};
use crate::types::{LogId, Offset};

use super::blocking::{read, run};
use super::log::{Log, Segment};
use super::scan::Scan;
use super::segment_name::SegmentName;
use super::{Sizes, StorageError};

/// A segment file before its batches are looked at.
struct Unread {
    name: SegmentName,
    segment: Segment,
    /// Whether its header says what it should.
    headed: bool,
}

/// Opens all segments. `runs` tells for each log what the journal holds of it.
pub(super) fn open_segments(
    disk: &mut dyn Disk,
    runs: &HashMap<LogId, (Offset, Offset)>,
    sizes: &Sizes,
) -> Result<BTreeMap<LogId, Log>, StorageError> {
    let failed = |error: io::Error| StorageError::prepare("segments", &error);
    let mut by_log: BTreeMap<LogId, Vec<Unread>> = BTreeMap::new();
    for entry in disk.list("segments").map_err(failed)? {
        let Some(name) = SegmentName::parse(&entry.name) else { continue };
        let path = name.path();
        match open_header(disk, name).map_err(|error| StorageError::prepare(&path, &error))? {
            Some(unread) => by_log.entry(name.log).or_default().push(unread),
            // Created, but nothing written: what was meant for it is in the journal.
            None => drop(run(disk, Op::Remove { path }).map_err(failed)?),
        }
    }
    let mut logs = BTreeMap::new();
    for (id, mut files) in by_log {
        files.sort_by_key(|file| file.name);
        if seeded::is(Bug::StaleAttemptPreferred) {
            files.sort_by_key(|file| (file.name.base, std::cmp::Reverse(file.name.attempt)));
        }
        let opener = Opener { log: id, run: runs.get(&id).copied(), sizes };
        logs.insert(id, opener.open(disk, files).map_err(failed)?);
    }
    Ok(logs)
}

/// Reads the first block; `None` if nothing was ever written there. A torn write leaves each sector whole, so
/// that a header which is neither right nor absent is damaged.
fn open_header(disk: &mut dyn Disk, name: SegmentName) -> io::Result<Option<Unread>> {
    let (file, file_bytes) = disk.open(&name.path())?;
    let block = read(disk, file, 0, BLOCK);
    disk.close(file);
    let block = block?;
    let mut segment = Segment::empty(name.path(), file_bytes, name.base, name.attempt);
    let header = SegmentHeader::open(&block);
    if header.is_none() && block.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let header = header.filter(|header| (header.log, header.base) == (name.log, name.base));
    segment.previous_checksum = header.map_or(0, |header| header.previous_checksum);
    Ok(Some(Unread { name, segment, headed: header.is_some() }))
}

/// Opens the segments of one log.
struct Opener<'a> {
    log: LogId,
    run: Option<(Offset, Offset)>,
    sizes: &'a Sizes,
}

impl Opener<'_> {
    fn open(&self, disk: &mut dyn Disk, files: Vec<Unread>) -> io::Result<Log> {
        let mut log = Log::new(self.log, Offset::ZERO);
        let bases: Vec<_> = files.iter().map(|file| file.segment.base).collect();
        for (index, Unread { mut segment, headed, .. }) in files.into_iter().enumerate() {
            let successor = bases.get(index + 1).copied();
            segment.last_arrival = log.last_arrival;
            let complete = headed && self.fill(disk, &mut segment, successor)?;
            if !headed {
                log.damage = Some(format!("{}: the header is damaged", segment.path));
            } else if segment.is_empty() && successor == Some(segment.base) {
                // Another attempt stands in its place.
                run(disk, Op::Remove { path: segment.path })?;
                continue;
            }
            if !complete && successor.is_none() {
                log.unproven = Some(segment.end);
            }
            adopt(&mut log, segment);
        }
        Ok(log)
    }

    /// Finds what a segment holds; false if it goes on in a way nobody can read.
    fn fill(
        &self,
        disk: &mut dyn Disk,
        segment: &mut Segment,
        successor: Option<Offset>,
    ) -> io::Result<bool> {
        let (file, _) = disk.open(&segment.path)?;
        let filled = self.fill_from(disk, file, segment, successor);
        disk.close(file);
        filled
    }

    fn fill_from(
        &self,
        disk: &mut dyn Disk,
        file: FileId,
        segment: &mut Segment,
        successor: Option<Offset>,
    ) -> io::Result<bool> {
        if read_footer(disk, file, segment)? {
            return Ok(true);
        }
        let limit = successor.or(self.run.map(|(start, _)| start));
        let arrived_before = segment.last_arrival;
        let mut scan = Scan::new(self.log, self.sizes, segment, limit);
        scan.run(disk, file)?;
        // Batches of a journal that lost what the segment has kept (durability other than `sync`).
        let falls_short = self.run.is_some_and(|(_, end)| end < scan.end);
        if successor.is_some() || !falls_short {
            return Ok(!scan.is_torn);
        }
        segment.forget_batches(arrived_before);
        let mut scan = Scan::new(self.log, self.sizes, segment, None);
        scan.run(disk, file)?;
        Ok(!scan.is_torn)
    }
}

/// Appends a segment to its log, if it goes on from what the log holds.
fn adopt(log: &mut Log, segment: Segment) {
    let goes_on = log.segments.is_empty() || segment.previous_checksum == log.last_checksum;
    if !goes_on && log.damage.is_none() && !seeded::is(Bug::SegmentChainIgnored) {
        log.damage = Some(format!("{} does not follow what is before it", segment.path));
    }
    if log.segments.is_empty() {
        log.trimmed = segment.base;
    }
    log.next = segment.end;
    log.committed = segment.end;
    log.last_arrival = segment.last_arrival;
    log.last_checksum = if segment.is_empty() { segment.previous_checksum } else { segment.last_checksum };
    log.attempts = if segment.is_empty() { segment.attempt + 1 } else { 0 };
    log.segments.push(segment);
}

/// Seals the last segment of a log, so that the next start does not look behind its end any more.
pub(super) fn seal_last(disk: &mut dyn Disk, log: &Log) -> io::Result<()> {
    let Some(segment) = log.segments.last() else { return Ok(()) };
    let (file, _) = disk.open(&segment.path)?;
    let (at, buf) = segment.footer();
    let written = run(disk, Op::Write { file, at, buf, durable: true });
    disk.close(file);
    written.map(drop)
}

/// Fills in what a sealed segment says of itself; false if it is not sealed.
fn read_footer(disk: &mut dyn Disk, file: FileId, segment: &mut Segment) -> io::Result<bool> {
    let last_block = read(disk, file, segment.file_bytes - BLOCK as u64, BLOCK)?;
    let Some((footer, index_at, index_bytes)) = open_footer(&last_block) else { return Ok(false) };
    let index = read(disk, file, index_at, index_bytes.next_multiple_of(BLOCK))?;
    let Some(index) = SegmentFooter::open_index(&last_block, &index) else { return Ok(false) };
    segment.end = footer.end;
    segment.first_arrival = footer.first_arrival;
    segment.last_arrival = footer.last_arrival;
    segment.last_checksum = footer.last_checksum;
    segment.index = index;
    segment.data_bytes = footer.data_bytes;
    Ok(true)
}
