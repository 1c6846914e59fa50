//! A file seen through a window of a megabyte or so that moves on with the reader.

use std::io;

use bytes::Bytes;

use crate::limits;
use crate::platform::{BLOCK, Disk, FileId};
use crate::storage::read_blocking;

/// An open file; closed by [`Self::close`].
pub(super) struct Window {
    file: FileId,
    /// Size of the file, in whole blocks: what no disk trait can read is not looked at.
    pub(super) bytes: u64,
    origin: u64,
    held: Bytes,
}

impl Window {
    pub(super) fn open(disk: &mut dyn Disk, path: &str) -> io::Result<Self> {
        let (file, bytes) = disk.open(path)?;
        Ok(Self { file, bytes: bytes - bytes % BLOCK as u64, origin: 0, held: Bytes::new() })
    }

    pub(super) fn close(self, disk: &mut dyn Disk) {
        disk.close(self.file);
    }

    /// At least `len` bytes from `at` on, or what there is up to the end of the file.
    pub(super) fn get(&mut self, disk: &mut dyn Disk, at: u64, len: usize) -> io::Result<Bytes> {
        if at >= self.bytes {
            return Ok(Bytes::new());
        }
        let until = (at + len as u64).min(self.bytes);
        if at < self.origin || until > self.origin + self.held.len() as u64 {
            let origin = at - at % BLOCK as u64;
            let wanted = (until - origin).max(limits::SCAN_BYTES as u64).next_multiple_of(BLOCK as u64);
            let len = usize::try_from(wanted.min(self.bytes - origin)).unwrap_or(usize::MAX);
            self.held = read_blocking(disk, self.file, origin, len)?;
            self.origin = origin;
        }
        Ok(self.held.slice(usize::try_from(at - self.origin).unwrap_or(usize::MAX)..))
    }
}
