//! A segment file: a run of one shard's batches, written behind the journal in large blocks.
//!
//! ```text
//! block 0        header: magic "FLSG"  4 crc32c of 8..48  8 version (u32)  12 crc32c of the batch before
//!                16 log id  24 base offset  32 file bytes  40 epoch and 44 writer in force before (u32 each)
//! block 1 ..     batches; each write-behind starts on a block boundary, zeros fill up to the next
//! (sealed only)  index: magic "FLSI", zero to 24; one 24-byte entry (offset, arrival ms, position) per
//!                READ_BLOCK_BYTES of log
//! last block     footer: magic "FLSF"  4 crc32c of 8..72  8 index position  16 index entries
//!                20 crc32c of the index
//!                24 base offset  32 end offset  40 first arrival ms  48 last arrival ms
//!                56 checksum of last batch  60 blocks up to where batches lie (u32)
//!                64 epoch and 68 writer in force behind it (u32 each)
//! ```
//!
//! A sealed segment is opened by its last block and its index alone; the one unsealed segment of a shard is
//! scanned. Files are made of zeros and never reused, so the first block that begins no batch ends it.

use std::ops::RangeInclusive;

use crate::platform::{AlignedBuf, BLOCK};
use crate::seeded::{self, Bug};
use crate::types::{LogId, Offset, Timestamp};

use super::batch::Link;
use super::bytes_at::{put_u32, put_u64, u32_at, u64_at};
use super::checksum::crc32c;
use super::fold::Epoch;

const HEADER_MAGIC: u32 = u32::from_le_bytes(*b"FLSG");
const INDEX_MAGIC: u32 = u32::from_le_bytes(*b"FLSI");
const FOOTER_MAGIC: u32 = u32::from_le_bytes(*b"FLSF");
const FORMAT_VERSION: u32 = 2;
const INDEX_ENTRY_BYTES: usize = 24;

/// The first block of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Whose batches it holds.
    pub log: LogId,
    /// No batch in it begins before this offset.
    pub base: Offset,
    /// Size of the whole file.
    pub file_bytes: u64,
    /// What the first batch in here follows.
    pub previous: Link,
}

impl SegmentHeader {
    /// The block as it stands in the file.
    pub fn to_block(self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        put_u32(&mut block, 0, HEADER_MAGIC);
        put_u32(&mut block, 8, FORMAT_VERSION);
        put_u32(&mut block, 12, self.previous.checksum);
        put_u64(&mut block, 16, self.log.0);
        put_u64(&mut block, 24, self.base.0);
        put_u64(&mut block, 32, self.file_bytes);
        put_epoch(&mut block, 40, self.previous.epoch);
        let checksum = crc32c(&block[8..48]);
        put_u32(&mut block, 4, checksum);
        block
    }

    /// Reads the block; `None` if it is not an intact header of a known version.
    pub fn open(block: &[u8]) -> Option<Self> {
        let intact = block.len() >= BLOCK
            && u32_at(block, 0) == HEADER_MAGIC
            && u32_at(block, 4) == crc32c(&block[8..48])
            && u32_at(block, 8) == FORMAT_VERSION;
        intact.then(|| Self {
            log: LogId(u64_at(block, 16)),
            base: Offset(u64_at(block, 24)),
            file_bytes: u64_at(block, 32),
            previous: Link { checksum: u32_at(block, 12), epoch: epoch_at(block, 40) },
        })
    }
}

/// Where in the file a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Offset of its first record.
    pub offset: Offset,
    /// Arrival of its first record.
    pub arrival: Timestamp,
    /// Byte position in the file.
    pub position: u64,
}

/// A sparse index: enough to begin reading near any offset or time.
#[derive(Clone, Debug, Default)]
pub struct SegmentIndex {
    entries: Vec<IndexEntry>,
}

impl SegmentIndex {
    /// Notes that a batch begins at `entry`; keeps it if the last kept one is `every` bytes away.
    pub fn note(&mut self, entry: IndexEntry, every: usize) {
        let due = self.entries.last().is_none_or(|last| entry.position - last.position >= every as u64);
        if due {
            self.entries.push(entry);
        }
    }

