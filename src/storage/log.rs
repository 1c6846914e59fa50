//! One shard's log in memory: its recent batches, where its older ones lie, how far write-behind has come.

use std::collections::VecDeque;

use crate::limits;
use crate::platform::FileId;
use crate::seeded::{self, Bug};
use crate::shard_log::{Batch, Fold, Link, SegmentIndex, Verdict};
use crate::types::{LogId, Offset, Timestamp};

use super::journal::Generation;

/// A batch in memory.
#[derive(Debug)]
pub(super) struct TailBatch {
    pub(super) batch: Batch,
    /// The journal use that holds it.
    pub(super) generation: Generation,
}

/// A segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: String,
    /// Which attempt at a segment that begins at `base` this is; later ones take over.
    pub(super) attempt: u32,
    pub(super) file_bytes: u64,
    /// Open only while it is written or was lately read.
    pub(super) file: Option<FileId>,
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) first_arrival: Timestamp,
    pub(super) last_arrival: Timestamp,
    /// What its last batch leaves to the next.
    pub(super) last: Link,
    /// What its first batch follows.
    pub(super) previous: Link,
    pub(super) index: SegmentIndex,
    /// Bytes from the start up to which batches lie.
    pub(super) data_bytes: u64,
    /// No more is written to it.
    pub(super) sealed: bool,
    /// What recovery found at its end, if it has no footer.
    pub(super) found: Found,
}

/// The end of a segment as an earlier process left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Found {
    /// Sealed, or made by this process.
    #[default]
    Settled,
    /// Its last batch is followed by zeros: it can be filled on, if there are only zeros.
    Open,
    /// It was scanned and is not to be filled on: a footer spares the next start the scan.
    Unsealed,
}

impl Segment {
    /// A segment without a batch, to which nothing is to be written.
    pub(super) fn empty(path: String, file_bytes: u64, base: Offset, attempt: u32) -> Self {
        Self {
            path,
            attempt,
            file_bytes,
            file: None,
            base,
            end: base,
            first_arrival: Timestamp::default(),
            last_arrival: Timestamp::default(),
            last: Link::default(),
            previous: Link::default(),
            index: SegmentIndex::default(),
            data_bytes: 0,
            sealed: true,
            found: Found::Settled,
        }
    }

    /// Goes back to holding nothing.
    pub(super) fn forget_batches(&mut self) {
        self.end = self.base;
        self.index = SegmentIndex::default();
        self.data_bytes = 0;
    }

    /// What the batch after its last one follows.
    pub(super) fn end_link(&self) -> Link {
        if self.is_empty() { self.previous } else { self.last }
    }

    /// Whether it holds no batch.
    pub(super) fn is_empty(&self) -> bool {
        self.end <= self.base
    }
}

/// What write-behind is doing for a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WriteBehind {
    /// Nothing asked.
    #[default]
    Idle,
    /// Waiting for its turn.
    Queued,
    /// An operation is in flight.
    Busy,
    /// The last operation failed; the next waits for a retry.
    Failed,
}

/// One log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) id: LogId,
    /// The next offset to be assigned.
    pub(super) next: Offset,
    /// Every record before it is committed and readable.
    pub(super) committed: Offset,
    pub(super) last_arrival: Timestamp,
    /// What the next batch follows that is acknowledged.
    pub(super) committed_link: Link,
    /// What the next batch follows that is sealed: it counts on the commit in flight.
    pub(super) sealed: Link,
    /// Number of the gathered slot that still takes records of this log.
    pub(super) gathering: Option<u64>,
    pub(super) tail: VecDeque<TailBatch>,
    /// How many of the tail's batches, from its front, a segment holds.
    pub(super) tail_flushed: usize,
    pub(super) unflushed_bytes: usize,
    pub(super) segments: Vec<Segment>,
    /// Number of the last write-behind, while the last segment has a descriptor open.
    pub(super) last_write: Option<u64>,
    /// Attempts made at the segment to be created next.
    pub(super) attempts: u32,
    pub(super) write_behind: WriteBehind,
    /// Write-behind is wanted up to here.
    pub(super) wanted: Offset,
    /// Nothing before it is readable any more.
    pub(super) trimmed: Offset,
    /// Recovery found segments to end here in bytes nobody can read: the journal has to go on from here.
    pub(super) unproven: Option<Offset>,
    /// Why the log cannot be trusted, if recovery found a reason.
    pub(super) damage: Option<String>,
}

impl Log {
    /// A log without records; the first one is given the offset `base`.
    pub(super) fn new(id: LogId, base: Offset) -> Self {
        Self {
            id,
            next: base,
            committed: base,
            last_arrival: Timestamp::default(),
            committed_link: Link::default(),
            sealed: Link::default(),
            gathering: None,
            tail: VecDeque::new(),
            tail_flushed: 0,
            unflushed_bytes: 0,
            segments: Vec::new(),
            last_write: None,
            attempts: 0,
            write_behind: WriteBehind::Idle,
            wanted: Offset::ZERO,
            trimmed: Offset::ZERO,
            unproven: None,
            damage: None,
        }
    }

