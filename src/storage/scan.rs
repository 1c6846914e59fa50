//! Walking the batches of a segment file from front to back, a megabyte at a time: how recovery finds an
//! unsealed segment's end, and how the offline tools verify a sealed one.

use std::io;

use bytes::Bytes;

use crate::platform::{BLOCK, Disk, FileId};
use crate::shard_log::{BATCH_HEADER_BYTES, Batch, BatchError, peek_len};
use crate::types::LogId;

use super::blocking;

/// Bytes read at a time; more only for a batch that is larger.
const SCAN_BYTES: u64 = 1 << 20;

/// Why a walk came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanEnd {
    /// At the position asked for, or where zeros follow: nothing more was written.
    Clean,
    /// Something that is no intact batch of this log stands here.
    Damaged(u64),
    /// The visitor had enough.
    Stopped,
}

/// Part of a file that holds batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) file: FileId,
    pub(super) log: LogId,
    /// First byte, a block boundary.
    pub(super) from: u64,
    /// Byte past the last.
    pub(super) to: u64,
}

/// Shows every intact batch of the extent and its position to `visit`, until that says no.
pub(super) fn scan(
    disk: &mut dyn Disk,
    extent: Extent,
    mut visit: impl FnMut(u64, &Batch) -> bool,
) -> io::Result<ScanEnd> {
    let mut at = extent.from;
    let mut want = SCAN_BYTES;
    while at < extent.to {
        let origin = at - at % BLOCK as u64;
        let len = (at - origin + want).next_multiple_of(BLOCK as u64).min(extent.to - origin);
        let chunk = blocking::read(disk, extent.file, origin, usize::try_from(len).unwrap_or(usize::MAX))?;
        let whole = origin + len == extent.to;
        let (next, outcome) = scan_chunk(&chunk, origin, at, extent.log, &mut visit);
        want = SCAN_BYTES;
        match outcome {
            Chunk::Over(end) => return Ok(end),
            Chunk::Used => {}
            Chunk::Cut(_) if whole => return Ok(ScanEnd::Damaged(next)),
            Chunk::Cut(bytes) => want = bytes,
        }
        at = next;
    }
    Ok(ScanEnd::Clean)
}

/// What became of one chunk.
enum Chunk {
    /// Looked at to its end.
    Used,
    /// The next batch needs so many bytes.
    Cut(u64),
    Over(ScanEnd),
}

fn scan_chunk(
    chunk: &Bytes,
    origin: u64,
    from: u64,
    log: LogId,
    visit: &mut impl FnMut(u64, &Batch) -> bool,
) -> (u64, Chunk) {
    let mut at = usize::try_from(from - origin).unwrap_or(usize::MAX);
    while at < chunk.len() {
        let position = origin + at as u64;
        match peek_len(&chunk[at..]) {
            Ok(len) if at + len > chunk.len() => return (position, Chunk::Cut(len as u64)),
            Ok(len) => match Batch::open(&chunk.slice(at..), log) {
                Ok(batch) if visit(position, &batch) => at += len,
                Ok(_) => return (position, Chunk::Over(ScanEnd::Stopped)),
                Err(_) => return (position, Chunk::Over(ScanEnd::Damaged(position))),
            },
            // A header may straddle two chunks; its first byte is never zero.
            Err(BatchError::Absent) if chunk.len() - at < BATCH_HEADER_BYTES && chunk[at] != 0 => {
                return (position, Chunk::Cut(BATCH_HEADER_BYTES as u64));
            }
            Err(BatchError::Absent) if is_padding(chunk, at) => at = (at + 1).next_multiple_of(BLOCK),
            Err(_) => return (position, Chunk::Over(ScanEnd::Damaged(position))),
        }
    }
    (origin + at as u64, Chunk::Used)
}

/// Zeros up to the next block boundary: the end of a write-behind, or blocks never written.
fn is_padding(chunk: &Bytes, at: usize) -> bool {
    let boundary = (at + 1).next_multiple_of(BLOCK).min(chunk.len());
    chunk[at..boundary].iter().all(|&byte| byte == 0)
}
