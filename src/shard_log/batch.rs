//! A batch: the records one shard gathered for one commit, as one checksummed frame. The same bytes go to
//! the journal, into the segment, into memory and over to every reader.
//!
//! ```text
//!  0 magic "FLBA"      4 crc32c of bytes 8..len      8 len           12 record count
//! 16 log id (u64)                                   24 base offset (u64)
//! 32 arrival of the first record, ms (u64)          40 epoch (u32)   44 crc32c of the batch before
//! 48 arrival of the last record, ms (u64)           56 writer (u32)  60 1 if it claims its epoch, else 0
//! 64 records, each:   data len (u32)  key len (u16)  flags (u16)  arrival - first arrival, ms (u32)
//!                     key  data
//! ```
//!
//! A record's flags are [`Marks`]. All integers little-endian. The checksum covers log and offset, so a frame
//! in the wrong place is as wrong as a flipped bit.

use bytes::Bytes;
use thiserror::Error;

use super::Epoch;
use super::bytes_at::{put_u32, put_u64, u16_at, u32_at, u64_at};
use super::checksum::crc32c;
use super::marks::Marks;
use crate::seeded::{self, Bug};
use crate::types::{LogId, Offset, Timestamp};

const MAGIC: u32 = u32::from_le_bytes(*b"FLBA");
/// Bytes of a frame before its first record.
pub const BATCH_HEADER_BYTES: usize = 64;
const RECORD_HEADER_BYTES: usize = 12;

/// Why bytes are not the batch they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// No frame begins here.
    #[error("no batch begins here")]
    Absent,
    /// The frame goes on past the bytes at hand.
    #[error("the batch is {0} bytes long, more than are at hand")]
    Cut(usize),
    /// Checksum, lengths or counts contradict each other.
    #[error("the batch is damaged")]
    Damaged,
    /// An intact frame of another log.
    #[error("the batch belongs to another log")]
    Misplaced,
}

/// Committed (or about to be committed) records of one shard. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Batch {
    frame: Bytes,
}

/// What a batch has to follow: the checksum of the live batch before it and the epoch in force behind that.
/// The default is the beginning of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Checksum of the batch before (0 for none).
    pub checksum: u32,
    /// The epoch in force.
    pub epoch: Epoch,
}

/// One record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub offset: Offset,
    /// When the server took it.
    pub arrival: Timestamp,
    /// How it was written.
    pub marks: Marks,
    /// Partition key, UTF-8; empty for a record written without one.
    pub partition_key: Bytes,
    /// Payload.
    pub data: Bytes,
}

impl Record {
    /// Data and partition key, the bytes all quotas count.
    pub fn payload_bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// Length of the frame that begins `bytes`, if one does.
pub fn peek_len(bytes: &[u8]) -> Result<usize, BatchError> {
    if bytes.len() < BATCH_HEADER_BYTES || u32_at(bytes, 0) != MAGIC {
        return Err(BatchError::Absent);
    }
    let len = u32_at(bytes, 8) as usize;
    if len < BATCH_HEADER_BYTES { Err(BatchError::Damaged) } else { Ok(len) }
}

impl Batch {
    /// The batch of `log` that begins `bytes`, verified.
    pub fn open(bytes: &Bytes, log: LogId) -> Result<Self, BatchError> {
        let batch = Self::open_any(bytes)?;
        if batch.log() == log || seeded::is(Bug::ChecksumWithoutPosition) {
            Ok(batch)
        } else {
            Err(BatchError::Misplaced)
        }
    }

    /// The batch, of whichever log, that begins `bytes`, verified.
    pub fn open_any(bytes: &Bytes) -> Result<Self, BatchError> {
        let len = peek_len(bytes)?;
        if bytes.len() < len {
            return Err(BatchError::Cut(len));
        }
        let frame = bytes.slice(..len);
        let unchecked = seeded::is(Bug::BatchChecksumIgnored) || seeded::is(Bug::TornEntryAccepted);
        if crc32c(&frame[8..]) != u32_at(&frame, 4) && !unchecked {
            return Err(BatchError::Damaged);
        }
        let batch = Self { frame };
        if batch.is_consistent() { Ok(batch) } else { Err(BatchError::Damaged) }
    }