    /// For a seeded bug only: moves the last entry.
    pub(crate) fn shift_last(&mut self, bytes: u64) {
        self.entries.iter_mut().last().into_iter().for_each(|last| last.position += bytes);
    }

    /// Position and offset at or before the batch that holds `offset`; `None` if the segment holds nothing.
    pub fn entry_of(&self, offset: Offset) -> Option<IndexEntry> {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        self.entries.get(after.saturating_sub(1)).copied()
    }

    /// Position and offset at or before the first batch with a record that arrived at `arrival` or later.
    pub fn position_at(&self, arrival: Timestamp) -> Option<IndexEntry> {
        let after = self.entries.partition_point(|entry| entry.arrival < arrival);
        self.entries.get(after.saturating_sub(1)).copied()
    }

    /// What is kept, in order.
    pub fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// Entries kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; index_bytes(self.entries.len())];
        put_u32(&mut bytes, 0, INDEX_MAGIC);
        for (entry, at) in self.entries.iter().zip((INDEX_ENTRY_BYTES..).step_by(INDEX_ENTRY_BYTES)) {
            put_u64(&mut bytes, at, entry.offset.0);
            put_u64(&mut bytes, at + 8, entry.arrival.as_millis());
            put_u64(&mut bytes, at + 16, entry.position);
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let entries = bytes.chunks_exact(INDEX_ENTRY_BYTES).skip(1).map(|entry| IndexEntry {
            offset: Offset(u64_at(entry, 0)),
            arrival: Timestamp::from_millis(u64_at(entry, 8)),
            position: u64_at(entry, 16),
        });
        Self { entries: entries.collect() }
    }
}

/// What a sealed segment says of itself in its last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFooter {
    /// Offset of the first record.
    pub base: Offset,
    /// Offset past the last record.
    pub end: Offset,
    /// Arrival of the first record.
    pub first_arrival: Timestamp,
    /// Arrival of the last record.
    pub last_arrival: Timestamp,
    /// What the last batch leaves to the one after it.
    pub last: Link,
    /// Bytes from the start of the file up to which batches lie, whole blocks.
    pub data_bytes: u64,
}

/// Bytes of an index of so many entries.
fn index_bytes(entries: usize) -> usize {
    (entries + 1) * INDEX_ENTRY_BYTES
}

/// Whether a sealed segment's index begins `bytes`: no batch follows in the file.
pub fn is_index(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && u32_at(bytes, 0) == INDEX_MAGIC
}

/// Bytes the index and the footer of a segment take at the end of its file.
pub fn footer_bytes(index_entries: usize) -> usize {
    index_bytes(index_entries).next_multiple_of(BLOCK) + BLOCK
}

impl SegmentFooter {
    /// Index and footer as they stand at the end of the file of `file_bytes`.
    pub fn to_blocks(self, index: &SegmentIndex, file_bytes: u64) -> AlignedBuf {
        let index_bytes = index.to_bytes();
        let total = footer_bytes(index.len());
        let mut blocks = AlignedBuf::with_capacity(total);
        blocks.extend_from_slice(&index_bytes);
        blocks.pad_to_block();
        blocks.extend_from_slice(&[0; BLOCK]);
        let footer_at = blocks.len() - BLOCK;
        let footer = &mut blocks.as_mut_slice()[footer_at..];
        put_u32(footer, 0, FOOTER_MAGIC);
        put_u64(footer, 8, file_bytes - total as u64);
        put_u32(
            footer,
            16,
            u32::try_from(index.len()).expect("one entry per READ_BLOCK_BYTES of a bounded file"),
        );
        put_u32(footer, 20, crc32c(&index_bytes));
        put_u64(footer, 24, self.base.0);
        put_u64(footer, 32, self.end.0);
        put_u64(footer, 40, self.first_arrival.as_millis());
        put_u64(footer, 48, self.last_arrival.as_millis());
        put_u32(footer, 56, self.last.checksum);
        let blocks_of_data = u32::try_from(self.data_bytes / BLOCK as u64);
        put_u32(footer, 60, blocks_of_data.expect("a segment is bounded by SEGMENT_BYTES_MAX and one batch"));
        put_epoch(footer, 64, self.last.epoch);
        let checksum = crc32c(&footer[8..72]);
        put_u32(footer, 4, checksum);
        blocks
    }

