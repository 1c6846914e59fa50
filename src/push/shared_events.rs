//! A shard's encoded events that are kept for who comes to the same place later: under load everyone falls
//! behind, not quite together, and what gathered is then encoded once instead of once each.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::limits::{
    EVENT_BYTES_BEHIND, SHARED_EVENTS_BYTES_MAX, SHARED_EVENTS_BYTES_OF_SHARD_MAX, SHARED_EVENTS_OF_SHARD_MAX,
};
use crate::types::{Instant, Offset, Timestamp};

use super::encoded_event::EncodedEvent;

/// A commit that holds less goes into a larger event together with those behind it.
const SHARED_COMMIT_BYTES_MIN: usize = EVENT_BYTES_BEHIND / 4;
/// How long an event is kept that nobody renews, and commits' events are kept at all without anybody asking:
/// those who read are further by then.
const KEPT: Duration = Duration::from_secs(1);

/// Bytes that all shards' events hold.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedBytes(Rc<Cell<usize>>);

impl SharedBytes {
    /// How many there are.
    pub(super) fn bytes(&self) -> usize {
        self.0.get()
    }
}

/// The last events of one shard, in the order they first came.
#[derive(Debug, Default)]
pub(super) struct SharedEvents {
    events: VecDeque<EncodedEvent>,
    /// When somebody behind last asked for one.
    asked_at: Option<Instant>,
    bytes: usize,
    bytes_of_all: SharedBytes,
}

impl SharedEvents {
    /// Holds nothing yet; what it will hold counts among the bytes of all.
    pub(super) fn new(bytes_of_all: SharedBytes) -> Self {
        Self { events: VecDeque::new(), asked_at: None, bytes: 0, bytes_of_all }
    }

    /// The largest event that begins at `from`, holds at most `max_bytes` and nothing that arrived before
    /// `horizon`.
    pub(super) fn find(
        &mut self,
        from: Offset,
        max_bytes: usize,
        horizon: Timestamp,
        now: Instant,
    ) -> Option<EncodedEvent> {
        self.asked_at = Some(now);
        let fits = |event: &&EncodedEvent| {
            event.from == from && event.payload_bytes <= max_bytes && event.first_arrival >= horizon
        };
        self.events.iter().filter(fits).max_by_key(|event| event.payload_bytes).cloned()
    }

    /// Keeps a commit's event that not everyone took, if somebody is catching up and would take it as it is.
    pub(super) fn keep_commit(&mut self, event: EncodedEvent, now: Instant) {
        self.forget_old(now);
        let is_asked_for = self.asked_at.is_some_and(|asked_at| now.since(asked_at) <= KEPT);
        if is_asked_for && (SHARED_COMMIT_BYTES_MIN..=EVENT_BYTES_BEHIND).contains(&event.payload_bytes) {
            self.keep(event);
        }
    }

    /// Keeps an event, in place of the same one encoded earlier and of the oldest.
    pub(super) fn keep(&mut self, event: EncodedEvent) {
        let same = |other: &EncodedEvent| other.from == event.from && other.end == event.end;
        if let Some(at) = self.events.iter().position(same) {
            self.replace(at, event);
        } else {
            self.forget_old(event.encoded_at);
            self.append(event);
        }
    }

    fn replace(&mut self, at: usize, event: EncodedEvent) {
        self.uncount(self.events[at].message.len());
        self.count(event.message.len());
        self.events[at] = event;
    }

    fn append(&mut self, event: EncodedEvent) {
        let bytes = event.message.len();
        while self.events.len() == SHARED_EVENTS_OF_SHARD_MAX
            || (self.bytes + bytes > SHARED_EVENTS_BYTES_OF_SHARD_MAX && !self.events.is_empty())
        {
            self.forget_first();
        }
        if self.bytes_of_all.0.get() + bytes <= SHARED_EVENTS_BYTES_MAX {
            self.count(bytes);
            self.events.push_back(event);
        }
    }

    /// Forgets what nobody has renewed for long.
    fn forget_old(&mut self, now: Instant) {
        while self.events.front().is_some_and(|event| now.since(event.encoded_at) > KEPT) {
            self.forget_first();
        }
    }

    /// Forgets all: everyone has moved on.
    pub(super) fn clear(&mut self) {
        while !self.events.is_empty() {
            self.forget_first();
        }
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.bytes_of_all.0.set(self.bytes_of_all.0.get() + bytes);
    }

