//! Gathering appends into batches, each log's in a slot of its own, until a commit takes them.

use std::collections::VecDeque;

use crate::limits;
use crate::platform::BLOCK;
use crate::shard_log::{BatchBuilder, Marks};
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::engine::Engine;
use super::log::Log;
use super::{Ack, StorageError};

/// What an append is promised.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The record's place.
    pub offset: Offset,
    /// The arrival time it was given.
    pub arrival: Timestamp,
    /// Settled when it is committed, or has failed.
    pub ack: Ack,
}

/// A batch being gathered.
pub(super) struct Gathered {
    pub(super) log: LogId,
    pub(super) base: Offset,
    pub(super) builder: BatchBuilder,
    pub(super) ack: Ack,
    pub(super) appended_at: Instant,
}

impl Engine {
    /// Appends one record without marks: see [`Self::append_marked`].
    pub fn append(
        &mut self,
        log_id: LogId,
        partition_key: &[u8],
        data: &[u8],
        wall: Timestamp,
        now: Instant,
    ) -> Result<Appended, StorageError> {
        self.append_marked(log_id, (Marks::default(), partition_key), data, wall, now)
    }

    /// Appends one record to what gathers for the next commit; [`Self::submit`] sends it off.
    pub fn append_marked(
        &mut self,
        log_id: LogId,
        (marks, partition_key): (Marks, &[u8]),
        data: &[u8],
        wall: Timestamp,
        now: Instant,
    ) -> Result<Appended, StorageError> {
        if let Some(reason) = self.stopped() {
            return Err(StorageError::Stopped(reason.to_owned()));
        }
        // Room for less than the next commit is its own to find out.
        if self.is_starved() && !self.journal.has_room(BLOCK as u64) {
            return Err(self.refuse_as_full());
        }
        // Streams can still be deleted, which makes room.
        if self.budget.is_spent && log_id != LogId::CATALOG {
            return Err(StorageError::DataLimit);
        }
        if self.gathered_bytes > self.settings.sizes.gathered {
            return Err(StorageError::Backlog);
        }
        let log = self.logs.get_mut(&log_id).ok_or(StorageError::NoSuchLog(log_id))?;
        if let Some(what) = &log.damage {
            return Err(StorageError::Damaged { log: log_id, what: what.clone() });
        }
        let arrival = wall.max(log.last_arrival);
        let batch_bytes = self.settings.sizes.batch;
        let joins = |open: &BatchBuilder| {
            open.len() + data.len() <= batch_bytes
                && open.count() < limits::BATCH_RECORDS_MAX
                && open.reaches(arrival)
        };
        let slot = slot_for(&mut self.gathered, self.gathered_first, log, joins, now);
        let before = if slot.builder.is_empty() { 0 } else { slot.builder.len() };
        slot.builder.push_marked(marks, partition_key, data, arrival);
        self.gathered_bytes += slot.builder.len() - before;
        let appended = Appended { offset: log.next, arrival, ack: slot.ack.clone() };
        log.last_arrival = arrival;
        log.next = log.next.plus(1);
        Ok(appended)
    }
}

/// The slot a record of `log` joins: the one it is gathering in while that has room, else a new one.
fn slot_for<'a>(
    gathered: &'a mut VecDeque<Gathered>,
    first: u64,
    log: &mut Log,
    joins: impl Fn(&BatchBuilder) -> bool,
    now: Instant,
) -> &'a mut Gathered {
    let open = log
        .gathering
        .and_then(|slot| usize::try_from(slot.checked_sub(first)?).ok())
        .filter(|&slot| gathered.get(slot).is_some_and(|open| joins(&open.builder)));
    let slot = open.unwrap_or_else(|| {
        log.gathering = Some(first + gathered.len() as u64);
        let (builder, ack) = (BatchBuilder::with_capacity(log.usual_batch_bytes()), Ack::default());
        gathered.push_back(Gathered { log: log.id, base: log.next, builder, ack, appended_at: now });
        gathered.len() - 1
    });
    &mut gathered[slot]
}
