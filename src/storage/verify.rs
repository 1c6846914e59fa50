//! Verifying a whole segment, block by block: every batch, the chain they form, the index that leads to them
//! and the footer that sums them up. Pure: it says what to read next and judges what it is handed. The
//! scrubber and the offline tools use it; behind damage it goes on where the index says a batch begins.

use bytes::{Buf, Bytes};

use crate::platform::BLOCK;
use crate::shard_log::{Batch, IndexEntry, SegmentIndex};
use crate::types::{LogId, Offset};

use super::unpack::{Extent, Unpacker};

/// A place in a segment that does not hold what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Byte position in the file.
    pub at: u64,
    /// What is wrong there.
    pub what: &'static str,
    /// Records in doubt: from this offset up to the other.
    pub records: Option<(Offset, Offset)>,
}

/// A walk over one segment's file.
#[derive(Debug)]
pub struct SegmentWalk {
    log: LogId,
    extent: Extent,
    index: SegmentIndex,
    /// The index's next entry not met yet.
    next_entry: usize,
    unpacker: Unpacker,
    /// Offset past the last batch met.
    reached: Offset,
    /// Where the next block begins, and how much of it was looked at already.
    read_at: u64,
    skip: usize,
    /// Checksum the last batch must have.
    last_checksum: Option<u32>,
    is_whole: bool,
    is_over: bool,
}

impl SegmentWalk {
    /// A walk over a segment of which is known what it holds.
    pub(super) fn known(
        log: LogId,
        (base, extent): (Offset, Extent),
        index: SegmentIndex,
        (previous, last): (u32, u32),
    ) -> Self {
        Self::new(log, base, extent, index, previous, Some(last))
    }

    /// The same from what the file says of itself.
    pub fn sealed(
        log: LogId,
        previous_checksum: u32,
        footer: &crate::shard_log::SegmentFooter,
        index: SegmentIndex,
    ) -> Self {
        let extent = Extent { data_bytes: footer.data_bytes, end: footer.end };
        Self::known(log, (footer.base, extent), index, (previous_checksum, footer.last.checksum))
    }

    /// A walk over a file that was never sealed: its first flaw may be no more than its end.
    pub fn unsealed(log: LogId, base: Offset, previous_checksum: u32, file_bytes: u64) -> Self {
        let extent = Extent { data_bytes: file_bytes, end: Offset(u64::MAX) };
        Self::new(log, base, extent, SegmentIndex::default(), previous_checksum, None)
    }

    fn new(
        log: LogId,
        base: Offset,
        extent: Extent,
        index: SegmentIndex,
        previous: u32,
        last_checksum: Option<u32>,
    ) -> Self {
        let first = BLOCK as u64;
        let unpacker = Unpacker::new(log, first, extent, Some(previous));
        let (next_entry, skip, is_whole, is_over) = (0, 0, true, extent.end <= base);
        let (reached, read_at) = (base, first);
        Self {
            log,
            extent,
            index,
            next_entry,
            unpacker,
            reached,
            read_at,
            skip,
            last_checksum,
            is_whole,
            is_over,
        }
    }

    /// Position and length of the block to be read next; none once the walk is over.
    pub fn next_read(&self, block_bytes: usize) -> Option<(u64, usize)> {
        let left = self.extent.data_bytes.saturating_sub(self.read_at);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(block_bytes);
        (!self.is_over && len > 0).then_some((self.read_at, len))
    }

    /// Offset past the last intact batch so far.
    pub fn reached(&self) -> Offset {
        self.reached
    }

    /// Checksum of the last intact batch so far.
    pub fn last_checksum(&self) -> Option<u32> {
        self.unpacker.last_checksum()
    }

    /// Takes the block asked for and shows every intact batch with its position; tells what is wrong.
    pub fn take(&mut self, mut block: Bytes, mut show: impl FnMut(u64, &Batch)) -> Vec<Flaw> {
        self.read_at += block.len() as u64;
        block.advance(std::mem::take(&mut self.skip).min(block.len()));
        let mut flaws = Vec::new();
        let (reached, entries, next) = (&mut self.reached, self.index.entries(), &mut self.next_entry);
        let walked = self.unpacker.take(block, |at, batch| {
            *reached = batch.end();
            flaws.extend(check_entries(entries, next, at, &batch));
            show(at, &batch);
        });
        match walked {
            Err(damage) => flaws.extend(self.go_on_behind(damage.at)),
            Ok(()) if self.unpacker.is_done() => flaws.extend(self.finish()),
            Ok(()) => {}
        }
        flaws
    }

