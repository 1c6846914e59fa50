//! Reading the segments back, many side by side: sealed ones by their footer and index, the others by a
//! scan. A segment is believed up to where its successor begins, whatever its footer says; one without a
//! footer that is the last of its log up to where the journal takes over: a write behind those ends may have
//! failed or was under way when the power went, and all of it is there again.

use std::collections::{BTreeMap, HashMap};
use std::io;

use bytes::Bytes;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Disk, FileId, Op, Outcome};
use crate::seeded::{self, Bug};
use crate::shard_log::{SegmentFooter, SegmentHeader, open_footer};
use crate::types::{LogId, Offset};

use super::blocking::run;
use super::log::{Found, Log, Segment};
use super::scan::Scan;
use super::segment_name::SegmentName;
use super::side_by_side::{Task, run_all};
use super::{Sizes, StorageError};

/// For each log where the run of batches begins that the journal ends with, and where it ends.
pub(super) type Runs = HashMap<LogId, (Offset, Offset)>;

/// Opens all segments.
pub(super) fn open_segments(
    disk: &mut dyn Disk,
    runs: &Runs,
    sizes: &Sizes,
) -> Result<BTreeMap<LogId, Log>, StorageError> {
    let failed = |error: io::Error| StorageError::prepare("segments", &error);
    let listed = disk.list("segments").map_err(failed)?;
    let mut names: Vec<_> = listed.iter().filter_map(|entry| SegmentName::parse(&entry.name)).collect();
    names.sort_unstable();
    if seeded::is(Bug::StaleAttemptPreferred) {
        names.sort_by_key(|name| (name.log, name.base, std::cmp::Reverse(name.attempt)));
    }
    let mut openings: Vec<_> =
        (0..names.len()).map(|index| Opening::new(&names, index, runs, sizes)).collect();
    run_all(disk, &mut openings, limits::RECOVERED_AT_ONCE_MAX).map_err(failed)?;
    // A file nothing was written to ends no other: what was meant for it is in the journal.
    let (blank, mut openings): (Vec<_>, Vec<_>) = openings.into_iter().partition(|opening| opening.is_blank);
    for opening in blank {
        run(disk, Op::Remove { path: opening.segment.path }).map_err(failed)?;
    }
    let names: Vec<_> = openings.iter().map(|opening| opening.name).collect();
    let is_last_now = |index: &usize| openings[*index].successor != successor(&names, *index);
    let indexes: Vec<_> = (0..names.len()).filter(is_last_now).collect();
    let mut again: Vec<_> = indexes.iter().map(|&index| Opening::new(&names, index, runs, sizes)).collect();
    run_all(disk, &mut again, limits::RECOVERED_AT_ONCE_MAX).map_err(failed)?;
    for (index, opening) in indexes.into_iter().zip(again) {
        openings[index] = opening;
    }
    let mut logs = BTreeMap::new();
    let replaced: Vec<_> = (0..openings.len()).map(|index| is_replaced(&openings, index)).collect();
    for (opening, is_replaced) in openings.into_iter().zip(replaced) {
        let log = opening.name.log;
        let joined = logs.entry(log).or_insert_with(|| Log::new(log, Offset::ZERO));
        if let Some(spare) = opening.join(joined, is_replaced) {
            run(disk, Op::Remove { path: spare }).map_err(failed)?;
        }
    }
    Ok(logs)
}

/// Where the segment behind that of this index begins, if it is of the same log.
fn successor(names: &[SegmentName], index: usize) -> Option<Offset> {
    let next = names.get(index + 1).filter(|next| next.log == names[index].log);
    next.map(|next| next.base)
}

/// Whether a later attempt at the same segment stands in its place. One that holds nothing does not: its very
/// header may be gone with the power, and with it what the journal's next batch has to follow.
fn is_replaced(openings: &[Opening<'_>], index: usize) -> bool {
    let Some(next) = openings.get(index + 1) else { return false };
    let (one, next) = (&openings[index].name, (&next.name, &next.segment));
    (next.0.log, next.0.base) == (one.log, one.base) && !next.1.is_empty()
}

/// What an opening waits for.
enum Stage {
    Begin,
    Head,
    Tail,
    Index(Bytes, SegmentFooter),
    Scan(Scan, u64),
}

/// A segment file being opened.
struct Opening<'a> {
    name: SegmentName,
    /// Where the next segment of the log begins.
    successor: Option<Offset>,
    run: Option<(Offset, Offset)>,
    sizes: &'a Sizes,
    segment: Segment,
    file: Option<FileId>,
    stage: Stage,
    /// Nothing was ever written to it.
    is_blank: bool,
    /// Whether its header says what it should.
    is_headed: bool,
    /// Whether it can be read to where it ends.
    is_complete: bool,
}

impl<'a> Opening<'a> {
    fn new(names: &[SegmentName], index: usize, runs: &Runs, sizes: &'a Sizes) -> Self {
        let name = names[index];
        Self {
            name,
            successor: successor(names, index),
            run: runs.get(&name.log).copied(),
            sizes,
            segment: Segment::empty(name.path(), 0, name.base, name.attempt),
            file: None,
            stage: Stage::Begin,
            is_blank: false,
            is_headed: false,
            is_complete: false,
        }
    }

    fn read(&self, at: u64, len: usize) -> Option<Op> {
        let buf = AlignedBuf::zeroed(len);
        self.file.map(|file| Op::Read { file, at, buf })
    }

    /// The first bytes of a read at one end of the file: all of a small one.
    fn first_len(&self) -> usize {
        self.sizes.scan_first.min(usize::try_from(self.segment.file_bytes).unwrap_or(usize::MAX))
    }

