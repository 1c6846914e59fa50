//! Events encoded for one consumer that others at the same place can take as they are: under load everyone
//! falls a little behind together, and what gathered meanwhile is then encoded once instead of once each.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::types::{Instant, Offset};

/// Events kept per shard.
const EVENTS_MAX: usize = 4;
/// How long an event's `MillisBehindLatest` stays true enough.
const AGE_MAX: Duration = Duration::from_millis(50);

/// An encoded event and what a subscription has to book for it.
#[derive(Clone, Debug)]
pub(super) struct SharedEvent {
    pub(super) from: Offset,
    pub(super) end: Offset,
    pub(super) records: u64,
    pub(super) payload_bytes: usize,
    pub(super) message: Bytes,
    pub(super) encoded_at: Instant,
}

/// The last few events of one shard that were not a commit's own.
#[derive(Debug, Default)]
pub(super) struct SharedEvents(VecDeque<SharedEvent>);

impl SharedEvents {
    /// The largest event that begins at `from`, holds at most `max_bytes` and is fresh.
    pub(super) fn find(&self, from: Offset, max_bytes: usize, now: Instant) -> Option<SharedEvent> {
        let fits = |event: &&SharedEvent| {
            event.from == from && event.payload_bytes <= max_bytes && now.since(event.encoded_at) <= AGE_MAX
        };
        self.0.iter().filter(fits).max_by_key(|event| event.payload_bytes).cloned()
    }

    /// Keeps an event, in place of the oldest.
    pub(super) fn keep(&mut self, event: SharedEvent) {
        if self.0.len() == EVENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// Forgets all: everyone has moved on.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(from: u64, payload_bytes: usize, at: u64) -> SharedEvent {
        let (from, end) = (Offset(from), Offset(from + 1));
        let encoded_at = Instant::from_nanos(at * 1_000_000);
        SharedEvent { from, end, records: 1, payload_bytes, message: Bytes::new(), encoded_at }
    }

    #[test]
    fn gives_the_largest_that_fits_and_nothing_stale() {
        let mut events = SharedEvents::default();
        events.keep(event(7, 100, 0));
        events.keep(event(7, 900, 0));
        events.keep(event(8, 10, 0));
        let now = Instant::from_nanos(1_000_000);
        assert_eq!(events.find(Offset(7), 1000, now).map(|e| e.payload_bytes), Some(900));
        assert_eq!(events.find(Offset(7), 500, now).map(|e| e.payload_bytes), Some(100));
        assert!(events.find(Offset(7), 50, now).is_none());
        assert!(events.find(Offset(7), 1000, Instant::from_nanos(51_000_000)).is_none());
        for _ in 0..EVENTS_MAX {
            events.keep(event(9, 1, 0));
        }
        assert!(events.find(Offset(7), 1000, now).is_none(), "bounded");
    }
}
