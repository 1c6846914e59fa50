//! How batches are laid out in a segment: what one write-behind takes along, the operations that create, fill
//! and seal the file, and the books kept of them.

use std::io;

use crate::platform::{AlignedBuf, BLOCK, Disk, Op, Preallocation};
use crate::seeded::{self, Bug};
use crate::shard_log::{Batch, IndexEntry, SegmentFooter, SegmentHeader, footer_bytes, segment_bytes_after};
use crate::types::{Instant, LogId};

use super::Sizes;
use super::engine::Pending;
use super::journal::Generation;
use super::log::{Found, Log, Segment};
use super::segment_name::SegmentName;

/// Batches laid out for one write.
pub(super) struct Block {
    buf: AlignedBuf,
    batches: usize,
}

impl Block {
    pub(super) fn write_into(self, log: LogId, segment: &Segment, started: Instant) -> (Pending, Op) {
        let file = segment.file.expect("a segment being filled is open");
        let (batches, len) = (self.batches, self.buf.len() as u64);
        let (at, buf) = if segment.data_bytes == 0 {
            (0, self.with_header(log, segment))
        } else {
            (segment.data_bytes, self.buf)
        };
        let first_data = if at == 0 { BLOCK as u64 } else { at };
        let pending = Pending::SegmentWrite { log, batches, at: first_data, len, started };
        (pending, Op::Write { file, at, buf, durable: !seeded::is(Bug::SegmentNotSynced) })
    }

    fn with_header(self, log: LogId, segment: &Segment) -> AlignedBuf {
        let Segment { base, file_bytes, previous, .. } = *segment;
        let header = SegmentHeader { log, base, file_bytes, previous };
        let mut whole = AlignedBuf::with_capacity(BLOCK + self.buf.len());
        whole.extend_from_slice(&header.to_block());
        whole.extend_from_slice(self.buf.as_slice());
        whole
    }
}

impl Segment {
    /// Whether `bytes` more of data in `batches` batches leave room for the index and footer that sealing
    /// adds.
    fn has_room(&self, bytes: usize, batches: usize) -> bool {
        let footer = footer_bytes(self.index.len() + batches) as u64;
        let data = bytes.next_multiple_of(BLOCK) as u64;
        self.data_bytes.max(BLOCK as u64) + data + footer <= self.file_bytes
    }
}

/// The next operation that brings the log's batches to segments: on with the segment that is open, or with
/// the one an earlier process left, once it is known that nothing stands behind its batches; else a footer
/// for that, and a new one.
pub(super) fn write_behind_step(
    log: &mut Log,
    disk: &mut dyn Disk,
    sizes: &Sizes,
    now: Instant,
) -> io::Result<(Pending, Op)> {
    let id = log.id;
    if let Some(last) = log.segments.last_mut()
        && (!last.sealed || last.found != Found::Settled)
        && last.file.is_none()
    {
        last.file = Some(disk.open(&last.path)?.0);
    }
    Ok(match log.segments.last() {
        Some(open) if !open.sealed => match gather_block(log, open, sizes.write_behind) {
            Some(block) => block.write_into(id, open, now),
            None => seal(id, open),
        },
        Some(left) if left.can_be_filled_on(sizes) => verify(id, left),
        Some(left) if left.found != Found::Settled => seal(id, left),
        _ => create(log, sizes),
    })
}

/// The oldest batches no segment holds, about `max_bytes` of them and as many as `into` has room for; `None`
/// if it is full.
fn gather_block(log: &Log, into: &Segment, max_bytes: usize) -> Option<Block> {
    let mut bytes = 0;
    let mut batches = 0;
    for entry in log.tail.range(log.tail_flushed..) {
        let with_this = bytes + entry.batch.frame().len();
        let enough = batches > 0 && with_this > max_bytes;
        if enough || !into.has_room(with_this, batches + 1) {
            break;
        }
        bytes = with_this;
        batches += 1;
    }
    let mut buf = AlignedBuf::with_capacity(bytes.next_multiple_of(BLOCK));
    for entry in log.tail.range(log.tail_flushed..log.tail_flushed + batches) {
        buf.extend_from_slice(entry.batch.frame());
    }
    buf.pad_to_block();
    (batches > 0).then_some(Block { buf, batches })
}