    fn uncount(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.bytes_of_all.0.set(self.bytes_of_all.0.get() - bytes);
    }

    fn forget_first(&mut self) {
        let bytes = self.events.pop_front().map_or(0, |event| event.message.len());
        self.uncount(bytes);
    }
}

impl Drop for SharedEvents {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ALL: Timestamp = Timestamp::from_millis(0);

    fn event(from: u64, payload_bytes: usize, at: u64) -> EncodedEvent {
        EncodedEvent {
            from: Offset(from),
            end: Offset(from + payload_bytes as u64),
            first_arrival: Timestamp::from_millis(at),
            last_arrival: Timestamp::from_millis(at),
            records: 1,
            payload_bytes,
            message: Bytes::from(vec![0; payload_bytes]),
            records_at: 0..payload_bytes,
            encoded_at: at_millis(at),
        }
    }

    fn at_millis(at: u64) -> Instant {
        Instant::from_nanos(at * 1_000_000)
    }

    fn found(events: &mut SharedEvents, from: u64, max_bytes: usize) -> Option<usize> {
        events.find(Offset(from), max_bytes, ALL, at_millis(0)).map(|event| event.payload_bytes)
    }

    #[test]
    fn gives_the_largest_that_fits_and_nothing_past_retention() {
        let mut events = SharedEvents::default();
        events.keep(event(7, 100, 0));
        events.keep(event(7, 900, 0));
        events.keep(event(8, 10, 0));
        assert_eq!(found(&mut events, 7, 1000), Some(900));
        assert_eq!(found(&mut events, 7, 500), Some(100));
        assert_eq!(found(&mut events, 7, 50), None);
        assert!(events.find(Offset(7), 1000, Timestamp::from_millis(1), at_millis(1)).is_none());
    }

    #[test]
    fn an_event_goes_stale_and_takes_its_own_place_once_renewed() {
        let mut events = SharedEvents::default();
        events.keep(event(7, 100, 0));
        assert!(!events.find(Offset(7), 100, ALL, at_millis(51)).unwrap().is_fresh(at_millis(51)));
        events.keep(event(7, 100, 51));
        assert!(events.find(Offset(7), 100, ALL, at_millis(51)).unwrap().is_fresh(at_millis(51)));
        assert_eq!(events.bytes, 100);
        events.forget_old(at_millis(1052));
        assert_eq!((found(&mut events, 7, 100), events.bytes), (None, 0));
    }

    #[test]
    fn large_commits_are_kept_while_somebody_behind_asks() {
        let (large, now) = (SHARED_COMMIT_BYTES_MIN, at_millis(0));
        let mut events = SharedEvents::default();
        events.keep_commit(event(7, large, 0), now);
        assert_eq!(found(&mut events, 7, large), None, "nobody had asked");
        events.keep_commit(event(7, large - 1, 0), now);
        assert_eq!(found(&mut events, 7, large), None, "too small");
        events.keep_commit(event(7, large, 0), now);
        assert_eq!(found(&mut events, 7, large), Some(large));
        events.keep_commit(event(8, large, 1001), at_millis(1001));
        assert!(events.events.is_empty(), "nobody asks any more");
    }

    #[test]
    fn is_bounded_by_events_by_bytes_and_by_the_bytes_of_all() {
        let all = SharedBytes::default();
        let mut events = SharedEvents::new(all.clone());
        (0..=SHARED_EVENTS_OF_SHARD_MAX as u64).for_each(|from| events.keep(event(from, 1, 0)));
        assert_eq!((found(&mut events, 0, 1), found(&mut events, 1, 1)), (None, Some(1)));
        let most = SHARED_EVENTS_BYTES_OF_SHARD_MAX;
        events.keep(event(1000, most, 0));
        assert_eq!((events.events.len(), events.bytes), (1, most));
        let mut more: Vec<_> = (0..SHARED_EVENTS_BYTES_MAX / most)
            .map(|_| {
                let mut events = SharedEvents::new(all.clone());
                events.keep(event(0, most, 0));
                events
            })
            .collect();
        assert_eq!(all.0.get(), SHARED_EVENTS_BYTES_MAX);
        assert_eq!(more.last_mut().and_then(|last| found(last, 0, most)), None);
        drop((events, more));
        assert_eq!(all.0.get(), 0);
    }
}