    /// Resumes at the next place where the index has a batch begin.
    fn go_on_behind(&mut self, damaged_at: u64) -> Option<Flaw> {
        self.is_whole = false;
        let from = self.reached;
        let entries = self.index.entries();
        self.next_entry = entries.partition_point(|entry| entry.position <= damaged_at);
        let until = match entries.get(self.next_entry) {
            Some(entry) => {
                self.unpacker = Unpacker::new(self.log, entry.position, self.extent, None);
                self.skip = usize::try_from(entry.position % BLOCK as u64).unwrap_or_default();
                self.read_at = entry.position - self.skip as u64;
                entry.offset
            }
            None => {
                self.is_over = true;
                self.extent.end
            }
        };
        let records = (from < until).then_some((from, until));
        Some(Flaw {
            at: damaged_at,
            what: "no intact batch that follows the one before begins here",
            records,
        })
    }

    /// The last batch was met.
    fn finish(&mut self) -> Option<Flaw> {
        self.is_over = true;
        let entry = self.index.entries().get(self.next_entry).filter(|_| self.is_whole);
        let flaw = |at, what| Some(Flaw { at, what, records: None });
        if let Some(entry) = entry {
            return flaw(entry.position, "the index has a batch begin here, behind the last one");
        }
        let differs = self.last_checksum.is_some_and(|last| self.unpacker.last_checksum() != Some(last));
        if differs { flaw(self.extent.data_bytes, "the footer names another last batch") } else { None }
    }
}

/// Compares a batch with what the index says of it.
fn check_entries(entries: &[IndexEntry], next: &mut usize, at: u64, batch: &Batch) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    while let Some(entry) = entries.get(*next).filter(|entry| entry.position <= at) {
        *next += 1;
        if *entry != (IndexEntry { offset: batch.base(), arrival: batch.first_arrival(), position: at }) {
            let what = "the index does not lead to the batch that is here";
            flaws.push(Flaw { at: entry.position, what, records: None });
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard_log::{BatchBuilder, Link};
    use crate::types::Timestamp;

    const LOG: LogId = LogId(4);

    /// A segment of single-record batches with an index entry for every other one.
    fn segment(batches: usize) -> (Vec<u8>, SegmentIndex, Extent, u32) {
        let (mut bytes, mut index) = (vec![0; BLOCK], SegmentIndex::default());
        let (mut offset, mut previous) = (Offset::ZERO, 0);
        for _ in 0..batches {
            let mut builder = BatchBuilder::default();
            builder.push(b"k", &[9; 3000], Timestamp::from_millis(5));
            let link = Link { checksum: previous, ..Link::default() };
            let batch = builder.seal(LOG, offset, 1, link);
            let (arrival, position) = (batch.first_arrival(), bytes.len() as u64);
            index.note(IndexEntry { offset, arrival, position }, 6000);
            (offset, previous) = (batch.end(), batch.checksum());
            bytes.extend_from_slice(batch.frame());
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let extent = Extent { data_bytes: bytes.len() as u64, end: offset };
        (bytes, index, extent, previous)
    }

    fn walk(bytes: &[u8], index: SegmentIndex, extent: Extent, last: u32) -> (Vec<u64>, Vec<Flaw>) {
        let mut walk = SegmentWalk::known(LOG, (Offset::ZERO, extent), index, (0, last));
        let (mut offsets, mut flaws) = (Vec::new(), Vec::new());
        while let Some((at, len)) = walk.next_read(2 * BLOCK) {
            let at = usize::try_from(at).unwrap();
            let block = Bytes::copy_from_slice(&bytes[at..at + len]);
            flaws.extend(walk.take(block, |_, batch| offsets.push(batch.base().0)));
        }
        (offsets, flaws)
    }

    #[test]
    fn a_sound_segment_has_no_flaw() {
        let (bytes, index, extent, last) = segment(9);
        assert_eq!(walk(&bytes, index, extent, last), ((0..9).collect(), vec![]));
    }

    #[test]
    fn what_lies_behind_damage_is_still_verified() {
        let (mut bytes, index, extent, last) = segment(9);
        let second = BLOCK + 3077;
        bytes[second + 100] ^= 1;
        let eighth = usize::try_from(index.entries().last().unwrap().position).unwrap();
        bytes[eighth + 50] ^= 4;
        let (offsets, flaws) = walk(&bytes, index, extent, last);
        assert_eq!(offsets, [0, 2, 3, 4, 5, 6, 7]);
        let records: Vec<_> = flaws.iter().map(|flaw| (flaw.at, flaw.records)).collect();
        let (lost, rest) = ((Offset(1), Offset(2)), (Offset(8), Offset(9)));
        assert_eq!(records, [(second as u64, Some(lost)), (eighth as u64, Some(rest))]);
    }

    #[test]
    fn an_index_or_footer_that_lies_is_found() {
        let (bytes, index, extent, last) = segment(5);
        let mut wrong = SegmentIndex::default();
        for entry in index.entries() {
            wrong.note(IndexEntry { offset: entry.offset.plus(1), ..*entry }, 1);
        }
        assert_eq!(walk(&bytes, wrong, extent, last).1.len(), index.len());
        assert_eq!(walk(&bytes, index, extent, last ^ 1).1.len(), 1);
    }
}
