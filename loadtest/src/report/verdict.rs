//! What a run is held against besides its records: bars, by scenario or by flag.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::figures::{CatchUp, Latencies};
use super::series::push_within;
use crate::cli::{Cli, Limits};
use crate::coarse::Brief;
use crate::latency::Summary;
use crate::ramp::StepLatency;
use crate::scenario::{
    BURST_RATIO_MAX, CATCH_UP_LAST_PART, CATCH_UP_SHARE_MAX, CATCH_UP_SHARE_MIN, FANOUT_P99_MAX,
    NORMAL_P99_MAX, SLOW_READER_RATIO_MAX, Scenario,
};
use crate::shared::Shared;
use crate::units::nanos;

/// One figure and what it may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Bar {
    /// Of what.
    pub(crate) what: String,
    /// `None` if there was nothing to measure, which keeps no bar.
    pub(crate) measured: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) unit: String,
    pub(crate) kept: bool,
}

impl Bar {
    /// A figure within these bounds.
    pub(super) fn within(
        what: impl Into<String>,
        measured: Option<f64>,
        at_least: Option<f64>,
        at_most: Option<f64>,
        unit: &str,
    ) -> Self {
        let is_within =
            |x: f64| at_least.is_none_or(|least| x >= least) && at_most.is_none_or(|most| x <= most);
        let kept = measured.is_some_and(is_within);
        Self { what: what.into(), measured, at_least, at_most, unit: unit.into(), kept }
    }

    /// A 99th percentile that may be so high; without a record there is none.
    fn p99(what: impl Into<String>, count: u64, p99_ms: f64, ms_max: f64) -> Self {
        Self::within(what, (count > 0).then_some(p99_ms), None, Some(ms_max), "ms")
    }

    /// In words: the figure, then the bar.
    pub(crate) fn words(&self) -> String {
        let unit = &self.unit;
        let figure = self.measured.map_or_else(|| "not measured".into(), |x| format!("{x:.2} {unit}"));
        let bar = match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => format!("{least:.2} to {most:.2} {unit}"),
            (Some(least), None) => format!("at least {least:.2} {unit}"),
            (None, Some(most)) => format!("at most {most:.2} {unit}"),
            (None, None) => "any".into(),
        };
        format!("{} {figure} (bar {bar})", self.what)
    }
}

/// What the bars are held against.
pub(super) struct Measured<'a> {
    pub(super) cli: &'a Cli,
    pub(super) shared: &'a Shared,
    pub(super) outcome: &'a Outcome,
    pub(super) latency: &'a Latencies,
    pub(super) steps: &'a [StepLatency],
    pub(super) catch_up: Option<&'a CatchUp>,
}

impl Measured<'_> {
    /// The bars of this run.
    pub(super) fn bars(&self) -> Vec<Bar> {
        match self.cli.scenario {
            Some(Scenario::Burst) => bursts(self.steps, self.ms_max(NORMAL_P99_MAX)),
            Some(Scenario::SlowReader) => slow_reader(self.latency, self.ms_max(NORMAL_P99_MAX)),
            Some(Scenario::CatchUp) => self.caught_up(),
            Some(Scenario::Fanout) => vec![self.all(self.ms_max(FANOUT_P99_MAX))],
            // That of a reshard is held against its own figures.
            Some(Scenario::Reshard) | None => {
                self.cli.p99_max.map(|_| self.all(self.ms_max(FANOUT_P99_MAX))).into_iter().collect()
            }
        }
    }

    fn ms_max(&self, own: Duration) -> f64 {
        self.cli.p99_max.unwrap_or(own).as_secs_f64() * 1e3
    }

    fn all(&self, ms_max: f64) -> Bar {
        let push = &self.latency.put_to_push;
        Bar::p99("p99 of put to push", push.count, push.p99, ms_max)
    }

    fn caught_up(&self) -> Vec<Bar> {
        let mut bars = vec![pace(self.catch_up, self.cli.limits)];
        if let Some(timeline) = self.shared.timeline.get().filter(|_| self.cli.live) {
            let end_ns = nanos(self.cli.duration);
            let from_ns = end_ns - end_ns / u64::from(CATCH_UP_LAST_PART);
            let last = push_within(timeline, self.outcome, from_ns, end_ns);
            let ms_max = self.ms_max(FANOUT_P99_MAX);
            bars.push(Bar::p99("p99 of the last quarter", last.count, last.p99, ms_max));
        }
        bars
    }
}

