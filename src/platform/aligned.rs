//! A byte buffer whose first byte sits on a block boundary, as `O_DIRECT` demands. Built from an ordinary
//! vector with slack in front, so no unsafe code is needed, and turned into [`Bytes`] without a copy.

use bytes::Bytes;

/// Block size everything is aligned to: covers 512-byte and 4-KiB devices alike.
pub const BLOCK: usize = 4096;

/// `len` bytes starting on a [`BLOCK`] boundary.
pub struct AlignedBuf {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuf {
    /// A zeroed buffer of `len` bytes.
    pub fn zeroed(len: usize) -> Self {
        let storage = vec![0; len + BLOCK];
        let start = storage.as_ptr().align_offset(BLOCK);
        debug_assert!(start < BLOCK, "a byte vector can always be aligned");
        Self { storage, start, len }
    }

    /// An empty buffer that can grow to `capacity` bytes without losing its alignment.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut buf = Self::zeroed(capacity);
        buf.len = 0;
        buf
    }

    /// Bytes it can hold.
    pub fn capacity(&self) -> usize {
        self.storage.len() - self.start
    }

    /// Bytes it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends; the caller stays within the capacity.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let at = self.start + self.len;
        self.storage[at..at + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Zero-fills up to the next multiple of [`BLOCK`].
    pub fn pad_to_block(&mut self) {
        let padded = self.len.next_multiple_of(BLOCK);
        let at = self.start;
        self.storage[at + self.len..at + padded].fill(0);
        self.len = padded;
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.len]
    }

    /// The bytes, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.start + self.len]
    }

    /// The same bytes, shareable, without a copy.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.storage).slice(self.start..self.start + self.len)
    }
}

impl std::fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuf").field("len", &self.len).finish_non_exhaustive()
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
