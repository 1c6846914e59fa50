//! The figures that are put side by side, and what is noise in each.

use crate::latency::Summary;
use crate::report::Report;

/// A median differs by so much between two runs of one binary on one quiet machine.
const NOISE_OF_MEDIAN: f64 = 0.10;
/// A 99th percentile does by so much.
const NOISE_OF_P99: f64 = 0.25;
/// A rate, or the processor time of a delivery.
const NOISE_OF_RATE: f64 = 0.05;
/// Latencies that differ by less are the same, whatever the ratio: it is what waking a thread takes.
const NOISE_MS: f64 = 0.05;

/// Which way is better, and whether it is judged at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    Less,
    More,
    /// One pause of the disk decides it: shown, not judged.
    Unjudged,
}

/// What a difference amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No more than two runs of the same differ by.
    Noise,
    /// More than that, but no more than is tolerated.
    Tolerated,
    /// Beyond noise, to the good.
    Better,
    /// More than is tolerated.
    Worse,
    /// Shown only, or not measured on both sides.
    Unjudged,
}

/// One figure of both.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) a: Option<f64>,
    pub(crate) b: Option<f64>,
    /// Second to first.
    pub(crate) ratio: Option<f64>,
    pub(crate) noise: f64,
    pub(crate) verdict: Verdict,
}

/// A figure: its name, which way is better, its noise, and the smallest difference that counts.
struct Figure {
    name: &'static str,
    better: Better,
    noise: f64,
    least: f64,
    of: fn(&Report) -> Option<f64>,
}

const fn latency(name: &'static str, better: Better, noise: f64, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { name, better, noise, least: NOISE_MS, of }
}

const fn plain(name: &'static str, better: Better, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { name, better, noise: NOISE_OF_RATE, least: 0.0, of }
}

const FIGURES: [Figure; 17] = [
    latency("put to push p50, ms", Better::Less, NOISE_OF_MEDIAN, |r| {
        some(&r.latency_ms.put_to_push, |s| s.p50)
    }),
    latency("put to push p90, ms", Better::Less, NOISE_OF_P99, |r| {
        some(&r.latency_ms.put_to_push, |s| s.p90)
    }),
    latency("put to push p99, ms", Better::Less, NOISE_OF_P99, |r| {
        some(&r.latency_ms.put_to_push, |s| s.p99)
    }),
    latency("put to push p99.9, ms", Better::Unjudged, NOISE_OF_P99, |r| {
        some(&r.latency_ms.put_to_push, |s| s.p99_9)
    }),
    latency("put to push max, ms", Better::Unjudged, NOISE_OF_P99, |r| {
        some(&r.latency_ms.put_to_push, |s| s.max)
    }),
    latency("last consumer p50, ms", Better::Less, NOISE_OF_MEDIAN, |r| {
        some(&r.latency_ms.last_of_all, |s| s.p50)
    }),
    latency("last consumer p99, ms", Better::Less, NOISE_OF_P99, |r| {
        some(&r.latency_ms.last_of_all, |s| s.p99)
    }),
    latency("put to ack p50, ms", Better::Less, NOISE_OF_MEDIAN, |r| some(&r.latency_ms.put_ack, |s| s.p50)),
    latency("put to ack p99, ms", Better::Less, NOISE_OF_P99, |r| some(&r.latency_ms.put_ack, |s| s.p99)),
    latency("put to pull p50, ms", Better::Less, NOISE_OF_MEDIAN, |r| {
        some(&r.latency_ms.put_to_pull, |s| s.p50)
    }),
    latency("bare synced write p50, ms", Better::Unjudged, NOISE_OF_MEDIAN, |r| {
        r.disk.as_ref().map(|disk| disk.latency_ms.p50)
    }),
    plain("puts per second", Better::More, |r| positive(r.throughput.acked_per_sec)),
    plain("deliveries per second", Better::More, |r| positive(r.throughput.pushed_per_sec)),
    plain("catching up, MiB/s", Better::More, |r| r.catch_up.as_ref().map(|pace| pace.mib_per_sec_median)),
    Figure {
        name: "server CPU per delivery, us",
        better: Better::Less,
        noise: NOISE_OF_MEDIAN,
        least: 0.1,
        of: |r| r.cost.server_cpu_us_per_delivery.and_then(positive),
    },
    plain("server cores", Better::Unjudged, |r| r.cost.server_cores),
    plain("load average before", Better::Unjudged, |r| Some(r.machine.load_average)),
];

fn some(summary: &Summary, of: fn(&Summary) -> f64) -> Option<f64> {
    (summary.count > 0).then(|| of(summary))
}

fn positive(x: f64) -> Option<f64> {
    (x > 0.0).then_some(x)
}

/// Every figure that at least one of them has.
pub(super) fn rows(a: &Report, b: &Report, tolerance: f64) -> Vec<Row> {
    let row = |figure: &Figure| {
        let (x, y) = ((figure.of)(a), (figure.of)(b));
        x.or(y)?;
        let ratio = x.zip(y).map(|(x, y)| y / x).filter(|ratio| ratio.is_finite());
        let verdict = x.zip(y).map_or(Verdict::Unjudged, |(x, y)| figure.judge(x, y, tolerance));
        Some(Row { name: figure.name, a: x, b: y, ratio, noise: figure.noise, verdict })
    };
    FIGURES.iter().filter_map(row).collect()
}

impl Figure {
    /// By which factor the second is worse: below one it is better, whichever way that is.
    fn judge(&self, a: f64, b: f64, tolerance: f64) -> Verdict {
        let worse = match self.better {
            Better::Less => b / a,
            Better::More => a / b,
            Better::Unjudged => return Verdict::Unjudged,
        };
        if (a - b).abs() <= self.least || (1.0 / (1.0 + self.noise)..=1.0 + self.noise).contains(&worse) {
            return Verdict::Noise;
        }
        match worse {
            worse if worse < 1.0 => Verdict::Better,
            worse if worse > 1.0 + tolerance => Verdict::Worse,
            _ => Verdict::Tolerated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_tolerance_and_direction_are_told_apart() {
        let less = latency("", Better::Less, 0.25, |_| None);
        assert_eq!(
            [1.2, 1.28, 1.4, 0.7].map(|b| less.judge(1.0, b, 0.3)),
            [Verdict::Noise, Verdict::Tolerated, Verdict::Worse, Verdict::Better]
        );
        assert_eq!(less.judge(0.02, 0.06, 0.3), Verdict::Noise, "three times as much, of next to nothing");
        let more = plain("", Better::More, |_| None);
        assert_eq!(
            [98.0, 90.0, 60.0, 120.0].map(|b| more.judge(100.0, b, 0.3)),
            [Verdict::Noise, Verdict::Tolerated, Verdict::Worse, Verdict::Better]
        );
        assert_eq!(plain("", Better::Unjudged, |_| None).judge(1.0, 99.0, 0.3), Verdict::Unjudged);
    }
}
