//! Payloads this thread has decoded and found right, so that the next consumer's copy is compared, not
//! decoded.
//!
//! Every consumer gets the same bytes. Comparing a copy with one that was verified proves as much as
//! verifying it again and costs a third, which is what keeps the tool ahead of a server that encodes each
//! event once.

use crate::payload::{self, Header};
use crate::units::index;

/// Consumers of one thread are rarely further apart than this many records; if they are, payloads are decoded
/// again.
const SLOTS: u64 = 1024;
/// Larger payloads would push everything else out of the cache, and decoding them is no longer the greater
/// cost.
const MAX_KEPT_BYTES: usize = 4 << 10;

/// A direct-mapped table of payloads by where they stand in the stream.
pub(crate) struct Verified {
    slots: Vec<Slot>,
    scratch: Vec<u8>,
}

#[derive(Clone, Default)]
struct Slot {
    identity: u64,
    base64: Vec<u8>,
    header: Option<Header>,
}

impl Verified {
    /// A table for a thread with many consumers.
    pub(crate) fn shared() -> Self {
        Self { slots: vec![Slot::default(); index(SLOTS)], scratch: Vec::new() }
    }

    /// No table: for a lone reader each payload is new.
    pub(crate) fn none() -> Self {
        Self { slots: Vec::new(), scratch: Vec::new() }
    }

    /// The header of a payload that is right in every byte.
    pub(crate) fn header(&mut self, identity: u64, base64: &[u8]) -> Option<Header> {
        let at = index((identity >> 48) % SLOTS);
        if let Some(slot) =
            self.slots.get(at).filter(|slot| slot.identity == identity && slot.base64 == base64)
        {
            return slot.header;
        }
        self.scratch.clear();
        base64_simd::STANDARD.decode_append(base64, &mut self.scratch).ok()?;
        let header = payload::decode(&self.scratch)?;
        if let Some(slot) = self.slots.get_mut(at).filter(|_| base64.len() <= MAX_KEPT_BYTES) {
            (slot.identity, slot.header) = (identity, Some(header));
            slot.base64.clear();
            slot.base64.extend_from_slice(base64);
        }
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_must_equal_what_was_verified_or_be_right_itself() {
        let mut record = Vec::new();
        let mut base64 = |sequence| {
            let header = Header { run: 1, producer: 0, sequence, intended_ns: 2, floor: 0 };
            payload::encode(&header, 100, &mut record);
            (header, base64_simd::STANDARD.encode_to_string(&record).into_bytes())
        };
        let ((one, first), (two, second)) = (base64(1), base64(2));
        for mut verified in [Verified::shared(), Verified::none()] {
            for _ in 0..2 {
                assert_eq!(verified.header(7, &first), Some(one));
            }
            let mut broken = first.clone();
            broken[60] ^= 1;
            assert_eq!(verified.header(7, &broken), None);
            assert_eq!(verified.header(7, &second), Some(two));
        }
    }
}
