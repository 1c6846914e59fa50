//! A run cut into periods of equal length: what changes over time.

use std::time::Duration;

use crate::latency::Latency;
use crate::units::{index, nanos};

/// Periods told apart; what comes later counts to the last of them.
const PERIODS_MAX: usize = 1000;

/// Where the periods of a run begin.
#[derive(Clone, Copy)]
pub(crate) struct Periods {
    start_ns: u64,
    every_ns: u64,
}

impl Periods {
    /// Periods of this length, the first from `start_ns` on.
    pub(crate) fn new(start_ns: u64, every: Duration) -> Self {
        Self { start_ns, every_ns: nanos(every).max(1) }
    }

    /// The number of the period that holds this moment.
    pub(crate) fn at(&self, at_ns: u64) -> usize {
        index(at_ns.saturating_sub(self.start_ns) / self.every_ns).min(PERIODS_MAX - 1)
    }
}

/// Something of each period so far; a period nobody has told of is empty.
#[derive(Clone)]
pub(crate) struct ByPeriod<T>(Vec<T>);

impl<T> Default for ByPeriod<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> ByPeriod<T> {
    /// That of one period, made if it is new.
    pub(crate) fn of(&mut self, period: usize, empty: impl Fn() -> T) -> &mut T {
        if period >= self.0.len() {
            self.0.resize_with(period + 1, empty);
        }
        &mut self.0[period]
    }

    /// That of one period, if it was told of.
    pub(crate) fn get(&self, period: usize) -> Option<&T> {
        self.0.get(period)
    }

    /// All in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl ByPeriod<Latency> {
    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (period, theirs) in other.0.iter().enumerate() {
            self.of(period, Latency::new).add(theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_the_start_and_are_bounded() {
        let periods = Periods::new(1_000, Duration::from_nanos(10));
        assert_eq!(
            [0, 1_000, 1_009, 1_010, u64::MAX].map(|at| periods.at(at)),
            [0, 0, 0, 1, PERIODS_MAX - 1]
        );
    }

    #[test]
    fn a_period_nobody_told_of_is_empty() {
        let (mut mine, mut theirs) = (ByPeriod::default(), ByPeriod::default());
        mine.of(0, Latency::new).record(5_000_000);
        theirs.of(2, Latency::new).record(7_000_000);
        mine.add(&theirs);
        assert_eq!(mine.iter().map(Latency::count).collect::<Vec<_>>(), [1, 0, 1]);
    }
}