    /// Folds a batch that is committed: one that is live is what the next one follows.
    pub(super) fn fold(&mut self, batch: &Batch) -> Verdict {
        let verdict = Fold::resume(self.committed_link.epoch).take_batch(batch);
        if verdict == Verdict::Live {
            self.committed_link = batch.link();
        }
        verdict
    }

    /// Takes a committed batch into the tail.
    pub(super) fn push_tail(&mut self, batch: Batch, generation: Generation) {
        self.committed = batch.end();
        self.unflushed_bytes += batch.frame().len();
        self.tail.push_back(TailBatch { batch, generation });
    }

    /// Bytes to set aside for the next batch: a little more than the last one came to, within the bound of a
    /// batch of more than one record.
    pub(super) fn usual_batch_bytes(&self) -> usize {
        self.tail.back().map_or(0, |last| last.batch.frame().len() / 8 * 9).min(limits::BATCH_BYTES_MAX)
    }

    /// Drops the oldest batch from memory, if a segment holds it; tells its bytes.
    pub(super) fn evict(&mut self) -> Option<usize> {
        if self.tail_flushed == 0 {
            return None;
        }
        self.tail_flushed -= 1;
        self.tail.pop_front().map(|entry| entry.batch.frame().len())
    }

    /// Whether reading from `from` can be served by the tail (at the tip too).
    pub(super) fn in_tail(&self, from: Offset) -> bool {
        from >= self.committed
            || self.tail.front().is_some_and(|first| first.batch.base() <= from)
            || self.last_batch_segment().is_none_or(|last| last.end <= from)
    }

    /// Batches of the tail from the one holding `from` on, about `max_bytes` of them and at least one.
    pub(super) fn tail_from(&self, from: Offset, max_bytes: usize) -> Vec<Batch> {
        let first = self.tail.partition_point(|entry| entry.batch.end() <= from);
        take_bytes(self.tail.range(first..).map(|entry| &entry.batch), max_bytes)
    }

    /// The same from the first batch with a record that arrived at `arrival` or later.
    pub(super) fn tail_from_time(&self, arrival: Timestamp, max_bytes: usize) -> Vec<Batch> {
        let first = self.tail.partition_point(|entry| entry.batch.last_arrival() < arrival);
        take_bytes(self.tail.range(first..).map(|entry| &entry.batch), max_bytes)
    }

    /// Whether the tail holds the first record that arrived at `arrival` or later.
    pub(super) fn tail_covers_time(&self, arrival: Timestamp) -> bool {
        self.last_batch_segment().is_none_or(|segment| segment.last_arrival < arrival)
            || self.tail.front().is_some_and(|first| {
                let first = first.batch.first_arrival();
                first < arrival || (seeded::is(Bug::TimeOffByOne) && first == arrival)
            })
    }

    /// Whether there is something to write behind now.
    pub(super) fn wants_write_behind(&self) -> bool {
        self.unflushed_end() < self.wanted && self.tail.len() > self.tail_flushed
    }

    /// Offset up to which segments hold everything.
    pub(super) fn unflushed_end(&self) -> Offset {
        self.tail.get(self.tail_flushed).map_or(self.committed, |entry| entry.batch.base())
    }

    /// What the oldest batch follows that no segment holds; as it says itself, if there is one: where
    /// recovery found a gap before it, the segment that begins with it must not seem to follow the one
    /// before.
    pub(super) fn flushed_link(&self) -> Link {
        let in_tail = self.tail_flushed.checked_sub(1).and_then(|last| self.tail.get(last));
        let in_segment = || self.segments.last().map(Segment::end_link).unwrap_or_default();
        let before = in_tail.map_or_else(in_segment, |entry| entry.batch.link());
        let oldest = self.tail.get(self.tail_flushed).map(|entry| &entry.batch);
        Link { checksum: oldest.map_or(before.checksum, Batch::previous_checksum), ..before }
    }

    /// The last segment that holds anything.
    fn last_batch_segment(&self) -> Option<&Segment> {
        self.segments.iter().rev().find(|segment| !segment.is_empty())
    }

    /// The segment still being filled.
    pub(super) fn open_segment(&mut self) -> Option<&mut Segment> {
        self.segments.last_mut().filter(|segment| !segment.sealed)
    }
}

/// Batches of about `max_bytes` payload, at least one.
pub(super) fn take_bytes<'a>(batches: impl Iterator<Item = &'a Batch>, max_bytes: usize) -> Vec<Batch> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for batch in batches {
        if bytes > 0 && bytes + batch.payload_bytes() > max_bytes {
            break;
        }
        bytes += batch.payload_bytes().max(1);
        taken.push(batch.clone());
    }
    taken
}
