//! Taking batches out of a segment's bytes as they come, block by block: each verified, each following the
//! one before. Nothing is read twice: a batch that one block begins and the next one ends is put together
//! here; all others stay where they are in their block. Pure: it is handed the blocks.

use bytes::{Buf, Bytes, BytesMut};

use crate::platform::BLOCK;
use crate::seeded::{self, Bug};
use crate::shard_log::{BATCH_HEADER_BYTES, Batch, peek_len};
use crate::types::{LogId, Offset};

/// Up to where a segment is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes from the start of the file.
    pub(super) data_bytes: u64,
    /// Offset past the last record.
    pub(super) end: Offset,
}

/// No intact batch begins at this byte of the file, although one should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) at: u64,
}

/// A walk over the batches of a segment.
#[derive(Debug)]
pub(super) struct Unpacker {
    log: LogId,
    /// Position in the file of the next batch (or of the padding before it).
    at: u64,
    extent: Extent,
    /// Offset past the last batch.
    reached: Offset,
    /// Checksum of the batch before the next one, if that is known.
    previous: Option<u32>,
    /// Offset the first batch begins at, if the index says so: an intact batch of the same log may stand
    /// there by a misdirected write.
    begins: Option<Offset>,
    /// What the blocks so far hold of a batch that goes on in the next one.
    carry: BytesMut,
}

impl Unpacker {
    /// A walk that begins at a batch's first byte.
    pub(super) fn new(log: LogId, at: u64, extent: Extent, previous: Option<u32>) -> Self {
        let (reached, begins, carry) = (Offset::ZERO, None, BytesMut::new());
        Self { log, at, extent, reached, previous, begins, carry }
    }

    /// The same where the first batch is known to begin at this offset.
    pub(super) fn beginning_at(self, begins: Option<Offset>) -> Self {
        Self { begins, ..self }
    }

    /// Whether the last batch was met. What lies behind it in its block is not looked at.
    pub(super) fn is_done(&self) -> bool {
        self.reached >= self.extent.end
    }

    /// Checksum of the last batch.
    pub(super) fn last_checksum(&self) -> Option<u32> {
        self.previous
    }

    /// Takes the block that goes on where the one before it ended (the first one: where the walk begins), and
    /// shows each batch with its position.
    pub(super) fn take(&mut self, mut block: Bytes, mut show: impl FnMut(u64, Batch)) -> Result<(), Damage> {
        while !self.is_done() {
            let zeros = self.padding(&block)?;
            block.advance(zeros);
            self.at += zeros as u64;
            let Some(frame) = self.frame(&mut block)? else { return self.expect_more() };
            let batch = match Batch::open(&frame, self.log) {
                Err(_) if seeded::is(Bug::DamageSkipped) => {
                    (self.at, self.previous) = (self.at + frame.len() as u64, None);
                    continue;
                }
                opened => opened.map_err(|_| self.damage())?,
            };
            let follows = self.previous.is_none_or(|previous| previous == batch.previous_checksum());
            if !follows || self.begins.take().is_some_and(|begins| begins != batch.base()) {
                return Err(self.damage());
            }
            let position = self.at;
            self.at += frame.len() as u64;
            self.previous = Some(batch.checksum());
            self.reached = batch.end();
            show(position, batch);
        }
        Ok(())
    }