    /// Reads the index that stands before the footer block; `None` if it is damaged.
    pub fn open_index(footer_block: &[u8], index: &[u8]) -> Option<SegmentIndex> {
        let len = index_bytes(u32_at(footer_block, 16) as usize);
        let bytes = index.get(..len)?;
        (crc32c(bytes) == u32_at(footer_block, 20) || seeded::is(Bug::FooterUnchecked))
            .then(|| SegmentIndex::from_bytes(bytes))
    }
}

/// Reads a segment's last block: the footer and the index's position and length; `None` if not sealed.
pub fn open_footer(block: &[u8]) -> Option<(SegmentFooter, u64, usize)> {
    if block.len() < BLOCK
        || u32_at(block, 0) != FOOTER_MAGIC
        || (u32_at(block, 4) != crc32c(&block[8..72]) && !seeded::is(Bug::FooterUnchecked))
    {
        return None;
    }
    let footer = SegmentFooter {
        base: Offset(u64_at(block, 24)),
        end: Offset(u64_at(block, 32)),
        first_arrival: Timestamp::from_millis(u64_at(block, 40)),
        last_arrival: Timestamp::from_millis(u64_at(block, 48)),
        last: Link { checksum: u32_at(block, 56), epoch: epoch_at(block, 64) },
        data_bytes: u64::from(u32_at(block, 60)) * BLOCK as u64,
    };
    Some((footer, u64_at(block, 8), index_bytes(u32_at(block, 16) as usize)))
}

fn put_epoch(block: &mut [u8], at: usize, epoch: Epoch) {
    put_u32(block, at, epoch.number);
    put_u32(block, at + 4, epoch.writer);
}

fn epoch_at(block: &[u8], at: usize) -> Epoch {
    Epoch { number: u32_at(block, at), writer: u32_at(block, at + 4) }
}

/// Size of the segment file after one of `previous` bytes: the first size is the start of `sizes`, each
/// further one four times as large up to its end, unless it has to be larger to hold `needed`.
pub fn segment_bytes_after(previous: Option<u64>, needed: u64, sizes: RangeInclusive<u64>) -> u64 {
    let grown = previous.map_or(*sizes.start(), |bytes| bytes.saturating_mul(4));
    grown.min(*sizes.end()).max(needed.next_multiple_of(BLOCK as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: usize = 8 * BLOCK;

    #[test]
    fn header_and_footer_read_back_and_notice_damage() {
        let (log, base) = (LogId(3), Offset(17));
        let link = |n: u32| Link { checksum: n, epoch: Epoch { number: n + 1, writer: n + 2 } };
        let header = SegmentHeader { log, base, file_bytes: 1 << 20, previous: link(9) };
        let mut block = header.to_block();
        assert_eq!(SegmentHeader::open(&block), Some(header));
        block[25] ^= 1;
        assert_eq!(SegmentHeader::open(&block), None);

        let mut index = SegmentIndex::default();
        for i in 0..4u64 {
            let position = 4096 + i * (EVERY as u64 / 2);
            let arrival = Timestamp::from_millis(100 + i);
            index.note(IndexEntry { offset: Offset(i * 10), arrival, position }, EVERY);
        }
        let footer = SegmentFooter {
            base: Offset(0),
            end: Offset(40),
            first_arrival: Timestamp::from_millis(100),
            last_arrival: Timestamp::from_millis(103),
            last: link(5),
            data_bytes: 5 * BLOCK as u64,
        };
        let blocks = footer.to_blocks(&index, 1 << 20);
        let last = &blocks.as_slice()[blocks.len() - BLOCK..];
        let (opened, position, len) = open_footer(last).unwrap();
        assert_eq!((opened, position), (footer, (1 << 20) - blocks.len() as u64));
        let reopened = SegmentFooter::open_index(last, &blocks.as_slice()[..len]).unwrap();
        assert_eq!(reopened.len(), 2, "half a read block apart, every other entry is kept");
        assert_eq!(reopened.entry_of(Offset(25)).unwrap().position, 4096 + EVERY as u64);
        assert_eq!(reopened.entry_of(Offset(19)).unwrap().position, 4096);
        assert_eq!(reopened.position_at(Timestamp::from_millis(99)).unwrap().position, 4096);
    }
}