    fn begin(&mut self, disk: &mut dyn Disk) -> io::Result<Option<Op>> {
        let (file, file_bytes) = disk.open(&self.segment.path)?;
        (self.file, self.segment.file_bytes) = (Some(file), file_bytes);
        if file_bytes < 2 * BLOCK as u64 {
            return Err(io::Error::other(format!("{} is too short for a segment", self.segment.path)));
        }
        self.stage = Stage::Head;
        Ok(self.read(0, BLOCK))
    }

    /// A torn write leaves each sector whole, so that a header which is neither right nor absent is damaged.
    fn head(&mut self, block: &Bytes) -> Option<Op> {
        let header = SegmentHeader::open(block);
        if header.is_none() && block.iter().all(|&byte| byte == 0) {
            self.is_blank = true;
            return None;
        }
        let header = header.filter(|header| (header.log, header.base) == (self.name.log, self.name.base));
        self.segment.previous = header?.previous;
        self.is_headed = true;
        self.stage = Stage::Tail;
        let len = self.first_len();
        self.read(self.segment.file_bytes - len as u64, len)
    }

    fn tail(&mut self, tail: &Bytes) -> Option<Op> {
        let last_block = tail.slice(tail.len() - BLOCK..);
        let footer = open_footer(&last_block).filter(|(footer, ..)| self.ends_in_time(footer));
        let Some((footer, index_at, index_bytes)) = footer else { return self.scan() };
        let origin = self.segment.file_bytes - tail.len() as u64;
        if let Some(at) = index_at.checked_sub(origin) {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            return self.index(&last_block, footer, tail.get(at..).unwrap_or_default());
        }
        self.stage = Stage::Index(last_block, footer);
        self.read(index_at, index_bytes.next_multiple_of(BLOCK))
    }

    /// Whether the segment ends, by its footer, where its successor begins or before. A footer that says
    /// otherwise arrived in part only, from a process to which the segment ended later than to the next one;
    /// what arrived of the footer that one wrote in its place has made it whole.
    fn ends_in_time(&self, footer: &SegmentFooter) -> bool {
        self.successor.is_none_or(|successor| footer.end <= successor)
    }

    /// Fills in what a sealed segment says of itself.
    fn index(&mut self, last_block: &Bytes, footer: SegmentFooter, index: &[u8]) -> Option<Op> {
        let Some(index) = SegmentFooter::open_index(last_block, index) else { return self.scan() };
        let segment = &mut self.segment;
        segment.end = footer.end;
        segment.first_arrival = footer.first_arrival;
        segment.last_arrival = footer.last_arrival;
        segment.last = footer.last;
        segment.index = index;
        segment.data_bytes = footer.data_bytes;
        self.is_complete = true;
        None
    }

    fn scan(&mut self) -> Option<Op> {
        let limit = self.successor.or(self.run.map(|(start, _)| start));
        let scan = Scan::new(self.name.log, self.sizes, &self.segment, limit);
        self.scan_on(scan)
    }

    fn scan_on(&mut self, mut scan: Scan) -> Option<Op> {
        if let Some((at, len)) = scan.wants(&self.segment) {
            self.stage = Stage::Scan(scan, at);
            return self.read(at, len);
        }
        // Batches of a journal that lost what the segment has kept (durability other than `sync`).
        let falls_short = self.run.is_some_and(|(_, end)| end < scan.end);
        if scan.passed_by && self.successor.is_none() && falls_short {
            self.segment.forget_batches();
            self.run = None;
            return self.scan();
        }
        let ends_clean = !scan.is_torn && !scan.passed_by && self.successor.is_none();
        self.segment.found = if ends_clean { Found::Open } else { Found::Unsealed };
        self.is_complete = !scan.is_torn;
        None
    }

    /// Appends the segment to its log, unless it holds nothing and can go: tells its path then.
    fn join(self, log: &mut Log, is_replaced: bool) -> Option<String> {
        let Self { mut segment, successor, .. } = self;
        if segment.is_empty() {
            segment.last_arrival = log.last_arrival;
        }
        if self.is_headed && segment.is_empty() && is_replaced {
            return Some(segment.path);
        }
        if !self.is_headed {
            log.damage = Some(format!("{}: the header is damaged", segment.path));
        }
        if !self.is_complete && successor.is_none() {
            log.unproven = Some(segment.end);
        }
        adopt(log, segment);
        None
    }
}

impl Task for Opening<'_> {
    fn next(&mut self, disk: &mut dyn Disk, answer: Option<Outcome>) -> io::Result<Option<Op>> {
        let bytes = match answer {
            Some(Outcome::Buf(buf)) => buf.into_bytes(),
            _ => return self.begin(disk),
        };
        let next = match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => None,
            Stage::Head => self.head(&bytes),
            Stage::Tail => self.tail(&bytes),
            Stage::Index(last_block, footer) => self.index(&last_block, footer, &bytes),
            Stage::Scan(mut scan, origin) => {
                scan.feed(&mut self.segment, &bytes, origin);
                self.scan_on(scan)
            }
        };
        if next.is_none()
            && let Some(file) = self.file.take()
        {
            disk.close(file);
        }
        Ok(next)
    }
}

/// Appends a segment to its log, if it goes on from what the log holds.
fn adopt(log: &mut Log, segment: Segment) {
    let goes_on = log.segments.is_empty() || segment.previous.checksum == log.committed_link.checksum;
    if !goes_on && log.damage.is_none() && !seeded::is(Bug::SegmentChainIgnored) {
        log.damage = Some(format!("{} does not follow what is before it", segment.path));
    }
    if log.segments.is_empty() {
        log.trimmed = segment.base;
    }
    log.next = segment.end;
    log.committed = segment.end;
    log.last_arrival = segment.last_arrival;
    log.committed_link = segment.end_link();
    log.sealed = log.committed_link;
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
