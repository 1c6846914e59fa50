//! Scanning a segment that was not sealed, batch by batch, for where it ends.

use std::io;

use bytes::Bytes;

use crate::platform::{BLOCK, Disk, FileId};
use crate::shard_log::{BATCH_HEADER_BYTES, Batch, is_index, peek_len};
use crate::types::{LogId, Offset};

use super::Sizes;
use super::blocking::read;
use super::log::Segment;

/// A walk over an unsealed segment's batches. It is not written to again: what a torn write left behind its
/// end can then never be met.
pub(super) struct Scan<'a> {
    log: LogId,
    sizes: &'a Sizes,
    segment: &'a mut Segment,
    /// Batches from this offset on are passed by.
    limit: Option<Offset>,
    at: u64,
    want: usize,
    last_checksum: u32,
    /// Offset up to which intact batches follow one another.
    pub(super) end: Offset,
    /// Whether it ended at bytes that are no batch, but not the zeros of an unwritten file either.
    pub(super) is_torn: bool,
}

impl<'a> Scan<'a> {
    /// A walk over `segment` of `log`, which nothing was noted of yet.
    pub(super) fn new(log: LogId, sizes: &'a Sizes, segment: &'a mut Segment, limit: Option<Offset>) -> Self {
        let (end, last_checksum) = (segment.base, segment.previous_checksum);
        let (at, want, is_torn) = (BLOCK as u64, sizes.scan, false);
        Self { log, sizes, segment, limit, at, want, last_checksum, end, is_torn }
    }

    /// Walks to where no further batch follows.
    pub(super) fn run(&mut self, disk: &mut dyn Disk, file: FileId) -> io::Result<()> {
        let file_bytes = self.segment.file_bytes;
        while self.at < file_bytes {
            let origin = self.at - self.at % BLOCK as u64;
            let len = (self.want as u64).next_multiple_of(BLOCK as u64).min(file_bytes - origin);
            let chunk = read(disk, file, origin, usize::try_from(len).unwrap_or(usize::MAX))?;
            if !self.chunk(&chunk, origin, origin + len == file_bytes) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Walks over one chunk; tells whether to go on behind it.
    fn chunk(&mut self, chunk: &Bytes, origin: u64, is_last: bool) -> bool {
        self.want = self.sizes.scan;
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
                        self.take(&batch, origin + at as u64);
                        at += batch.frame().len();
                    }
                    _ => return self.torn(),
                },
                Err(_) if rest.len() < BATCH_HEADER_BYTES && !is_last && !at.is_multiple_of(BLOCK) => {
                    // Too little to tell a header from padding.
                    self.want = self.sizes.scan + BLOCK;
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

    fn take(&mut self, batch: &Batch, position: u64) {
        self.last_checksum = batch.checksum();
        self.end = batch.end();
        if self.limit.is_none_or(|limit| batch.base() < limit) {
            self.segment.take(batch, position, self.sizes.read_block);
            let end = position + batch.frame().len() as u64;
            self.segment.data_bytes = end.next_multiple_of(BLOCK as u64);
        }
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
