//! One reader's way through a log on disk: the blocks asked for, the batches unpacked and not taken yet, who
//! waits. Read-ahead is kept here: a reader that comes back where it left off finds the next batches in
//! memory and the blocks behind them on their way. Decides only; the engine reads.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::limits;
use crate::shard_log::Batch;
use crate::types::{LogId, Offset};

use super::StorageError;
use super::log::take_bytes;
use super::read::{From, ReadReply};
use super::unpack::{Extent, Unpacker};

/// A read that was asked for.
pub(super) struct Waiter {
    pub(super) from: From,
    pub(super) max_bytes: usize,
    pub(super) reply: oneshot::Sender<ReadReply>,
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Byte of the file.
    pub(super) at: u64,
    /// How far it goes.
    pub(super) extent: Extent,
    /// Offset of the first batch, as the index says.
    pub(super) begins: Option<Offset>,
}

/// A block to be read from a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Which segment: its first offset.
    pub(super) base: Offset,
    pub(super) at: u64,
    pub(super) len: usize,
    /// Set where a walk begins.
    pub(super) start: Option<Start>,
}

struct Block {
    place: Place,
    bytes: Option<Bytes>,
}

/// A reader's place and what was read for it.
pub(super) struct Cursor {
    pub(super) log: LogId,
    /// Where it begins: what lies before is of no use.
    start: From,
    /// Everything from here on that was unpacked is here. `None` until a search by time has found its place.
    begin: Option<Offset>,
    /// Offset past the last batch unpacked.
    end: Offset,
    /// The segment being read, up to where it was asked for, and up to where it was believed then.
    pub(super) reading: Option<(Offset, u64, Extent)>,
    blocks: VecDeque<Block>,
    unpacker: Option<Unpacker>,
    batches: VecDeque<Batch>,
    bytes: usize,
    waiters: VecDeque<Waiter>,
    /// Who was served here came back for more.
    is_sequential: bool,
    /// The most anyone asked for at a time.
    asked_bytes_max: usize,
    /// There is no block to ask for.
    pub(super) is_exhausted: bool,
    has_failed: bool,
    /// Waits for its turn to ask for a block.
    pub(super) is_queued: bool,
    pub(super) idle_ticks: u32,
}

impl Cursor {
    pub(super) fn new(log: LogId, start: From) -> Self {
        let begin = match start {
            From::Offset(offset) => Some(offset),
            From::Time(_) => None,
        };
        Self {
            log,
            start,
            begin,
            end: begin.unwrap_or_default(),
            reading: None,
            blocks: VecDeque::new(),
            unpacker: None,
            batches: VecDeque::new(),
            bytes: 0,
            waiters: VecDeque::new(),
            is_sequential: false,
            asked_bytes_max: 0,
            is_exhausted: false,
            has_failed: false,
            is_queued: false,
            idle_ticks: 0,
        }
    }

    /// Where it begins to read.
    pub(super) fn start(&self) -> From {
        self.start
    }

    /// Whether a reader at `from` finds the next batch here, now or with a block to come.
    pub(super) fn covers(&self, log: LogId, from: From) -> bool {
        let From::Offset(offset) = from else { return false };
        let goes_on = !self.has_failed && !self.is_exhausted;
        let is_here =
            |begin: Offset| begin <= offset && (offset < self.end || (offset == self.end && goes_on));
        self.log == log && self.begin.is_some_and(is_here)
    }

    /// Takes a reader in.
    pub(super) fn ask(&mut self, waiter: Waiter) {
        self.is_sequential |= self.reading.is_some();
        self.asked_bytes_max = self.asked_bytes_max.max(waiter.max_bytes);
        self.idle_ticks = 0;
        if let From::Offset(offset) = waiter.from
            && self.waiters.is_empty()
        {
            self.forget_before(offset);
        }
        self.waiters.push_back(waiter);
        self.answer();
    }

