//! What happened when: latencies and counts of a run by slices of its time, whatever its length.
//!
//! A latency counts to the slice its record was *due* in; a count to the slice in which it came.

use std::time::Duration;

use crate::coarse::Coarse;
use crate::periods::{ByPeriod, Periods};
use crate::units::{count, nanos};

/// Slices of a run at most: those of a longer one are longer. Bounds what each thread keeps to 8 MB.
const SLICES_MAX: u64 = 600;
/// A run below this is cut into slices of a fifth of a second, any other into seconds at least.
const SHORT: Duration = Duration::from_secs(10);
const SLICE_OF_SHORT: Duration = Duration::from_millis(200);

/// Where the slices begin, for all threads.
#[derive(Clone, Copy)]
pub(crate) struct Timeline {
    start_ns: u64,
    periods: Periods,
    /// How long each is.
    pub(crate) every: Duration,
}

impl Timeline {
    /// Slices for a run of about this length.
    pub(crate) fn new(start_ns: u64, span: Duration) -> Self {
        let secs = span.as_secs().div_ceil(SLICES_MAX).max(1);
        let every = if span < SHORT { SLICE_OF_SHORT } else { Duration::from_secs(secs) };
        Self { start_ns, periods: Periods::new(start_ns, every), every }
    }

    /// The slice that holds this moment; none before the start. The last holds all that is later.
    pub(crate) fn at(&self, at_ns: u64) -> Option<usize> {
        let slice = self.periods.at(at_ns);
        (at_ns >= self.start_ns).then(|| slice.min(usize::try_from(SLICES_MAX).unwrap_or(usize::MAX)))
    }

    /// When a slice begins, in nanoseconds after the start.
    pub(crate) fn begins_ns(&self, slice: usize) -> u64 {
        count(slice) * nanos(self.every)
    }
}

/// One road's latencies and counts in one slice.
#[derive(Clone)]
pub(crate) struct Slice {
    /// Of the records due in it.
    pub(crate) latency: Coarse,
    /// Records that came in it.
    pub(crate) records: u64,
    /// Their bytes, data and partition keys.
    pub(crate) bytes: u64,
}

impl Slice {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { latency: Coarse::fine(), records: 0, bytes: 0 }
    }
}

/// One road's slices.
pub(crate) type Slices = ByPeriod<Slice>;

impl Slices {
    /// Notes how long a record took that was due then.
    pub(crate) fn took(&mut self, timeline: Option<&Timeline>, due_ns: u64, latency_ns: u64) {
        if let Some(slice) = timeline.and_then(|timeline| timeline.at(due_ns)) {
            self.of(slice, Slice::new).latency.record(latency_ns);
        }
    }

    /// Notes that records came now.
    pub(crate) fn came(&mut self, timeline: Option<&Timeline>, now_ns: u64, records: u64, bytes: u64) {
        if let Some(slice) = timeline.and_then(|timeline| timeline.at(now_ns)) {
            let slice = self.of(slice, Slice::new);
            slice.records += records;
            slice.bytes += bytes;
        }
    }

    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (at, theirs) in other.iter().enumerate() {
            let mine = self.of(at, Slice::new);
            mine.latency.add(&theirs.latency);
            mine.records += theirs.records;
            mine.bytes += theirs.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_with_the_run_and_are_bounded() {
        let every = |secs| Timeline::new(0, Duration::from_secs(secs)).every;
        assert_eq!([3, 10, 600].map(every), [SLICE_OF_SHORT, Duration::from_secs(1), Duration::from_secs(1)]);
        assert_eq!(every(3600), Duration::from_secs(6));
        let timeline = Timeline::new(1_000, Duration::from_secs(10));
        assert_eq!((timeline.at(999), timeline.at(1_000)), (None, Some(0)));
        assert_eq!(timeline.at(u64::MAX), Some(600));
    }

    #[test]
    fn a_latency_counts_when_it_was_due_a_record_when_it_came() {
        let timeline = Timeline::new(0, Duration::from_secs(10));
        let mut slices = Slices::default();
        slices.took(Some(&timeline), 500_000_000, 2_000_000_000);
        slices.came(Some(&timeline), 2_500_000_000, 1, 1032);
        let mut whole = Slices::default();
        whole.add(&slices);
        let seen: Vec<_> =
            whole.iter().map(|slice| (slice.latency.brief().count, slice.records, slice.bytes)).collect();
        assert_eq!(seen, [(1, 0, 0), (0, 0, 0), (0, 1, 1032)]);
    }
}
