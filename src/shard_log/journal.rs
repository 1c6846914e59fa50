//! A journal entry: what one commit writes, the batches of every shard that had something to say.
//!
//! ```text
//!  0 magic "FLJE"   4 crc32c of bytes 8..64+body   8 body len   12 batch count
//! 16 generation (u64)                             24 commit number (u64)
//! 32 crc32c of the entry before   36 format version (u16)   38 durability (u16)
//! 40 offset floor (u64)           48 uses told (u32)              52 zero to 64
//! 64 uses told, 24 bytes each: generation (u64)  commit number of its last entry (u64)  that entry's
//!    crc32c (u32)  zero (u32)
//! .. batches, one after another; zeros to the next block boundary
//! ```
//!
//! Entries begin on block boundaries. A journal file is used over and over: each use has a higher
//! generation, so what an earlier use left behind cannot be taken for the present. The first entry of a use
//! has no batches: its only sector that is not zeros is there or is not, so it can never be torn.
//!
//! That first entry tells where every other use still needed ends: what stands behind those ends are commits
//! that failed. Whichever of their sectors reached the medium, they are void once it is there.

use bytes::Bytes;
use thiserror::Error;

use super::batch::{Batch, BatchError};
use super::bytes_at::{put_u32, put_u64, u16_at, u32_at, u64_at};
use super::checksum::crc32c;
use crate::seeded::{self, Bug};
use crate::types::Offset;

const MAGIC: u32 = u32::from_le_bytes(*b"FLJE");
const FORMAT_VERSION: u16 = 2;
/// Bytes of an entry before its first batch.
pub const ENTRY_HEADER_BYTES: usize = 64;
const USE_END_BYTES: usize = 24;
/// Uses the first entry of a use can tell of: all within the sector that can never be torn.
pub const USES_TOLD_MAX: usize = (512 - ENTRY_HEADER_BYTES) / USE_END_BYTES;

/// Where an earlier use ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseEnd {
    /// Which use.
    pub generation: u64,
    /// Number of its last commit; anything later in it is void.
    pub commit: u64,
    /// Checksum of that commit's entry.
    pub checksum: u32,
}

/// What identifies an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// Which use of its file it was written in; higher is later.
    pub generation: u64,
    /// Counts commits over the data directory's life.
    pub commit: u64,
    /// Checksum of the entry before (0 for the first ever).
    pub previous_checksum: u32,
    /// Whether it was durable before it was acknowledged.
    pub synced: bool,
    /// No offset before it is given out any more: records there may have been acknowledged and lost.
    pub offset_floor: Offset,
}

/// Why no entry can be read at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntryError {
    /// No entry begins here.
    #[error("no journal entry begins here")]
    Absent,
    /// An entry begins here, but its checksum or its batches do not hold.
    #[error("the journal entry is damaged or was torn")]
    Damaged,
    /// Written by a version this one does not know.
    #[error("journal format version {0} is not known")]
    UnknownVersion(u16),
}

/// Writes the header over the first [`ENTRY_HEADER_BYTES`] of `entry`, whose batches follow them; tells
/// the entry's checksum.
pub fn seal_entry(entry: &mut [u8], batches: u32, header: EntryHeader) -> u32 {
    seal(entry, 0, batches, header)
}

/// The first entry of a use, which tells the `ends` of others, and its checksum.
pub fn opening_entry(header: EntryHeader, ends: &[UseEnd]) -> (Vec<u8>, u32) {
    assert!(ends.len() <= USES_TOLD_MAX, "journal files are bounded below what an entry can tell of");
    let mut entry = vec![0; ENTRY_HEADER_BYTES + ends.len() * USE_END_BYTES];
    for (end, at) in ends.iter().zip((ENTRY_HEADER_BYTES..).step_by(USE_END_BYTES)) {
        put_u64(&mut entry, at, end.generation);
        put_u64(&mut entry, at + 8, end.commit);
        put_u32(&mut entry, at + 16, end.checksum);
    }
    let told = u32::try_from(ends.len()).expect("bounded above");
    let checksum = seal(&mut entry, told, 0, header);
    (entry, checksum)
}

fn seal(entry: &mut [u8], told: u32, batches: u32, header: EntryHeader) -> u32 {
    let body =
        u32::try_from(entry.len() - ENTRY_HEADER_BYTES).expect("an entry is bounded by COMMIT_BYTES_MAX");
    entry[..ENTRY_HEADER_BYTES].fill(0);
    put_u32(entry, 0, MAGIC);
    put_u32(entry, 8, body);
    put_u32(entry, 12, batches);
    put_u64(entry, 16, header.generation);
    put_u64(entry, 24, header.commit);
    put_u32(entry, 32, header.previous_checksum);
    put_u32(entry, 36, u32::from(FORMAT_VERSION) | u32::from(!header.synced) << 16);
    put_u64(entry, 40, header.offset_floor.0);
    put_u32(entry, 48, told);
    let checksum = crc32c(&entry[8..]);
    put_u32(entry, 4, checksum);
    checksum
}

