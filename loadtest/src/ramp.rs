//! A load that changes in steps, and what each of them met: how much was throttled while the server adjusted,
//! and how much once it had had a minute to.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coarse::Brief;
use crate::put::Outcome;
use crate::scenario::BURST_SETTLES_WITHIN;
use crate::units::{MIB, NANOS_PER_SEC, count, f64_of, nanos, whole};

/// How long a server has to adjust to a step.
const ADJUSTING: Duration = Duration::from_secs(60);
/// The last part of a step, one in so many, shows how many shards there are.
const LAST_PART: u64 = 10;

/// Rates one after the other, each for as long.
#[derive(Clone, Debug)]
pub(crate) struct Ramp {
    mib_per_sec: Vec<f64>,
    per_sec: Vec<f64>,
    step_ns: u64,
}

/// What one step met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met {
    /// Records offered and records throttled, in the first minute and after it.
    early: (u64, u64),
    late: (u64, u64),
    shards: HashSet<String>,
}

/// One step, as it is reported.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    pub(crate) mib_per_sec: f64,
    pub(crate) offered: u64,
    pub(crate) throttled_percent_first_minute: f64,
    pub(crate) throttled_percent_after: f64,
    pub(crate) shards_at_end: usize,
    #[serde(flatten)]
    pub(crate) latency: StepLatency,
}

/// Put to push of the records due in one step.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StepLatency {
    /// In all of it.
    pub(crate) put_to_push_ms: Brief,
    /// Once what the step before left behind is to be gone.
    pub(crate) settled_ms: Brief,
}

impl Ramp {
    /// Steps of these rates, in MiB/s of records of this size.
    pub(crate) fn new(mib_per_sec: &[f64], step: Duration, record_bytes: u64) -> Self {
        let per_sec = mib_per_sec.iter().map(|rate| rate * f64_of(MIB) / f64_of(record_bytes)).collect();
        Self { mib_per_sec: mib_per_sec.to_vec(), per_sec, step_ns: nanos(step).max(1) }
    }

    /// How long it lasts.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_nanos(self.step_ns * count(self.per_sec.len()))
    }

    /// How many records it has.
    pub(crate) fn records(&self) -> u64 {
        self.per_sec.iter().map(|rate| self.records_of(*rate)).sum()
    }

    /// When a record is due, from the start on.
    pub(crate) fn due_ns(&self, record: u64) -> u64 {
        let (mut before, mut begin_ns) = (0, 0);
        for &rate in &self.per_sec {
            let records = self.records_of(rate);
            if record < before + records {
                return begin_ns + whole(f64_of(record - before) * f64_of(NANOS_PER_SEC) / rate);
            }
            (before, begin_ns) = (before + records, begin_ns + self.step_ns);
        }
        begin_ns
    }

    fn records_of(&self, rate: f64) -> u64 {
        whole(rate * f64_of(self.step_ns) / f64_of(NANOS_PER_SEC))
    }

    /// Nothing met yet, for each step.
    pub(crate) fn nothing_met(&self) -> Vec<Met> {
        vec![Met::default(); self.per_sec.len()]
    }

    /// Books what became of a record that was due then.
    pub(crate) fn book(&self, met: &mut [Met], due_ns: u64, outcome: &Outcome) {
        let step = usize::try_from(due_ns / self.step_ns).unwrap_or(usize::MAX).min(met.len() - 1);
        let (met, into_ns) = (&mut met[step], due_ns % self.step_ns);
        let adjusting_ns = nanos(ADJUSTING).min(self.step_ns / 2);
        let (offered, throttled) = if into_ns < adjusting_ns { &mut met.early } else { &mut met.late };
        *offered += 1;
        match outcome {
            Outcome::Throttled | Outcome::Failed => *throttled += 1,
            Outcome::Acked { shard_id, .. } => {
                let is_last = into_ns >= self.step_ns - self.step_ns / LAST_PART;
                if is_last && !met.shards.contains(shard_id) {
                    met.shards.insert(shard_id.clone());
                }
            }
        }
    }

    /// Each step's latencies, given those of a span in nanoseconds.
    pub(crate) fn latencies(&self, within: impl Fn(u64, u64) -> Brief) -> Vec<StepLatency> {
        let one = |at: usize| {
            let (from_ns, to_ns) = (count(at) * self.step_ns, count(at + 1) * self.step_ns);
            let settled_ns = from_ns + nanos(BURST_SETTLES_WITHIN);
            StepLatency { put_to_push_ms: within(from_ns, to_ns), settled_ms: within(settled_ns, to_ns) }
        };
        (0..self.per_sec.len()).map(one).collect()
    }

    /// The steps for the report.
    pub(crate) fn steps(&self, met: &[Met], latencies: &[StepLatency]) -> Vec<Step> {
        let percent = |(offered, throttled): (u64, u64)| f64_of(throttled) * 100.0 / f64_of(offered.max(1));
        let one = |((met, &mib_per_sec), &latency): ((&Met, &f64), &StepLatency)| Step {
            latency,
            mib_per_sec,
            offered: met.early.0 + met.late.0,
            throttled_percent_first_minute: percent(met.early),
            throttled_percent_after: percent(met.late),
            shards_at_end: met.shards.len(),
        };
        met.iter().zip(&self.mib_per_sec).zip(latencies).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_steps() -> Ramp {
        Ramp::new(&[1.0, 2.0], Duration::from_secs(120), MIB / 4)
    }

    #[test]
    fn records_are_due_at_the_rate_of_their_step() {
        let ramp = two_steps();
        assert_eq!((ramp.records(), ramp.duration()), (3 * 480, Duration::from_secs(240)));
        let due_secs = |record| ramp.due_ns(record) as f64 / 1e9;
        assert_eq!([0, 4, 479, 480, 488, 1440].map(due_secs), [0.0, 1.0, 119.75, 120.0, 121.0, 240.0]);
    }

    #[test]
    fn what_is_throttled_counts_where_it_was_due() {
        let ramp = two_steps();
        let mut met = ramp.nothing_met();
        let acked = |shard: &str| Outcome::Acked { shard_id: shard.into(), sequence_number: "1".into() };
        for (secs, outcome) in [
            (1, Outcome::Throttled),
            (2, acked("a")),
            (100, acked("a")),
            (119, acked("b")),
            (181, Outcome::Throttled),
            (239, acked("b")),
            (239, acked("c")),
            (239, acked("c")),
        ] {
            ramp.book(&mut met, secs * NANOS_PER_SEC, &outcome);
        }
        let steps = ramp.steps(&met, &[StepLatency::default(); 2]);
        let seen = |step: &Step| {
            (step.throttled_percent_first_minute, step.throttled_percent_after, step.shards_at_end)
        };
        assert_eq!([seen(&steps[0]), seen(&steps[1])], [(50.0, 0.0, 1), (0.0, 25.0, 2)]);
    }
}
