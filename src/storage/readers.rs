//! Everyone who reads behind the tail: a cursor for each, whose turn it is to ask the disk, who waits for a
//! cursor to become free. Decides only.

use std::collections::{BTreeMap, VecDeque};

use crate::limits;
use crate::types::{LogId, Offset};

use super::Sizes;
use super::cursor::{Cursor, Waiter};
use super::read::From;

/// A block on its way: whose it is, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockId {
    pub(super) cursor: u64,
    pub(super) base: Offset,
    pub(super) at: u64,
}

/// The cursors of one engine.
#[derive(Default)]
pub(super) struct Readers {
    cursors: BTreeMap<u64, Cursor>,
    next_id: u64,
    /// Cursors that want a block, in turn.
    wanting: VecDeque<u64>,
    /// Readers for whom there is no cursor yet.
    pub(super) waiting: VecDeque<(LogId, Waiter)>,
    pub(super) in_flight: usize,
    /// Blocks asked for since the last commit began.
    since_commit: usize,
}

impl Readers {
    /// The cursor a reader goes on with.
    pub(super) fn find(&self, log: LogId, from: From) -> Option<u64> {
        self.cursors.iter().find(|(_, cursor)| cursor.covers(log, from)).map(|(&id, _)| id)
    }

    /// A new cursor, in place of the one nobody has come back to for longest if there are too many; `None` if
    /// all are busy.
    pub(super) fn begin(&mut self, log: LogId, from: From) -> Option<u64> {
        if self.cursors.len() >= limits::READERS_KEPT_MAX {
            let idle = self.cursors.iter().filter(|(_, cursor)| cursor.is_idle());
            let &oldest = idle.max_by_key(|(id, cursor)| (cursor.idle_ticks, u64::MAX - **id))?.0;
            self.cursors.remove(&oldest);
        }
        self.next_id += 1;
        self.cursors.insert(self.next_id, Cursor::new(log, from));
        Some(self.next_id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Cursor> {
        self.cursors.get_mut(&id)
    }

    /// Puts a cursor in line if it wants a block.
    pub(super) fn queue(&mut self, id: u64) {
        let ahead_max = self.ahead_max();
        if let Some(cursor) = self.cursors.get_mut(&id)
            && cursor.wants_block(ahead_max)
            && !cursor.is_queued
        {
            cursor.is_queued = true;
            self.wanting.push_back(id);
        }
    }

    /// The next cursor in line that still wants a block.
    pub(super) fn next_in_line(&mut self) -> Option<u64> {
        let ahead_max = self.ahead_max();
        while let Some(id) = self.wanting.pop_front() {
            if let Some(cursor) = self.cursors.get_mut(&id) {
                cursor.is_queued = false;
                if cursor.wants_block(ahead_max) {
                    return Some(id);
                }
            }
        }
        None
    }

    /// Bytes a reader may have in advance. No more than a few ever hold the larger number: where there are
    /// more readers, it is given to none.
    fn ahead_max(&self) -> usize {
        let are_few = self.cursors.len() <= limits::READERS_FEW_MAX;
        if are_few { limits::READ_AHEAD_BYTES_OF_FEW } else { limits::READ_AHEAD_BYTES }
    }

    /// A reader that waits for a cursor, if one can be had now.
    pub(super) fn next_waiting(&mut self) -> Option<(LogId, Waiter)> {
        let has_room =
            self.cursors.len() < limits::READERS_KEPT_MAX || self.cursors.values().any(Cursor::is_idle);
        if has_room { self.waiting.pop_front() } else { None }
    }

    /// A commit begins: for a while reads are small, so that the next one finds little before it.
    pub(super) fn note_commit(&mut self) {
        self.since_commit = 0;
    }

    /// Notes that a block is asked for.
    pub(super) fn begin_block(&mut self) {
        self.in_flight += 1;
        self.since_commit = self.since_commit.saturating_add(1);
    }

    /// Bytes of the next block.
    pub(super) fn block_bytes(&self, sizes: &Sizes) -> usize {
        if self.has_company() { sizes.read_block_small.min(sizes.read_block) } else { sizes.read_block }
    }

    /// Whether there were commits lately.
    fn has_company(&self) -> bool {
        self.since_commit < limits::READS_AFTER_COMMIT
    }

    /// Blocks that may be on their way at once.
    pub(super) fn in_flight_max(&self, is_committing: bool) -> usize {
        if is_committing || self.has_company() {
            limits::READS_BESIDE_COMMIT_MAX
        } else {
            limits::READS_IN_FLIGHT_MAX
        }
    }

    /// Whether nobody waits for the disk.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight == 0 && self.wanting.is_empty() && self.waiting.is_empty()
    }

    /// Forgets the places of readers that have not come back for a while.
    pub(super) fn tick(&mut self) {
        self.cursors.retain(|_, cursor| {
            cursor.idle_ticks += 1;
            cursor.idle_ticks < limits::READER_IDLE_TICKS_MAX || !cursor.is_idle()
        });
    }

    /// Forgets the cursors of a log that is gone; gives everyone who waits at one, or for one.
    pub(super) fn forget(&mut self, log: LogId) -> Vec<Waiter> {
        let at_cursors = self.cursors.extract_if(.., |_, cursor| cursor.log == log);
        let mut waiters: Vec<_> = at_cursors.flat_map(|(_, mut cursor)| cursor.give_up()).collect();
        let (theirs, others) = self.waiting.drain(..).partition(|(waiting, _)| *waiting == log);
        self.waiting = others;
        let theirs: VecDeque<(LogId, Waiter)> = theirs;
        waiters.extend(theirs.into_iter().map(|(_, waiter)| waiter));
        waiters
    }
}
