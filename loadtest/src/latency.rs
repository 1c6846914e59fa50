//! Latency histograms, and the rows and curves made of them.

use std::io::{self, Write};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::units::f64_of;

const LOWEST_NS: u64 = 1_000;
const HIGHEST_NS: u64 = 3_600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;
/// Cells of a histogram between two powers of two, as HdrHistogram's footer has it: three digits take 2,048.
const SUB_BUCKETS: u32 = 2_048;
/// Points of a curve between two halvings of what is left above.
const TICKS_PER_HALF: u32 = 5;

/// Latencies in nanoseconds, three significant digits from 1 µs to an hour.
#[derive(Clone)]
pub(crate) struct Latency(Histogram<u64>);

/// The quantiles of one histogram, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Summary {
    /// How many were measured.
    pub(crate) count: u64,
    /// The mean.
    pub(crate) mean: f64,
    /// 10 %.
    pub(crate) p10: f64,
    /// 25 %.
    pub(crate) p25: f64,
    /// Median.
    pub(crate) p50: f64,
    /// 75 %.
    pub(crate) p75: f64,
    /// 90 %.
    pub(crate) p90: f64,
    /// 95 %.
    pub(crate) p95: f64,
    /// 99 %.
    pub(crate) p99: f64,
    /// 99.9 %.
    pub(crate) p99_9: f64,
    /// 99.99 %.
    pub(crate) p99_99: f64,
    /// The worst.
    pub(crate) max: f64,
}

/// One point of a percentile curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurvePoint {
    /// The share of all that took this long or less, from 0 to 1.
    pub(crate) quantile: f64,
    /// How long.
    pub(crate) ms: f64,
    /// How many that is.
    pub(crate) count: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
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
            mean: self.0.mean() / 1e6,
            p10: at(0.1),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: at(1.0),
        }
    }

    /// The percentile curve, denser the nearer it comes to the worst.
    pub(crate) fn curve(&self) -> Vec<CurvePoint> {
        let mut count = 0;
        let point = |step: hdrhistogram::iterators::IterationValue<u64>| {
            count += step.count_since_last_iteration();
            let ms = f64_of(step.value_iterated_to()) / 1e6;
            CurvePoint { quantile: step.quantile_iterated_to(), ms, count }
        };
        self.0.iter_quantiles(TICKS_PER_HALF).map(point).collect()
    }

    /// Writes the percentile distribution as HdrHistogram's plotters read it, in milliseconds. The last line
    /// has no fourth column, as 1/(1-1) is no number.
    pub(crate) fn write_hgrm(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = ("Value", "Percentile", "TotalCount", "1/(1-Percentile)");
        writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", columns.0, columns.1, columns.2, columns.3)?;
        for CurvePoint { quantile, ms, count } in self.curve() {
            write!(out, "{ms:>12.3} {quantile:>14.12} {count:>10}")?;
            match 1.0 / (1.0 - quantile) {
                inverse if inverse.is_finite() => writeln!(out, " {inverse:>14.2}")?,
                _ => writeln!(out)?,
            }
        }
        let (mean, deviation) = (self.0.mean() / 1e6, self.0.stdev() / 1e6);
        let (max, count) = (f64_of(self.0.max()) / 1e6, self.0.len());
        writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]")?;
        writeln!(out, "#[Max     = {max:>12.3}, Total count    = {count:>12}]")?;
        writeln!(out, "#[Buckets = {:>12}, SubBuckets     = {SUB_BUCKETS:>12}]", self.0.buckets())
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
    }

    /// What HdrHistogram's own plotters rely on: a heading, four columns of which the first three never fall, the
    /// fourth being 1/(1 - percentile) and left out at 100 %, then a footer in the same unit.
    #[test]
    fn an_hgrm_is_what_hdrhistogram_writes_itself() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|ms| latency.record(ms * 1_000_000));
        let mut text = Vec::new();
        latency.write_hgrm(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines();
        let heading: Vec<_> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(heading, ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
        assert_eq!(lines.next(), Some(""));
        let (rows, footer): (Vec<&str>, Vec<&str>) = lines.partition(|line| !line.starts_with('#'));
        let numbers = |row: &&str| row.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let rows: Vec<Vec<f64>> = rows.iter().map(numbers).collect();
        for pair in rows.windows(2) {
            assert!((0..3).all(|column| pair[0][column] <= pair[1][column]), "{pair:?}");
            let inverse = 1.0 / (1.0 - pair[0][1]);
            assert!((pair[0][3] - inverse).abs() <= 0.01, "{pair:?}");
        }
        let median = rows.iter().find(|row| row[1] >= 0.5).unwrap();
        assert!((median[0] - 500.0).abs() < 1.0, "milliseconds: {median:?}");
        assert_eq!(rows.last().map(|row| (row.len(), row[1], row[2])), Some((3, 1.0, 1000.0)));
        let figure = |name: &str| -> f64 {
            let line = footer.iter().find(|line| line.contains(name)).unwrap();
            let after = line.split(name).nth(1).unwrap().trim_start_matches([' ', '=']);
            after.split([',', ']']).next().unwrap().trim().parse().unwrap()
        };
        assert!((figure("Mean") - 500.5).abs() < 1.0 && (figure("StdDeviation") - 288.7).abs() < 1.0);
        assert!((figure("Max") - 1000.0).abs() < 1.0, "{footer:?}");
        assert_eq!((figure("Total count"), figure("SubBuckets")), (1000.0, 2048.0));
    }
}