    /// Which log it belongs to.
    pub fn log(&self) -> LogId {
        LogId(u64_at(&self.frame, 16))
    }

    /// Offset of its first record.
    pub fn base(&self) -> Offset {
        Offset(u64_at(&self.frame, 24))
    }

    /// Offset just past its last record.
    pub fn end(&self) -> Offset {
        self.base().plus(u64::from(self.count()))
    }

    /// How many records it holds, at least one.
    pub fn count(&self) -> u32 {
        u32_at(&self.frame, 12)
    }

    /// Epoch it was written in.
    pub fn epoch(&self) -> Epoch {
        Epoch { number: u32_at(&self.frame, 40), writer: u32_at(&self.frame, 56) }
    }

    /// Whether it opens its epoch: a claim stands right before its records.
    pub fn claims(&self) -> bool {
        u32_at(&self.frame, 60) == 1
    }

    /// What the batch after it follows, if this one is live.
    pub fn link(&self) -> Link {
        Link { checksum: self.checksum(), epoch: self.epoch() }
    }

    /// The same batch in memory of its own, which keeps nothing else alive.
    pub fn detached(&self) -> Self {
        Self { frame: Bytes::copy_from_slice(&self.frame) }
    }

    /// Its own checksum, named by the batch after it.
    pub fn checksum(&self) -> u32 {
        u32_at(&self.frame, 4)
    }

    /// Checksum of the batch before it in the log (0 for the first).
    pub fn previous_checksum(&self) -> u32 {
        u32_at(&self.frame, 44)
    }

    /// When its first record arrived.
    pub fn first_arrival(&self) -> Timestamp {
        Timestamp::from_millis(u64_at(&self.frame, 32))
    }

    /// When its last record arrived; arrivals never decrease within a log.
    pub fn last_arrival(&self) -> Timestamp {
        Timestamp::from_millis(u64_at(&self.frame, 48))
    }

    /// Data and partition keys of all its records.
    pub fn payload_bytes(&self) -> usize {
        self.frame.len() - BATCH_HEADER_BYTES - RECORD_HEADER_BYTES * self.count() as usize
    }

    /// The frame as it stands in journal and segment.
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// Its records in order.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let mut at = BATCH_HEADER_BYTES;
        (0..u64::from(self.count())).map(move |index| {
            let (record, next) = self.record_at(at, index);
            at = next;
            record
        })
    }

    fn record_at(&self, at: usize, index: u64) -> (Record, usize) {
        let data_len = u32_at(&self.frame, at) as usize;
        let key_len = u16_at(&self.frame, at + 4) as usize;
        let arrival = self.first_arrival().as_millis() + u64::from(u32_at(&self.frame, at + 8));
        let key_at = at + RECORD_HEADER_BYTES;
        let data_at = key_at + key_len;
        let record = Record {
            offset: self.base().plus(index),
            arrival: Timestamp::from_millis(arrival),
            marks: self.marks_at(at),
            partition_key: self.frame.slice(key_at..data_at),
            data: self.frame.slice(data_at..data_at + data_len),
        };
        (record, data_at + data_len)
    }

    fn marks_at(&self, at: usize) -> Marks {
        Marks::from_bits(u16_at(&self.frame, at + 6)).unwrap_or_default()
    }

    /// Whether the records' lengths fill the frame exactly, so that reading them cannot run astray, and
    /// nothing is said of them that is not known here.
    fn is_consistent(&self) -> bool {
        let mut at = BATCH_HEADER_BYTES;
        for _ in 0..self.count() {
            if self.frame.len() - at < RECORD_HEADER_BYTES {
                return false;
            }
            let key_len = u16_at(&self.frame, at + 4);
            let body = u32_at(&self.frame, at) as usize + usize::from(key_len);
            let marks = Marks::from_bits(u16_at(&self.frame, at + 6));
            let is_sound = marks.is_some_and(|marks| key_len == 0 || !marks.is_keyless());
            if !is_sound || self.frame.len() - at - RECORD_HEADER_BYTES < body {
                return false;
            }
            at += RECORD_HEADER_BYTES + body;
        }
        at == self.frame.len() && self.count() > 0
    }
}

