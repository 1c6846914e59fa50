//! What each record carries: enough to tell whose it is, when it was due, and whether a byte of it changed.
//!
//! ```text
//!  0        8     12        16        24             32      40      44      48
//!  | magic  | run | producer| sequence| intended ns  | floor | length| crc32 | filler ... |
//! ```
//! Little-endian. The checksum covers everything but itself. `floor` is the lowest sequence not yet settled
//! when the record left: every acknowledged record below it must come before this one, whatever was in flight
//! around them.

use crate::units::wire_u32;

/// The smallest record: the header alone.
pub(crate) const MIN_BYTES: usize = 48;
const MAGIC: u64 = u64::from_le_bytes(*b"FANLOAD1");

/// The fields a consumer checks and measures by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Which run of the tool wrote it.
    pub(crate) run: u32,
    /// Which producer connection sent it.
    pub(crate) producer: u32,
    /// Its number, counted from 0 over the whole run.
    pub(crate) sequence: u64,
    /// When the schedule wanted it sent.
    pub(crate) intended_ns: u64,
    /// Lowest sequence not settled when it left.
    pub(crate) floor: u64,
}

/// Writes a record of `size` bytes into `out`, replacing what was there.
pub(crate) fn encode(header: &Header, size: usize, out: &mut Vec<u8>) {
    assert!(size >= MIN_BYTES, "a record holds at least its header");
    out.clear();
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&header.run.to_le_bytes());
    out.extend_from_slice(&header.producer.to_le_bytes());
    out.extend_from_slice(&header.sequence.to_le_bytes());
    out.extend_from_slice(&header.intended_ns.to_le_bytes());
    out.extend_from_slice(&header.floor.to_le_bytes());
    out.extend_from_slice(&wire_u32(size).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    fill(header.sequence ^ (u64::from(header.run) << 32), size, out);
    let sum = checksum(out);
    out[44..48].copy_from_slice(&sum.to_le_bytes());
}

/// Reads a record back; `None` if any byte is not what was written.
pub(crate) fn decode(record: &[u8]) -> Option<Header> {
    if record.len() < MIN_BYTES || word64(record, 0) != MAGIC || word32(record, 40) != wire_u32(record.len())
    {
        return None;
    }
    (word32(record, 44) == checksum(record)).then(|| Header {
        run: word32(record, 8),
        producer: word32(record, 12),
        sequence: word64(record, 16),
        intended_ns: word64(record, 24),
        floor: word64(record, 32),
    })
}

/// Filler that differs per record and does not compress: splitmix64 from the record's own number.
fn fill(seed: u64, size: usize, out: &mut Vec<u8>) {
    let mut state = seed;
    while out.len() < size {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let word = (z ^ (z >> 31)).to_le_bytes();
        out.extend_from_slice(&word[..word.len().min(size - out.len())]);
    }
}

fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..44]);
    hasher.update(&record[MIN_BYTES..]);
    hasher.finalize()
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were sliced"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_any_flipped_bit_shows() {
        let header = Header { run: 7, producer: 3, sequence: 41, intended_ns: 123_456_789, floor: 39 };
        let mut record = Vec::new();
        for size in [MIN_BYTES, MIN_BYTES + 1, 63, 1024] {
            encode(&header, size, &mut record);
            assert_eq!(record.len(), size);
            assert_eq!(decode(&record), Some(header));
            for at in 0..size {
                record[at] ^= 0x10;
                assert_eq!(decode(&record), None, "byte {at} of {size}");
                record[at] ^= 0x10;
            }
            assert_eq!(decode(&record[..size - 1]), None);
        }
    }
}
