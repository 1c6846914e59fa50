//! Latency histograms and the rows made of them.

use std::io::{self, Write};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::units::f64_of;

const LOWEST_NS: u64 = 1_000;
const HIGHEST_NS: u64 = 3_600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies in nanoseconds, three significant digits from 1 µs to an hour.
#[derive(Clone)]
pub(crate) struct Latency(Histogram<u64>);

/// The quantiles of one histogram, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// How many were measured.
    pub(crate) count: u64,
    /// Median.
    pub(crate) p50: f64,
    /// 90 %.
    pub(crate) p90: f64,
    /// 99 %.
    pub(crate) p99: f64,
    /// 99.9 %.
    pub(crate) p99_9: f64,
    /// The worst.
    pub(crate) max: f64,
}

impl Latency {
    /// Nothing measured yet.
    pub(crate) fn new() -> Self {
        Self(
            Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
                .expect("the bounds are ordered"),
        )
    }

    /// Adds one; beyond an hour it counts as an hour.
    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// How many were measured.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The quantiles.
    pub(crate) fn summary(&self) -> Summary {
        let at = |q: f64| f64_of(self.0.value_at_quantile(q)) / 1e6;
        if self.0.is_empty() {
            return Summary::default();
        }
        Summary {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
        }
    }

    /// Writes the percentile distribution as HdrHistogram's plotters read it, in milliseconds.
    pub(crate) fn write_hgrm(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:>12} {:>14} {:>10} {:>14}\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        )?;
        let mut total = 0;
        for step in self.0.iter_quantiles(5) {
            total += step.count_since_last_iteration();
            let (value, quantile) = (f64_of(step.value_iterated_to()) / 1e6, step.quantile_iterated_to());
            writeln!(out, "{value:>12.3} {quantile:>14.12} {total:>10} {:>14.2}", 1.0 / (1.0 - quantile))?;
        }
        let (mean, deviation) = (self.0.mean() / 1e6, self.0.stdev() / 1e6);
        writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]")?;
        writeln!(
            out,
            "#[Max     = {:>12.3}, Total count    = {:>12}]",
            f64_of(self.0.max()) / 1e6,
            self.0.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_milliseconds_of_what_was_recorded() {
        let mut latency = Latency::new();
        assert_eq!(latency.summary().count, 0);
        (1..=1000).for_each(|ms| latency.record(ms * 1_000_000));
        let row = latency.summary();
        assert_eq!(row.count, 1000);
        assert!((row.p50 - 500.0).abs() < 1.0 && (row.p99 - 990.0).abs() < 1.0 && row.max >= 1000.0);
        let mut text = Vec::new();
        latency.write_hgrm(&mut text).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("Total count    =         1000"));
    }
}