/// A batch being gathered: records are written straight into what becomes the frame.
#[derive(Debug)]
pub struct BatchBuilder {
    frame: Vec<u8>,
    count: u32,
    first_arrival: Timestamp,
    last_arrival: Timestamp,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl BatchBuilder {
    /// With memory set aside for a frame of about `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut frame = Vec::with_capacity(bytes.max(BATCH_HEADER_BYTES));
        frame.resize(BATCH_HEADER_BYTES, 0);
        Self { frame, count: 0, first_arrival: Timestamp::default(), last_arrival: Timestamp::default() }
    }

    /// Records gathered so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the frame so far.
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    /// Whether no record was gathered yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a record of this arrival can join: each is stored as its distance from the first, 49 days at
    /// most.
    pub fn reaches(&self, arrival: Timestamp) -> bool {
        self.count == 0 || u32::try_from(arrival.millis_since(self.first_arrival)).is_ok()
    }

    /// Appends one record without marks: see [`Self::push_marked`].
    pub fn push(&mut self, partition_key: &[u8], data: &[u8], arrival: Timestamp) {
        self.push_marked(Marks::default(), partition_key, data, arrival);
    }

    /// Appends one record. `arrival` is not before that of the record before it, and [`Self::reaches`] it.
    pub fn push_marked(&mut self, marks: Marks, partition_key: &[u8], data: &[u8], arrival: Timestamp) {
        if self.count == 0 {
            self.first_arrival = arrival;
        }
        let data_len =
            u32::try_from(data.len()).expect("a record's data is bounded by RECORD_DATA_BYTES_MAX");
        let key_len = u16::try_from(partition_key.len()).expect("a partition key is at most 256 characters");
        let delta = u32::try_from(arrival.millis_since(self.first_arrival)).unwrap_or(u32::MAX);
        self.frame.reserve(RECORD_HEADER_BYTES + partition_key.len() + data.len());
        self.frame.extend_from_slice(&data_len.to_le_bytes());
        self.frame.extend_from_slice(&key_len.to_le_bytes());
        self.frame.extend_from_slice(&marks.bits().to_le_bytes());
        self.frame.extend_from_slice(&delta.to_le_bytes());
        self.frame.extend_from_slice(partition_key);
        self.frame.extend_from_slice(data);
        self.count += 1;
        self.last_arrival = arrival;
    }

