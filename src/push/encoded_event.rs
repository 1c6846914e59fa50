//! An encoded event with what a subscription has to book for it, and the three ways to come by one: of a
//! commit, of what a reader behind has read, of another one whose head has gone stale.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use crate::limits;
use crate::shard_log::{Batch, Record};
use crate::types::{Instant, Offset, Timestamp};

use super::{EventEncoder, ShardIdentity};

/// How long an event's `MillisBehindLatest` stays true enough.
const FRESH: Duration = Duration::from_millis(50);

/// An encoded event and what a subscription has to book for it.
#[derive(Clone, Debug)]
pub(super) struct EncodedEvent {
    pub(super) from: Offset,
    pub(super) end: Offset,
    pub(super) first_arrival: Timestamp,
    pub(super) last_arrival: Timestamp,
    pub(super) records: u64,
    pub(super) payload_bytes: usize,
    pub(super) message: Bytes,
    /// Where in the message its records are.
    pub(super) records_at: Range<usize>,
    pub(super) encoded_at: Instant,
}

/// From where an event is encoded: whose records, and how far they are behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vantage {
    pub(super) identity: ShardIdentity,
    /// The shard's tip; none once it is gone.
    pub(super) tip: Option<Offset>,
    pub(super) wall: Timestamp,
    pub(super) now: Instant,
}

impl EncodedEvent {
    /// The whole batch as one event, the same for everyone at the tip.
    pub(super) fn of_batch(identity: ShardIdentity, batch: &Batch, now: Instant) -> Self {
        let expected = (batch.count() as usize, batch.payload_bytes());
        let mut event = EventEncoder::begin(identity, batch.end(), batch.last_arrival(), 0, expected);
        batch.records().for_each(|record| event.record(&record));
        Self {
            from: batch.base(),
            end: batch.end(),
            first_arrival: batch.first_arrival(),
            last_arrival: batch.last_arrival(),
            records: u64::from(batch.count()),
            payload_bytes: batch.payload_bytes(),
            records_at: event.records_at(),
            message: event.finish(),
            encoded_at: now,
        }
    }

    /// One event of the records from `from` on that arrived at `horizon` or later: about `max_bytes` of
    /// payload, at least one record. None if there is none.
    pub(super) fn of_records(
        batches: &[Batch],
        from: Offset,
        horizon: Timestamp,
        max_bytes: usize,
        vantage: &Vantage,
    ) -> Option<Self> {
        let (taken, payload_bytes) = take_records(batches, from, horizon, max_bytes);
        let (first, last) = (taken.first()?, taken.last()?);
        let end = last.offset.plus(1);
        let mut event = vantage.begin(end, last.arrival, (taken.len(), payload_bytes));
        taken.iter().for_each(|record| event.record(record));
        Some(Self {
            from,
            end,
            first_arrival: first.arrival,
            last_arrival: last.arrival,
            records: taken.len() as u64,
            payload_bytes,
            records_at: event.records_at(),
            message: event.finish(),
            encoded_at: vantage.now,
        })
    }

    /// The same with a head that tells how far behind it is now: its records are taken over as they are.
    pub(super) fn renewed(self, vantage: &Vantage) -> Self {
        let records = &self.message[self.records_at.clone()];
        let mut event = vantage.begin(self.end, self.last_arrival, (0, records.len() / 4 * 3));
        event.encoded_records(records);
        Self { records_at: event.records_at(), message: event.finish(), encoded_at: vantage.now, ..self }
    }

    /// Whether it can be sent as it is, as far as its `MillisBehindLatest` goes.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.since(self.encoded_at) <= FRESH
    }
}

impl Vantage {
    fn begin(&self, end: Offset, last_arrival: Timestamp, expected: (usize, usize)) -> EventEncoder {
        let at_tip = self.tip.is_none_or(|tip| end >= tip);
        let behind = if at_tip { 0 } else { self.wall.millis_since(last_arrival) };
        EventEncoder::begin(self.identity, end, last_arrival, behind, expected)
    }
}

/// Records from `from` on that arrived at `horizon` or later, about `max_bytes` of payload, at least one; and
/// their payload's bytes.
fn take_records(
    batches: &[Batch],
    from: Offset,
    horizon: Timestamp,
    max_bytes: usize,
) -> (Vec<Record>, usize) {
    let mut taken: Vec<Record> = Vec::new();
    let mut bytes = 0;
    let is_due = |record: &Record| record.offset >= from && record.arrival >= horizon;
    for record in batches.iter().flat_map(Batch::records).filter(is_due) {
        let full = bytes + record.payload_bytes() > max_bytes || taken.len() == limits::EVENT_RECORDS_MAX;
        if full && !taken.is_empty() {
            break;
        }
        bytes += record.payload_bytes();
        taken.push(record);
    }
    (taken, bytes)
}
