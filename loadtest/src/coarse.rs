//! Histograms of which a run keeps many: one for each consumer, one for each slice of the time.
//!
//! Two digits are enough to draw, and a sixteenth of the memory of a [`Latency`](crate::latency::Latency).

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::units::f64_of;

/// From 4 µs to a minute: what is faster or slower counts as that, the worst is kept beside.
const LOWEST_NS: u64 = 4_000;
const HIGHEST_NS: u64 = 60_000_000_000;
/// 1 % of the value: 12 KiB a histogram.
const FINE_DIGITS: u8 = 2;
/// 10 % of the value: 2 KiB a histogram.
const ROUGH_DIGITS: u8 = 1;

/// Latencies in nanoseconds, to two digits or to one.
#[derive(Clone)]
pub(crate) struct Coarse {
    histogram: Histogram<u32>,
    max_ns: u64,
}

/// What is drawn of one, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Brief {
    /// How many were measured.
    pub(crate) count: u64,
    /// Median.
    pub(crate) p50: f64,
    /// 99 %.
    pub(crate) p99: f64,
    /// The worst.
    pub(crate) max: f64,
}

impl Coarse {
    /// Nothing measured yet; to 1 % of the value.
    pub(crate) fn fine() -> Self {
        Self::new(FINE_DIGITS)
    }

    /// Nothing measured yet; to 10 % of the value.
    pub(crate) fn rough() -> Self {
        Self::new(ROUGH_DIGITS)
    }

    fn new(digits: u8) -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, digits);
        Self { histogram: histogram.expect("the bounds are ordered"), max_ns: 0 }
    }

    /// Adds one.
    pub(crate) fn record(&mut self, ns: u64) {
        self.max_ns = self.max_ns.max(ns);
        self.histogram.saturating_record(ns);
    }

    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.max_ns = self.max_ns.max(other.max_ns);
        self.histogram.add(&other.histogram).expect("all histograms have the same bounds");
    }

    /// What is drawn of it. The worst is exact, and no quantile lies above it.
    pub(crate) fn brief(&self) -> Brief {
        if self.histogram.is_empty() {
            return Brief::default();
        }
        let at = |q: f64| f64_of(self.histogram.value_at_quantile(q).min(self.max_ns)) / 1e6;
        Brief { count: self.histogram.len(), p50: at(0.5), p99: at(0.99), max: f64_of(self.max_ns) / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_as_near_as_the_digits_say_and_the_worst_is_exact() {
        for (mut coarse, within) in [(Coarse::fine(), 0.01), (Coarse::rough(), 0.1)] {
            (1..=1000).for_each(|us| coarse.record(us * 10_000));
            let mut whole = coarse.clone();
            whole.add(&coarse);
            let brief = whole.brief();
            assert_eq!((brief.count, brief.max), (2000, 10.0));
            assert!((brief.p50 / 5.0 - 1.0).abs() <= within && (brief.p99 / 9.9 - 1.0).abs() <= within);
        }
        assert_eq!(Coarse::fine().brief(), Brief::default());
    }

    #[test]
    fn a_thousand_consumers_take_little_memory() {
        let cells = |coarse: Coarse| coarse.histogram.distinct_values() * size_of::<u32>();
        assert!(cells(Coarse::fine()) <= 14 << 10, "{}", cells(Coarse::fine()));
        assert!(cells(Coarse::rough()) <= 3 << 10, "{}", cells(Coarse::rough()));
    }
}