    /// Seals the batch of `writer`: it begins at `base` in `log` and follows what left `previous` behind. It
    /// claims the next epoch unless the one in force is the writer's own.
    pub fn seal(mut self, log: LogId, base: Offset, writer: u32, previous: Link) -> Batch {
        assert!(self.count > 0, "an empty batch is never sealed");
        let len =
            u32::try_from(self.frame.len()).expect("a batch is bounded by BATCH_BYTES_MAX and one record");
        let claims = previous.epoch.number == 0 || previous.epoch.writer != writer;
        let epoch = if claims { previous.epoch.claimed_by(writer) } else { previous.epoch };
        put_u32(&mut self.frame, 0, MAGIC);
        put_u32(&mut self.frame, 8, len);
        put_u32(&mut self.frame, 12, self.count);
        put_u64(&mut self.frame, 16, log.0);
        put_u64(&mut self.frame, 24, base.0);
        put_u64(&mut self.frame, 32, self.first_arrival.as_millis());
        put_u32(&mut self.frame, 40, epoch.number);
        put_u32(&mut self.frame, 44, previous.checksum);
        put_u64(&mut self.frame, 48, self.last_arrival.as_millis());
        put_u32(&mut self.frame, 56, epoch.writer);
        put_u32(&mut self.frame, 60, u32::from(claims));
        let checksum = crc32c(&self.frame[8..]);
        put_u32(&mut self.frame, 4, checksum);
        // Kept for as long as the tail reaches: what was set aside and not used is given back.
        if self.frame.capacity() - self.frame.len() > self.frame.len() / 4 {
            self.frame.shrink_to_fit();
        }
        Batch { frame: Bytes::from(self.frame) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Batch {
        let mut builder = BatchBuilder::default();
        builder.push(b"user-1", b"first", Timestamp::from_millis(1000));
        builder.push(b"user-2", b"", Timestamp::from_millis(1007));
        let epoch = Epoch { number: 2, writer: 5 };
        builder.seal(LogId(7), Offset(40), 6, Link { checksum: 99, epoch })
    }

    #[test]
    fn what_was_gathered_is_what_is_read() {
        let batch = Batch::open(sample().frame(), LogId(7)).unwrap();
        let records: Vec<_> = batch.records().collect();
        assert_eq!((batch.base(), batch.end()), (Offset(40), Offset(42)));
        assert_eq!((batch.epoch(), batch.claims()), (Epoch { number: 3, writer: 6 }, true));
        assert_eq!((batch.previous_checksum(), batch.payload_bytes()), (99, 17));
        assert_eq!(records[0].data, "first");
        assert_eq!(records[1].partition_key, "user-2");
        assert_eq!((records[1].offset, records[1].arrival), (Offset(41), Timestamp::from_millis(1007)));
        assert_eq!(batch.last_arrival(), Timestamp::from_millis(1007));
    }

    #[test]
    fn marks_stay_with_their_record_and_unknown_ones_are_damage() {
        let at = Timestamp::from_millis(1000);
        let mut builder = BatchBuilder::default();
        let all = Marks::new(true, true);
        builder.push_marked(Marks::new(true, false), b"key", b"data", at);
        builder.push_marked(all, b"", b"data", at);
        builder.push(b"key", b"data", at);
        let batch = builder.seal(LogId(7), Offset(0), 1, Link::default());
        let batch = Batch::open(batch.frame(), LogId(7)).unwrap();
        let marks: Vec<_> = batch.records().map(|record| record.marks).collect();
        assert_eq!(marks, [Marks::new(true, false), all, Marks::default()]);
        // Of the first record, which has a key: marks nobody gives, and that of one without.
        for bits in [1 << 2, 1 << 15, 0b11] {
            let mut frame = batch.frame().to_vec();
            frame[BATCH_HEADER_BYTES + 6..][..2].copy_from_slice(&u16::to_le_bytes(bits));
            let checksum = crc32c(&frame[8..]);
            put_u32(&mut frame, 4, checksum);
            assert_eq!(Batch::open(&frame.into(), LogId(7)).unwrap_err(), BatchError::Damaged, "{bits:b}");
        }
    }

    #[test]
    fn a_writer_claims_once_and_goes_on_in_its_epoch() {
        let mut link = Link::default();
        let expected = [(9, 1, true), (9, 1, false), (4, 2, true), (4, 2, false), (9, 3, true)];
        for (writer, number, claims) in expected {
            let mut builder = BatchBuilder::default();
            builder.push(b"", b"", Timestamp::from_millis(1));
            let batch = builder.seal(LogId(1), Offset(0), writer, link);
            assert_eq!((batch.epoch(), batch.claims()), (Epoch { number, writer }, claims));
            assert_eq!(batch.previous_checksum(), link.checksum);
            link = batch.link();
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let frame = sample().frame().to_vec();
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Batch::open(&Bytes::from(flipped), LogId(7)).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_cut_or_misplaced_frame_is_told_apart() {
        let frame = sample().frame().clone();
        assert_eq!(Batch::open(&frame, LogId(8)).unwrap_err(), BatchError::Misplaced);
        assert_eq!(Batch::open(&frame.slice(..70), LogId(7)).unwrap_err(), BatchError::Cut(frame.len()));
        assert_eq!(Batch::open(&Bytes::from_static(&[0; 64]), LogId(7)).unwrap_err(), BatchError::Absent);
    }
}