/// An entry read back.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it says of itself.
    pub header: EntryHeader,
    /// Its checksum.
    pub checksum: u32,
    /// Where other uses end, told by the first entry of a use.
    pub ends: Vec<UseEnd>,
    /// Its batches in the order they were gathered.
    pub batches: Vec<Batch>,
    /// Its bytes, header included, without padding.
    pub len: usize,
}

/// Length of the entry that begins `bytes`, if one does and its header is at hand.
pub fn entry_len(bytes: &[u8]) -> Option<usize> {
    let begins = bytes.len() >= ENTRY_HEADER_BYTES && u32_at(bytes, 0) == MAGIC;
    begins.then(|| ENTRY_HEADER_BYTES + u32_at(bytes, 8) as usize)
}

/// The entry that begins `bytes`, verified with every batch in it.
pub fn open_entry(bytes: &Bytes) -> Result<Entry, EntryError> {
    let len = entry_len(bytes).ok_or(EntryError::Absent)?;
    if bytes.len() < len
        || (crc32c(&bytes[8..len]) != u32_at(bytes, 4) && !seeded::is(Bug::TornEntryAccepted))
    {
        return Err(EntryError::Damaged);
    }
    if u16_at(bytes, 36) != FORMAT_VERSION {
        return Err(EntryError::UnknownVersion(u16_at(bytes, 36)));
    }
    let header = EntryHeader {
        generation: u64_at(bytes, 16),
        commit: u64_at(bytes, 24),
        previous_checksum: u32_at(bytes, 32),
        synced: u16_at(bytes, 38) == 0,
        offset_floor: Offset(u64_at(bytes, 40)),
    };
    let told = u32_at(bytes, 48) as usize;
    let body_at = ENTRY_HEADER_BYTES + told.min(USES_TOLD_MAX) * USE_END_BYTES;
    if told > USES_TOLD_MAX || body_at > len {
        return Err(EntryError::Damaged);
    }
    let ends = bytes[ENTRY_HEADER_BYTES..body_at].chunks_exact(USE_END_BYTES).map(open_use_end).collect();
    let batches =
        open_batches(bytes.slice(body_at..len), u32_at(bytes, 12)).map_err(|_| EntryError::Damaged)?;
    Ok(Entry { header, checksum: u32_at(bytes, 4), ends, batches, len })
}

fn open_use_end(bytes: &[u8]) -> UseEnd {
    UseEnd { generation: u64_at(bytes, 0), commit: u64_at(bytes, 8), checksum: u32_at(bytes, 16) }
}

fn open_batches(mut body: Bytes, count: u32) -> Result<Vec<Batch>, BatchError> {
    let mut batches = Vec::new();
    for _ in 0..count {
        let batch = Batch::open_any(&body)?;
        body = body.slice(batch.frame().len()..);
        batches.push(batch);
    }
    if body.is_empty() { Ok(batches) } else { Err(BatchError::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard_log::{BatchBuilder, Link};
    use crate::types::{LogId, Timestamp};

    fn entry() -> (Vec<u8>, EntryHeader) {
        let mut bytes = vec![0; ENTRY_HEADER_BYTES];
        for log in [1, 2] {
            let mut builder = BatchBuilder::default();
            builder.push(b"key", b"data", Timestamp::from_millis(5));
            bytes.extend_from_slice(builder.seal(LogId(log), Offset(0), 1, Link::default()).frame());
        }
        let offset_floor = Offset(12);
        let header =
            EntryHeader { generation: 4, commit: 9, previous_checksum: 77, synced: true, offset_floor };
        seal_entry(&mut bytes, 2, header);
        (bytes, header)
    }

    #[test]
    fn an_entry_reads_back_with_its_batches() {
        let (bytes, header) = entry();
        let opened = open_entry(&Bytes::from(bytes.clone())).unwrap();
        assert_eq!((opened.header, opened.len), (header, bytes.len()));
        assert_eq!(opened.batches.iter().map(Batch::log).collect::<Vec<_>>(), [LogId(1), LogId(2)]);
    }

    #[test]
    fn an_opening_entry_tells_all_ends_within_one_sector() {
        let end = |n: u32| UseEnd { generation: u64::from(n) << 32, commit: 7, checksum: n };
        let ends: Vec<_> = (0u32..).map(end).take(USES_TOLD_MAX).collect();
        let (_, header) = entry();
        let (bytes, checksum) = opening_entry(header, &ends);
        assert!(bytes.len() <= 512);
        let opened = open_entry(&Bytes::from(bytes)).unwrap();
        assert_eq!((opened.ends, opened.checksum, opened.batches.len()), (ends, checksum, 0));
    }

    #[test]
    fn no_torn_or_flipped_entry_is_believed() {
        let (bytes, _) = entry();
        for cut in 0..bytes.len() {
            let mut torn = bytes.clone();
            torn[cut..].fill(0);
            if torn != bytes {
                assert!(open_entry(&Bytes::from(torn)).is_err(), "zeroed from {cut}");
            }
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open_entry(&Bytes::from(flipped)).is_err(), "bit {bit}");
        }
    }
}
