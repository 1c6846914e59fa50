//! Taking batches out of a block read from a segment, each verified, each following the one before.

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::platform::BLOCK;
use crate::seeded::{self, Bug};
use crate::shard_log::{BATCH_HEADER_BYTES, Batch, BatchError, peek_len};
use crate::types::{LogId, Offset};

use super::StorageError;
use super::read::{From, ReadReply};

/// A read under way.
pub(super) struct ReadJob {
    pub(super) log: LogId,
    pub(super) from: From,
    pub(super) max_bytes: usize,
    pub(super) reply: oneshot::Sender<ReadReply>,
    /// Base of the segment being read.
    pub(super) segment: Offset,
    /// Where in the segment the next batch begins; `None` before the index was asked.
    pub(super) position: Option<u64>,
    /// Where the segment's last batch ends: as an offset, and in bytes from the start of the file.
    pub(super) end: (Offset, u64),
    /// Offset the batch at `position` begins at, as the index says: an intact batch of the same log may stand
    /// there by a misdirected write.
    pub(super) begins: Option<Offset>,
    /// Checksum of the batch before `position`, if that was read.
    pub(super) last_checksum: Option<u32>,
    /// Bytes to read: more than a block only for a batch that is larger.
    pub(super) len: usize,
}

impl ReadJob {
    pub(super) fn new(log: LogId, from: From, max_bytes: usize, reply: oneshot::Sender<ReadReply>) -> Self {
        let (segment, position, end) = (Offset::ZERO, None, (Offset::ZERO, 0));
        let (begins, last_checksum) = (None, None);
        Self { log, from, max_bytes, reply, segment, position, end, begins, last_checksum, len: 0 }
    }

    fn damaged(&self, position: u64) -> StorageError {
        let what = format!("segment from offset {}, byte {position}: no intact batch", self.segment);
        StorageError::Damaged { log: self.log, what }
    }

    /// The batch at `at` of `block`, which is the next one of the segment.
    fn next_batch(&mut self, block: &Bytes, at: usize) -> Option<Batch> {
        let batch = Batch::open(&block.slice(at..), self.log).ok()?;
        let follows = self.last_checksum.is_none_or(|checksum| checksum == batch.previous_checksum())
            && self.begins.take().is_none_or(|offset| offset == batch.base());
        self.last_checksum = Some(batch.checksum());
        follows.then_some(batch)
    }
}

/// Takes the wanted batches out of a block that begins at the aligned position before `job.position`, and
/// moves the job's position past what was looked at. What is damaged is an error only to who asks for it.
pub(super) fn scan(block: &Bytes, job: &mut ReadJob) -> Result<Vec<Batch>, StorageError> {
    let start = job.position.unwrap_or_default();
    let origin = start - start % BLOCK as u64;
    let mut at = usize::try_from(start - origin).unwrap_or_default();
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    job.len = 0;
    loop {
        let damaged = job.damaged(origin + at as u64);
        match next(block, at, origin, job) {
            Next::Padding(zeros) => at += zeros,
            Next::Batch(batch) => {
                at += batch.frame().len();
                let is_full = bytes > 0 && bytes + batch.payload_bytes() > job.max_bytes;
                let is_last = batch.end() >= job.end.0;
                if is_wanted(&batch, job.from) && !is_full {
                    bytes += batch.payload_bytes().max(1);
                    batches.push(batch);
                }
                if is_full || (is_last && !batches.is_empty()) {
                    break;
                }
            }
            Next::Beyond => break,
            Next::Damaged if seeded::is(Bug::DamageSkipped) && at < block.len() => {
                at = (at + 1).next_multiple_of(BLOCK);
                job.last_checksum = None;
            }
            Next::Damaged if batches.is_empty() => return Err(damaged),
            Next::Damaged => break,
        }
    }
    job.position = Some(origin + at as u64);
    Ok(batches)
}

/// What comes next in a block.
enum Next {
    Batch(Batch),
    /// So many zeros.
    Padding(usize),
    /// The block ends; the rest of the segment goes on behind it.
    Beyond,
    /// Neither a batch nor padding, or the segment's end without its last batch.
    Damaged,
}

fn next(block: &Bytes, at: usize, origin: u64, job: &mut ReadJob) -> Next {
    let rest = block.get(at..).unwrap_or_default();
    let is_all = origin + block.len() as u64 >= job.end.1;
    match peek_len(rest) {
        Ok(len) if len > rest.len() && !is_all => {
            job.len = len;
            Next::Beyond
        }
        Ok(_) => job.next_batch(block, at).map_or(Next::Damaged, Next::Batch),
        // A header may straddle the block's end; elsewhere zeros pad up to the next block boundary.
        Err(_) if rest.len() < BATCH_HEADER_BYTES && !is_all => Next::Beyond,
        Err(BatchError::Absent) if !at.is_multiple_of(BLOCK) => {
            let zeros = at.next_multiple_of(BLOCK) - at;
            let is_padding = rest.iter().take(zeros).all(|&byte| byte == 0);
            if is_padding { Next::Padding(zeros) } else { Next::Damaged }
        }
        Err(_) => Next::Damaged,
    }
}

fn is_wanted(batch: &Batch, from: From) -> bool {
    match from {
        From::Offset(offset) => batch.end() > offset,
        From::Time(time) => batch.last_arrival() >= time,
    }
}
