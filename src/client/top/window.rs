//! The last few looks at the metrics: what they say together of rates and quantiles. A counter that falls
//! was reset by a restart, and counts from nothing.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::TOP_LOOKS_MAX;
use crate::telemetry::names;
use crate::types::Instant;

use super::exposition::{Labels, Scrape};

/// Looks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    looks: VecDeque<(Instant, Scrape)>,
}

impl Window {
    /// Takes a look; the oldest of too many is forgotten.
    pub(super) fn push(&mut self, at: Instant, scrape: Scrape) {
        if self.looks.len() == TOP_LOOKS_MAX {
            self.looks.pop_front();
        }
        self.looks.push_back((at, scrape));
    }

    /// The latest look.
    pub(super) fn latest(&self) -> Option<&Scrape> {
        self.looks.back().map(|(_, scrape)| scrape)
    }

    /// A stream's open shards, if the server tells.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn shards(&self, stream: &str) -> Option<u64> {
        // Written as a whole number, if at all.
        self.latest()?.sum(names::SHARDS, &[("stream", stream)]).map(|shards| shards as u64)
    }

    /// From the oldest look to the latest.
    pub(super) fn span(&self) -> Duration {
        let ends = (self.looks.front(), self.looks.back());
        if let (Some((first, _)), Some((last, _))) = ends { last.since(*first) } else { Duration::ZERO }
    }

    /// A counter's increase per second over the window; `None` where it is not counted, or once only.
    pub(super) fn rate(&self, name: &str, labels: Labels<'_>) -> Option<f64> {
        let (grown, secs) = (self.increase(name, labels)?, self.span().as_secs_f64());
        (secs > 0.0).then(|| grown / secs)
    }

    /// How much a counter has grown over the window.
    pub(super) fn increase(&self, name: &str, labels: Labels<'_>) -> Option<f64> {
        self.latest()?.sum(name, labels)?;
        let values: Vec<_> =
            self.looks.iter().map(|(_, scrape)| scrape.sum(name, labels).unwrap_or_default()).collect();
        Some(values.windows(2).map(|pair| grown(pair[0], pair[1])).sum())
    }

    /// Upper bounds of a histogram's quantiles over the window; `None` where nothing was measured in it.
    pub(super) fn quantiles<const N: usize>(
        &self,
        name: &str,
        labels: Labels<'_>,
        quantiles: [f64; N],
    ) -> Option<[f64; N]> {
        let looks: Vec<_> = self.looks.iter().map(|(_, scrape)| scrape.buckets(name, labels)).collect();
        let mut sums: Vec<(f64, f64)> = looks.last()?.iter().map(|(bound, _)| (*bound, 0.0)).collect();
        for pair in looks.windows(2) {
            for (bound, sum) in &mut sums {
                *sum += grown(count(&pair[0], *bound), count(&pair[1], *bound));
            }
        }
        let total = sums.last().map(|(_, sum)| *sum).filter(|total| *total > 0.0)?;
        Some(quantiles.map(|quantile| interpolated(&sums, quantile * total)))
    }
}

fn grown(before: f64, now: f64) -> f64 {
    if now < before { now } else { now - before }
}

fn count(buckets: &[(f64, f64)], bound: f64) -> f64 {
    buckets.iter().find(|(other, _)| *other == bound).map_or(0.0, |(_, count)| *count)
}

/// Where in its bucket a rank lies, as if a bucket's samples were spread evenly over it; in the last bucket,
/// which has no end, its beginning.
fn interpolated(buckets: &[(f64, f64)], rank: f64) -> f64 {
    let (mut lower, mut below) = (0.0, 0.0);
    for &(bound, at_or_below) in buckets {
        if at_or_below >= rank {
            if bound.is_infinite() {
                return lower;
            }
            let share = (rank - below) / (at_or_below - below).max(f64::MIN_POSITIVE);
            return lower + (bound - lower) * share.clamp(0.0, 1.0);
        }
        (lower, below) = (bound, at_or_below);
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(texts: &[&str]) -> Window {
        let mut window = Window::default();
        for (second, text) in (0_u64..).zip(texts) {
            window.push(Instant::from_nanos(second * 1_000_000_000), Scrape::parse(text));
        }
        window
    }

    #[test]
    fn a_restart_is_no_negative_rate() {
        let window = window(&["c 100\n", "c 110\n", "c 4\n", "c 10\n"]);
        assert_eq!(window.increase("c", &[]), Some(20.0));
        assert_eq!(window.rate("c", &[]), Some(20.0 / 3.0));
        assert_eq!(window.rate("missing", &[]), None);
    }

    #[test]
    fn one_look_tells_no_rate() {
        assert_eq!(window(&["c 100\n"]).rate("c", &[]), None);
    }

    #[test]
    fn quantiles_are_of_what_was_measured_in_the_window() {
        let text = |low: u32, all: u32| {
            format!("h_bucket{{le=\"1\"}} {low}\nh_bucket{{le=\"2\"}} {all}\nh_bucket{{le=\"+Inf\"}} {all}\n")
        };
        // 1000 fast ones before the window; in it 90 up to 1 and 10 up to 2.
        let (before, now) = (text(1000, 1000), text(1090, 1100));
        let window = window(&[&before, &now]);
        assert_eq!(window.quantiles("h", &[], [0.45, 0.95]), Some([0.5, 1.5]));
        assert_eq!(window.quantiles("h", &[], [1.0]), Some([2.0]));
        assert_eq!(window.quantiles("none", &[], [0.5]), None);
    }

    #[test]
    fn old_looks_are_forgotten() {
        let texts: Vec<_> = (0..TOP_LOOKS_MAX * 2).map(|count| format!("c {count}\n")).collect();
        let window = window(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(window.span(), Duration::from_secs(TOP_LOOKS_MAX as u64 - 1));
    }
}