/// Each burst once it is over, against the quiet before the first. Quiet and bursts take turns, beginning with
/// quiet.
fn bursts(steps: &[StepLatency], normal_ms: f64) -> Vec<Bar> {
    let quiet = steps.first().map(|step| step.settled_ms).unwrap_or_default();
    let ms_max = (quiet.p99 * BURST_RATIO_MAX).max(normal_ms);
    let bar = |(at, step): (usize, &StepLatency)| {
        let Brief { count, p99, .. } = step.settled_ms;
        Bar::p99(format!("p99 once burst {} has settled", at / 2), count, p99, ms_max)
    };
    steps.iter().enumerate().skip(2).step_by(2).map(bar).collect()
}

/// Those that always read, while one does not and after that, against before.
fn slow_reader(latency: &Latencies, normal_ms: f64) -> Vec<Bar> {
    let before = latency.before_stall.unwrap_or_default();
    let ms_max = (before.p99 * SLOW_READER_RATIO_MAX).max(normal_ms);
    let phases = [("during", latency.during_stall), ("after", latency.after_stall)];
    let bar = |(when, phase): (&str, Option<Summary>)| {
        let phase = phase.unwrap_or_default();
        Bar::p99(format!("p99 of the others {when} the stall"), phase.count, phase.p99, ms_max)
    };
    phases.into_iter().map(bar).collect()
}

/// How fast a backlog was read; without limits there is no upper bar.
fn pace(catch_up: Option<&CatchUp>, limits: Limits) -> Bar {
    let share = catch_up.map(|pace| pace.median_share_of_limit);
    let most = (limits == Limits::Aws).then_some(CATCH_UP_SHARE_MAX);
    Bar::within("median pace", share, Some(CATCH_UP_SHARE_MIN), most, "of 2 MiB/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_kept_within_its_bounds_only() {
        let kept = |x| Bar::within("pace", x, Some(0.95), Some(1.05), "").kept;
        assert_eq!(
            [Some(0.94), Some(0.95), Some(1.05), Some(1.06), None].map(kept),
            [false, true, true, false, false]
        );
        assert!(!Bar::p99("p99", 0, 0.0, 20.0).kept, "what was not measured keeps no bar");
        let missed = Bar::p99("p99", 9, 21.0, 20.0);
        assert_eq!((missed.kept, missed.words().as_str()), (false, "p99 21.00 ms (bar at most 20.00 ms)"));
    }

    fn kept(bars: &[Bar]) -> Vec<bool> {
        bars.iter().map(|bar| bar.kept).collect()
    }

    #[test]
    fn a_burst_that_is_still_felt_later_is_told_apart() {
        let step = |p99| StepLatency {
            settled_ms: Brief { count: 9, p99, ..Brief::default() },
            ..StepLatency::default()
        };
        let steps = |after| [step(8.0), step(900.0), step(15.0), step(900.0), step(after)];
        assert_eq!(kept(&bursts(&steps(15.9), 10.0)), [true, true], "twice that of before");
        assert_eq!(kept(&bursts(&steps(16.1), 10.0)), [true, false]);
        assert_eq!(kept(&bursts(&steps(16.1), 20.0)), [true, true], "what counts as normal anyway");
        assert_eq!(kept(&bursts(&[step(1.0), step(1.0), StepLatency::default()], 10.0)), [false]);
    }

    #[test]
    fn a_slow_reader_that_the_others_feel_is_told_apart() {
        let summary = |p99| Some(Summary { count: 9, p99, ..Summary::default() });
        let latency = |during, after| Latencies {
            before_stall: summary(20.0),
            during_stall: summary(during),
            after_stall: after,
            ..Latencies::default()
        };
        assert_eq!(kept(&slow_reader(&latency(29.0, summary(31.0)), 10.0)), [true, false]);
        assert_eq!(
            kept(&slow_reader(&latency(31.0, None), 10.0)),
            [false, false],
            "not measured is not kept"
        );
    }

    #[test]
    fn a_backlog_is_read_at_the_quotas_pace_neither_slower_nor_faster() {
        let of = |share| CatchUp { median_share_of_limit: share, ..CatchUp::default() };
        let kept = |share, limits| pace(Some(&of(share)), limits).kept;
        assert_eq!([0.9, 1.0, 1.2].map(|share| kept(share, Limits::Aws)), [false, true, false]);
        assert_eq!([0.9, 1.0, 9.9].map(|share| kept(share, Limits::Off)), [false, true, true]);
        assert!(!pace(None, Limits::Off).kept);
    }
}
