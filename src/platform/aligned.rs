//! A byte buffer whose first byte sits on a block boundary, as `O_DIRECT` demands. Built from an ordinary
//! vector with slack in front, so no unsafe code is needed, and turned into [`Bytes`] without a copy.

use bytes::Bytes;

/// Block size everything is aligned to: covers 512-byte and 4-KiB devices alike.
pub const BLOCK: usize = 4096;

/// Bytes starting on a [`BLOCK`] boundary.
pub struct AlignedBuf {
    /// Slack up to the boundary, then the bytes; never grows beyond its capacity, so it never moves.
    storage: Vec<u8>,
    start: usize,
}

impl AlignedBuf {
    /// A zeroed buffer of `len` bytes.
    pub fn zeroed(len: usize) -> Self {
        let mut storage = vec![0; len + BLOCK];
        let start = slack(storage.as_ptr());
        storage.truncate(start + len);
        Self { storage, start }
    }

    /// An empty buffer that can grow to `capacity` bytes without losing its alignment.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut storage = Vec::with_capacity(capacity + BLOCK);
        let start = slack(storage.as_ptr());
        storage.resize(start, 0);
        Self { storage, start }
    }

    /// Bytes it can hold.
    pub fn capacity(&self) -> usize {
        self.storage.capacity() - self.start
    }

    /// Bytes it holds.
    pub fn len(&self) -> usize {
        self.storage.len() - self.start
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends; the caller stays within the capacity.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.check_room(bytes.len());
        self.storage.extend_from_slice(bytes);
    }

    /// Zero-fills up to the next multiple of [`BLOCK`].
    pub fn pad_to_block(&mut self) {
        let padding = self.len().next_multiple_of(BLOCK) - self.len();
        self.check_room(padding);
        self.storage.resize(self.storage.len() + padding, 0);
    }

    /// Growing beyond the capacity would move the bytes off their boundary.
    fn check_room(&self, bytes: usize) {
        assert!(self.len() + bytes <= self.capacity(), "an aligned buffer does not grow");
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.storage.truncate(self.start);
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.storage[self.start..]
    }

    /// The bytes, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..]
    }

    /// The same bytes, shareable, without a copy.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.storage).slice(self.start..)
    }
}

/// Bytes from the start of a vector's memory to the next boundary.
fn slack(memory: *const u8) -> usize {
    let start = memory.align_offset(BLOCK);
    debug_assert!(start < BLOCK, "a byte vector can always be aligned");
    start
}

impl std::fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_block_and_keeps_its_bytes() {
        let mut buf = AlignedBuf::with_capacity(3 * BLOCK);
        buf.extend_from_slice(b"record");
        buf.pad_to_block();
        assert_eq!(buf.as_slice().as_ptr().align_offset(BLOCK), 0);
        assert_eq!(buf.len(), BLOCK);
        let bytes = buf.into_bytes();
        assert_eq!(&bytes[..8], b"record\0\0");
    }
}
