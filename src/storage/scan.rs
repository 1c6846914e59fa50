//! Scanning a segment that was not sealed, batch by batch, for where it ends. Decides only; who opens the
//! directory reads.

use bytes::Bytes;

use crate::platform::BLOCK;
use crate::shard_log::{BATCH_HEADER_BYTES, Batch, is_index, peek_len};
use crate::types::{LogId, Offset};

use super::Sizes;
use super::log::Segment;

/// A walk over an unsealed segment's batches.
pub(super) struct Scan {
    log: LogId,
    index_every: usize,
    /// Batches from this offset on are passed by.
    limit: Option<Offset>,
    at: u64,
    want: usize,
    /// Bytes of the next read: few at first, as most segments that are not sealed hold little.
    chunk: usize,
    chunk_max: usize,
    last_checksum: u32,
    is_over: bool,
    /// Offset up to which intact batches follow one another.
    pub(super) end: Offset,
    /// Whether it ended at bytes that are no batch, but not the zeros of an unwritten file either.
    pub(super) is_torn: bool,
    /// Whether batches were passed by.
    pub(super) passed_by: bool,
}

impl Scan {
    /// A walk over `segment` of `log`, which nothing was noted of yet.
    pub(super) fn new(log: LogId, sizes: &Sizes, segment: &Segment, limit: Option<Offset>) -> Self {
        Self {
            log,
            index_every: sizes.read_block,
            limit,
            at: BLOCK as u64,
            want: 0,
            chunk: sizes.scan_first,
            chunk_max: sizes.scan,
            last_checksum: segment.previous.checksum,
            is_over: false,
            end: segment.base,
            is_torn: false,
            passed_by: false,
        }
    }

    /// Where it has to read on, a block boundary, and how many bytes; `None` once it is over.
    pub(super) fn wants(&mut self, segment: &Segment) -> Option<(u64, usize)> {
        if self.is_over || self.at >= segment.file_bytes {
            return None;
        }
        let origin = self.at - self.at % BLOCK as u64;
        let len = self.want.max(self.chunk).next_multiple_of(BLOCK) as u64;
        self.chunk = self.chunk_max.min(2 * self.chunk);
        Some((origin, usize::try_from(len.min(segment.file_bytes - origin)).unwrap_or(usize::MAX)))
    }

    /// Walks over one chunk, which begins at `origin`.
    pub(super) fn feed(&mut self, segment: &mut Segment, chunk: &Bytes, origin: u64) {
        let is_last = origin + chunk.len() as u64 == segment.file_bytes;
        self.is_over = !self.walk(segment, chunk, origin, is_last);
    }

    /// Tells whether to go on behind the chunk.
    fn walk(&mut self, segment: &mut Segment, chunk: &Bytes, origin: u64, is_last: bool) -> bool {
        self.want = 0;
        let mut at = usize::try_from(self.at - origin).unwrap_or(usize::MAX);
        while at < chunk.len() {
            let rest = &chunk[at..];
            match peek_len(rest) {
                Ok(len) if len > rest.len() && !is_last => {
                    // Cut off by the chunk, not by the file: once more, with all of it.
                    self.want = len + BLOCK;
                    self.at = origin + at as u64;
                    return true;
                }
                Ok(_) => match Batch::open(&chunk.slice(at..), self.log) {
                    Ok(batch) if self.continues(&batch) => {
                        self.take(segment, &batch, origin + at as u64);
                        at += batch.frame().len();
                    }
                    _ => return self.torn(),
                },
                Err(_) if rest.len() < BATCH_HEADER_BYTES && !is_last && !at.is_multiple_of(BLOCK) => {
                    // Too little to tell a header from padding.
                    self.want = 2 * BLOCK;
                    self.at = origin + at as u64;
                    return true;
                }
                Err(_) => match padding(rest, at) {
                    Some(0) => return false,
                    Some(zeros) => at += zeros,
                    None => return self.torn(),
                },
            }
        }
        self.at = origin + at as u64;
        true
    }

    fn torn(&mut self) -> bool {
        self.is_torn = true;
        false
    }

    fn continues(&self, batch: &Batch) -> bool {
        batch.base() >= self.end && batch.previous_checksum() == self.last_checksum
    }

    fn take(&mut self, segment: &mut Segment, batch: &Batch, position: u64) {
        self.last_checksum = batch.checksum();
        self.end = batch.end();
        if self.limit.is_some_and(|limit| batch.base() >= limit) {
            self.passed_by = true;
            return;
        }
        segment.take(batch, position, self.index_every);
        let end = position + batch.frame().len() as u64;
        segment.data_bytes = end.next_multiple_of(BLOCK as u64);
    }
}

/// How many zeros fill up to the next block boundary from `at` on: none where a file ends; `None` if there is
/// something else.
fn padding(rest: &[u8], at: usize) -> Option<usize> {
    if at.is_multiple_of(BLOCK) {
        let is_end = is_index(rest) || rest.iter().take(BLOCK).all(|&byte| byte == 0);
        return is_end.then_some(0);
    }
    let zeros = at.next_multiple_of(BLOCK) - at;
    rest.iter().take(zeros).all(|&byte| byte == 0).then_some(zeros)
}
