//! A histogram as it is kept: a count for each bucket and the sum, all atomic. Recording finds the bucket and
//! adds twice; nothing is allocated, folded or forgotten, whatever the rate.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::HistogramFn;

/// What sums of seconds are counted in.
const NANOS_PER_SEC: f64 = 1e9;

/// Counts of values by upper bound.
pub(super) struct Distribution {
    bounds: &'static [f64],
    /// One for each bound, and one for what lies above all of them.
    counts: Box<[AtomicU64]>,
    /// In `unit`s, so that it can be added to in one step.
    sum: AtomicU64,
    unit: f64,
}

/// A distribution at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// Upper bounds of the buckets but the last.
    pub bounds: &'static [f64],
    /// Values in each bucket, those below it left out; one more than there are bounds.
    pub counts: Vec<u64>,
    /// All values added up.
    pub sum: f64,
}

impl Distribution {
    /// An empty one of seconds.
    pub(super) fn of_seconds(bounds: &'static [f64]) -> Self {
        Self::new(bounds, NANOS_PER_SEC)
    }

    /// An empty one of whole numbers.
    pub(super) fn of_numbers(bounds: &'static [f64]) -> Self {
        Self::new(bounds, 1.0)
    }

    fn new(bounds: &'static [f64], unit: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0), unit }
    }

    /// What it holds now.
    pub(super) fn read(&self) -> Counts {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let sum = self.sum.load(Ordering::Relaxed) as f64 / self.unit;
        Counts { bounds: self.bounds, counts, sum }
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket].fetch_add(count as u64, Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "a value too large for the sum saturates")]
        let amount = (value * self.unit) as u64;
        self.sum.fetch_add(amount.saturating_mul(count as u64), Ordering::Relaxed);
    }
}

impl Counts {
    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What came since `earlier`, of the same distribution.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let both = self.counts.iter().zip(&earlier.counts);
        let counts = both.map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { bounds: self.bounds, counts, sum: (self.sum - earlier.sum).max(0.0) }
    }

    /// The value below which `quantile` of the values lie, as Prometheus estimates it: evenly spread within a
    /// bucket, the highest bound for what lies above all; `None` without values.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let wanted = self.total() as f64 * quantile;
        let mut below = 0.0;
        for (at, &count) in self.counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let Some(&upper) = self.bounds.get(at) else { break };
            if below + count as f64 >= wanted {
                let lower = if at == 0 { 0.0 } else { self.bounds[at - 1] };
                return Some(lower + (upper - lower) * (wanted - below) / count as f64);
            }
            below += count as f64;
        }
        self.bounds.last().copied().filter(|_| self.total() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[f64] = &[0.001, 0.01, 0.1];

    #[test]
    fn a_value_counts_in_the_bucket_whose_bound_it_does_not_exceed() {
        let distribution = Distribution::of_seconds(BOUNDS);
        for value in [0.0, 0.001, 0.002, 0.1, 7.5] {
            distribution.record(value);
        }
        let counts = distribution.read();
        assert_eq!((counts.counts.as_slice(), counts.total()), (&[2, 1, 1, 1][..], 5));
        assert!((counts.sum - 7.603).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let distribution = Distribution::of_seconds(BOUNDS);
        assert_eq!(distribution.read().quantile(0.5), None);
        distribution.record_many(0.005, 90);
        distribution.record_many(0.05, 10);
        let counts = distribution.read();
        let close = |quantile, value: f64| {
            (counts.quantile(quantile).expect("there are values") - value).abs() < 1e-9
        };
        assert!(close(0.45, 0.0055) && close(0.9, 0.01) && close(0.95, 0.055));
        distribution.record_many(3.0, 1000);
        assert_eq!(distribution.read().quantile(0.9), Some(0.1));
        assert_eq!(distribution.read().since(&counts).total(), 1000);
    }

    #[test]
    fn whole_numbers_add_up_whole() {
        let distribution = Distribution::of_numbers(&[10.0]);
        distribution.record_many(4.0, 3);
        assert!((distribution.read().sum - 12.0).abs() < f64::EPSILON);
    }
}