    /// Zeros before the next batch: up to the next block boundary, if what begins here is no batch.
    fn padding(&self, block: &Bytes) -> Result<usize, Damage> {
        let is_padding = self.carry.is_empty() && block.first() == Some(&0);
        let zeros = usize::try_from(self.at.next_multiple_of(BLOCK as u64) - self.at).unwrap_or_default();
        if !is_padding || zeros == 0 {
            return Ok(0);
        }
        let are_zeros = block.get(..zeros).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0));
        if are_zeros { Ok(zeros) } else { Err(self.damage()) }
    }

    /// The bytes of the next batch; none if they end in a block to come.
    fn frame(&mut self, block: &mut Bytes) -> Result<Option<Bytes>, Damage> {
        if self.carry.is_empty()
            && let Ok(len) = peek_len(block)
            && len <= block.len()
        {
            return Ok(Some(block.split_to(len)));
        }
        if !self.gather(block, BATCH_HEADER_BYTES) {
            return Ok(None);
        }
        let len = peek_len(&self.carry).map_err(|_| self.damage())?;
        if self.at + len as u64 > self.extent.data_bytes {
            return Err(self.damage());
        }
        self.carry.reserve(len.saturating_sub(self.carry.len()));
        Ok(self.gather(block, len).then(|| self.carry.split().freeze()))
    }

    /// Moves bytes over until `len` have gathered; tells whether they have.
    fn gather(&mut self, block: &mut Bytes, len: usize) -> bool {
        let missing = len.saturating_sub(self.carry.len()).min(block.len());
        self.carry.extend_from_slice(&block.split_to(missing));
        self.carry.len() >= len
    }

    /// A walk that has not met its last batch must have bytes ahead.
    fn expect_more(&self) -> Result<(), Damage> {
        let looked_at = self.at + self.carry.len() as u64;
        if looked_at < self.extent.data_bytes { Ok(()) } else { Err(self.damage()) }
    }

    fn damage(&self) -> Damage {
        Damage { at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard_log::{BatchBuilder, Link};
    use crate::types::Timestamp;

    const LOG: LogId = LogId(3);

    /// Batches of these payloads, as one write-behind each lays them out; and where each begins.
    fn segment(writes: &[&[usize]]) -> (Bytes, Vec<u64>, Extent) {
        let (mut bytes, mut positions) = (vec![0; BLOCK], Vec::new());
        let (mut offset, mut previous) = (Offset::ZERO, 7);
        for write in writes {
            for &payload in *write {
                let mut builder = BatchBuilder::default();
                builder.push(b"k", &vec![9; payload], Timestamp::from_millis(5));
                let link = Link { checksum: previous, ..Link::default() };
                let batch = builder.seal(LOG, offset, 1, link);
                (offset, previous) = (batch.end(), batch.checksum());
                positions.push(bytes.len() as u64);
                bytes.extend_from_slice(batch.frame());
            }
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        let extent = Extent { data_bytes: bytes.len() as u64, end: offset };
        (Bytes::from(bytes), positions, extent)
    }

    /// Walks over `bytes` in blocks of `block` bytes: the positions of batches, and where it found damage.
    fn walk(bytes: &Bytes, extent: Extent, block: usize) -> (Vec<u64>, Option<u64>) {
        let mut unpacker = Unpacker::new(LOG, BLOCK as u64, extent, Some(7));
        let mut found = Vec::new();
        for start in (BLOCK..bytes.len()).step_by(block) {
            let block = bytes.slice(start..bytes.len().min(start + block));
            if let Err(damage) = unpacker.take(block, |at, _| found.push(at)) {
                return (found, Some(damage.at));
            }
        }
        assert!(unpacker.is_done());
        (found, None)
    }

    const WRITES: [&[usize]; 4] = [&[1, 3900, 60, 20], &[9000], &[4096 - 64 - 12 - 1], &[5, 8000, 4000]];

    #[test]
    fn every_batch_is_found_whatever_the_blocks() {
        let (bytes, positions, extent) = segment(&WRITES);
        for block in [BLOCK, 2 * BLOCK, 16 * BLOCK] {
            assert_eq!(walk(&bytes, extent, block), (positions.clone(), None), "blocks of {block}");
        }
    }

    #[test]
    fn no_flipped_bit_of_a_batch_or_of_padding_goes_unseen() {
        let (bytes, positions, extent) = segment(&WRITES);
        for at in (BLOCK..bytes.len()).step_by(13) {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            let (found, damage) = walk(&Bytes::from(flipped), extent, BLOCK);
            let behind_the_last = at as u64 >= positions.last().copied().unwrap_or_default() + 4077;
            assert_eq!(damage.is_none(), behind_the_last, "byte {at}");
            assert!(found.iter().all(|position| positions.contains(position)));
        }
    }

    #[test]
    fn a_length_that_leads_out_of_the_segment_is_damage_at_once() {
        let (bytes, positions, extent) = segment(&[&[100], &[200]]);
        let mut longer = bytes.to_vec();
        longer[usize::try_from(positions[1]).unwrap() + 11] = 0x7f;
        assert_eq!(walk(&Bytes::from(longer), extent, BLOCK), (vec![positions[0]], Some(positions[1])));
    }

    #[test]
    fn bytes_behind_the_believed_end_are_not_looked_at() {
        let (bytes, positions, _) = segment(&[&[100, 200]]);
        let mut torn = bytes.to_vec();
        torn[usize::try_from(positions[1]).unwrap()] ^= 1;
        let believed = Extent { data_bytes: bytes.len() as u64, end: Offset(1) };
        assert_eq!(walk(&Bytes::from(torn), believed, BLOCK), (vec![positions[0]], None));
    }
}