    /// Nobody waits and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiters.is_empty() && self.blocks.is_empty()
    }

    /// Whether blocks it asked for are on their way.
    pub(super) fn has_more_coming(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Whether a further block should be asked for: in advance as much as was asked for at a time, within
    /// `ahead_max`, but what every reader may have in any case.
    pub(super) fn wants_block(&self, ahead_max: usize) -> bool {
        let ahead = self.asked_bytes_max.min(ahead_max).max(limits::READ_AHEAD_BYTES);
        let coming: usize = self.blocks.iter().map(|block| block.place.len).sum();
        let is_short = match (self.waiters.is_empty(), self.is_sequential) {
            (false, _) if self.blocks.is_empty() => true,
            (_, true) => self.bytes + coming < ahead,
            (_, false) => false,
        };
        is_short
            && !self.is_exhausted
            && !self.has_failed
            && self.blocks.len() < limits::READ_AHEAD_BLOCKS_MAX
    }

    /// Offset past what was unpacked, if nothing more is on its way.
    pub(super) fn settled_end(&self) -> Option<Offset> {
        (self.blocks.is_empty() && self.begin.is_some()).then_some(self.end)
    }

    /// A block was asked for.
    pub(super) fn asked_for(&mut self, place: Place) {
        let extent = match (place.start, self.reading) {
            (Some(Start { extent, .. }), _) | (None, Some((_, _, extent))) => extent,
            (None, None) => return debug_assert!(false, "a walk has a start"),
        };
        self.reading = Some((place.base, place.at + place.len as u64, extent));
        self.blocks.push_back(Block { place, bytes: None });
    }

    /// A block has come; blocks are unpacked in order, whichever comes first.
    pub(super) fn arrived(&mut self, base: Offset, at: u64, bytes: Bytes) -> Result<(), StorageError> {
        let is_it = |block: &&mut Block| (block.place.base, block.place.at) == (base, at);
        if let Some(block) = self.blocks.iter_mut().find(is_it) {
            block.bytes = Some(bytes);
        }
        let unpacked = self.unpack_arrived();
        // What lies before damage is of use all the same.
        self.answer();
        unpacked
    }

    fn unpack_arrived(&mut self) -> Result<(), StorageError> {
        while self.blocks.front().is_some_and(|block| block.bytes.is_some()) {
            let Some(Block { place, bytes: Some(bytes) }) = self.blocks.pop_front() else { break };
            self.unpack(place, bytes)?;
        }
        Ok(())
    }

    fn unpack(&mut self, place: Place, mut bytes: Bytes) -> Result<(), StorageError> {
        if let Some(Start { at, extent, begins }) = place.start {
            let previous = self.unpacker.as_ref().and_then(Unpacker::last_checksum);
            self.unpacker = Some(Unpacker::new(self.log, at, extent, previous).beginning_at(begins));
            bytes = bytes.split_off(usize::try_from(at - place.at).unwrap_or_default());
        }
        let Some(mut unpacker) = self.unpacker.take() else { return Ok(()) };
        let walked = unpacker.take(bytes, |_, batch| self.keep(batch));
        self.unpacker = Some(unpacker);
        walked.map_err(|damage| {
            let what = format!("segment from offset {}, byte {}: no intact batch", place.base, damage.at);
            StorageError::Damaged { log: self.log, what }
        })
    }

    fn keep(&mut self, batch: Batch) {
        if !is_wanted(&batch, self.start) {
            return;
        }
        self.begin.get_or_insert(batch.base());
        self.end = batch.end();
        self.bytes += batch.frame().len();
        self.batches.push_back(batch);
    }

    fn forget_before(&mut self, offset: Offset) {
        while let Some(batch) = self.batches.front().filter(|batch| batch.end() <= offset) {
            self.begin = Some(batch.end());
            self.bytes -= batch.frame().len();
            self.batches.pop_front();
        }
    }

    /// Answers everyone whose batch is here.
    fn answer(&mut self) {
        while let Some(waiter) = self.waiters.front() {
            let first = self.batches.iter().position(|batch| is_wanted(batch, waiter.from));
            if first.is_none() && !waiter.reply.is_closed() {
                return;
            }
            let Some(waiter) = self.waiters.pop_front() else { return };
            let wanted = self.batches.range(first.unwrap_or(self.batches.len())..);
            // A reader that has gone does not mind.
            let _ = waiter.reply.send(Ok(take_bytes(wanted, waiter.max_bytes)));
        }
    }

    /// Nothing more can be read for it: those who wait go elsewhere, what is here stays.
    pub(super) fn give_up(&mut self) -> Vec<Waiter> {
        self.has_failed = true;
        self.blocks.clear();
        self.waiters.drain(..).collect()
    }
}

fn is_wanted(batch: &Batch, from: From) -> bool {
    match from {
        From::Offset(offset) => batch.end() > offset,
        From::Time(time) => batch.last_arrival() >= time,
    }
}