/// The next segment: at least large enough for the oldest batch that waits.
fn create(log: &Log, sizes: &Sizes) -> (Pending, Op) {
    let first = log.tail.get(log.tail_flushed).map_or(0, |entry| entry.batch.frame().len());
    let needed = (BLOCK + first.next_multiple_of(BLOCK) + footer_bytes(1)) as u64;
    // By what it came to hold: most starts begin further segments of shards that say little.
    let previous = log.segments.last().map(|segment| segment.data_bytes);
    let bytes = segment_bytes_after(previous, needed, sizes.segment_min..=sizes.segment_max);
    let path = SegmentName { log: log.id, base: log.unflushed_end(), attempt: log.attempts }.path();
    let op = Op::Create { path: path.clone(), bytes, preallocation: Preallocation::Reserved };
    (Pending::SegmentCreate { log: log.id, path, bytes }, op)
}

fn seal(log: LogId, segment: &Segment) -> (Pending, Op) {
    let file = segment.file.expect("a segment being filled is open");
    let (at, buf) = segment.footer();
    (Pending::SegmentSeal { log }, Op::Write { file, at, buf, durable: true })
}

/// Reads everything behind the segment's batches.
fn verify(log: LogId, segment: &Segment) -> (Pending, Op) {
    let file = segment.file.expect("a segment being filled is open");
    let len = usize::try_from(segment.file_bytes - segment.data_bytes).unwrap_or(usize::MAX);
    let buf = AlignedBuf::zeroed(len);
    (Pending::SegmentVerify { log }, Op::Read { file, at: segment.data_bytes, buf })
}

/// Books `batches` batches, now at `at` in the open segment; tells the journal uses they came from.
pub(super) fn note_written(
    log: &mut Log,
    batches: usize,
    at: u64,
    len: u64,
    index_every: usize,
) -> Vec<Generation> {
    let first = log.tail_flushed;
    let segment = log.segments.last_mut().expect("a write goes to the last segment");
    let mut position = at;
    let mut generations = Vec::with_capacity(batches);
    for entry in log.tail.range(first..first + batches) {
        segment.take(&entry.batch, position, index_every);
        position += entry.batch.frame().len() as u64;
        log.unflushed_bytes -= entry.batch.frame().len();
        generations.push(entry.generation);
    }
    segment.data_bytes = at + len;
    log.tail_flushed += batches;
    log.attempts = 0;
    generations
}

impl Segment {
    /// Whether an earlier process left it so that this one may fill it on.
    fn can_be_filled_on(&self, sizes: &Sizes) -> bool {
        let left = self.file_bytes - self.data_bytes;
        self.found == Found::Open && !self.is_empty() && left <= sizes.scan as u64
    }

    /// What seals it, and where that goes.
    pub(super) fn footer(&self) -> (u64, AlignedBuf) {
        let footer = SegmentFooter {
            base: self.base,
            end: self.end,
            first_arrival: self.first_arrival,
            last_arrival: self.last_arrival,
            last: self.last,
            data_bytes: self.data_bytes,
        };
        let buf = footer.to_blocks(&self.index, self.file_bytes);
        (self.file_bytes - buf.len() as u64, buf)
    }

    /// Books one batch at `position`.
    pub(super) fn take(&mut self, batch: &Batch, position: u64, index_every: usize) {
        if self.index.is_empty() {
            self.first_arrival = batch.first_arrival();
        }
        let entry = IndexEntry { offset: batch.base(), arrival: batch.first_arrival(), position };
        self.index.note(entry, index_every);
        if seeded::is(Bug::IndexOffByOne) && self.index.len() > 1 {
            self.index.shift_last(batch.frame().len() as u64);
        }
        self.end = batch.end();
        self.last_arrival = batch.last_arrival();
        self.last = batch.link();
    }
}
