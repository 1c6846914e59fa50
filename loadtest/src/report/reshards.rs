//! What a run that reshards adds to the report: how long deliveries paused, and what it takes to pass.

use std::fmt::{Result, Write};

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::cli::Cli;
use crate::latency::Summary;
use crate::put::PutErrors;
use crate::reshard::Pause;
use crate::shared::Shared;

/// What came of the reshards.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Resharded {
    /// All were carried out within the bar, and no put was in vain.
    pub(crate) passed: bool,
    bar_ms: f64,
    /// Subscriptions and pull readers that took over from those of an ended shard.
    pub(crate) followed: u64,
    /// Put to push before the first.
    pub(crate) before_ms: Summary,
    pub(crate) each: Vec<Pause>,
    /// Records given up, whatever for.
    in_vain: u64,
}

impl Resharded {
    /// `None` if the run does not reshard.
    pub(crate) fn new(cli: &Cli, shared: &Shared, outcome: &Outcome) -> Option<Self> {
        let reshards = shared.reshards.get()?;
        let pauses = &outcome.tally.pauses;
        let steps = cli.reshard.steps(cli.shards);
        let each: Vec<_> =
            steps.into_iter().enumerate().map(|(at, step)| pauses.pause(reshards, at, step)).collect();
        let bar_ms = cli.reshard.pause_max.as_secs_f64() * 1e3;
        let in_vain = outcome.sent.dropped + outcome.sent.errors.not_retriable;
        // Without push consumers there is nothing to be measured.
        let is_within =
            |pause: &Pause| pause.secs.is_some() && (cli.consumers == 0 || pause.is_within(bar_ms));
        let passed = in_vain == 0 && each.iter().all(is_within);
        let (followed, before_ms) = (shared.live.followed.value(), pauses.before());
        Some(Self { passed, bar_ms, followed, before_ms, each, in_vain })
    }

    /// A line for each reshard.
    pub(super) fn write(&self, out: &mut String) -> Result {
        write!(out, "\n{:<24}{:>10}{:>10}{:>10}{:>10}", "put to push, ms", "p50", "p99", "max", "count")?;
        writeln!(out, "{:>14}{:>12}{:>12}", "worst p99", "p99 after", "max after")?;
        write_quantiles(out, "before the first", &self.before_ms)?;
        writeln!(out)?;
        for pause in &self.each {
            let took =
                pause.secs.map_or_else(|| "not done".to_owned(), |secs| format!("{:.0} ms", secs * 1e3));
            write_quantiles(out, &format!("{} to {}, {took}", pause.from, pause.to), &pause.put_to_push_ms)?;
            let after = &pause.after_ms;
            writeln!(out, "{:>14.3}{:>12.3}{:>12.3}", pause.worst, after.p99, after.max)?;
        }
        writeln!(out, "{} subscriptions and readers followed", self.followed)
    }

    /// What was to be shown, for the line with the verdict.
    pub(crate) fn claim(&self) -> String {
        let worst = self.each.iter().map(|pause| pause.worst).fold(0.0, f64::max);
        let done = self.each.iter().filter(|pause| pause.secs.is_some()).count();
        format!(
            "{done} of {} reshards, worst p99 of put to push around one {worst:.1} ms, bar {:.0} ms; {} puts in vain",
            self.each.len(),
            self.bar_ms,
            self.in_vain
        )
    }
}

fn write_quantiles(out: &mut String, name: &str, row: &Summary) -> Result {
    write!(out, "{name:<24}{:>10.3}{:>10.3}{:>10.3}{:>10}", row.p50, row.p99, row.max, row.count)
}

/// How often puts failed, by code.
pub(super) fn write_put_errors(out: &mut String, errors: &PutErrors) -> Result {
    if errors.by_code.is_empty() {
        return Ok(());
    }
    let by_code: Vec<_> = errors.by_code.iter().map(|(code, count)| format!("{code} {count}")).collect();
    writeln!(
        out,
        "put errors: {}; {} of them not to be tried again",
        by_code.join(", "),
        errors.not_retriable
    )
}
