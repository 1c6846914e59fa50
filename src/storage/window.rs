//! A sliding window over a file that is read from its start to its end, so that no file is held whole.

use std::io;

use bytes::Bytes;

use crate::platform::{BLOCK, Disk, FileId};

use super::blocking::read;

/// What of a file is in memory at the moment.
pub(super) struct Window {
    file: FileId,
    file_bytes: u64,
    chunk: usize,
    origin: u64,
    bytes: Bytes,
}

impl Window {
    /// A window over `file`, read `chunk` bytes at a time.
    pub(super) fn new(file: FileId, file_bytes: u64, chunk: usize) -> Self {
        Self { file, file_bytes, chunk, origin: 0, bytes: Bytes::new() }
    }

    /// The bytes from `at` on, a block boundary: `len` of them at least, or all up to the file's end.
    pub(super) fn at(&mut self, disk: &mut dyn Disk, at: u64, len: usize) -> io::Result<Bytes> {
        let left = self.file_bytes.saturating_sub(at);
        let wanted = left.min(len as u64);
        let held = self.origin + self.bytes.len() as u64;
        if at < self.origin || at + wanted > held {
            let bytes = (len.max(self.chunk).next_multiple_of(BLOCK) as u64).min(left);
            self.bytes = read(disk, self.file, at, usize::try_from(bytes).unwrap_or(usize::MAX))?;
            self.origin = at;
        }
        Ok(self.bytes.slice(usize::try_from(at - self.origin).unwrap_or(usize::MAX)..))
    }
}
