//! What a run amounts to, as a table and as JSON, and whether it passed.
//!
//! | file | owns |
//! |---|---|
//! | `counts`, `figures` | what was counted; latencies, throughput, cost |
//! | `series` | the run over time, and consumer by consumer |
//! | `setup` | what was run, where and how |
//! | `reshards`, `verdict` | what it is held against |
//! | `table` | all of it for a terminal |

mod counts;
mod figures;
mod reshards;
mod series;
mod setup;
mod table;
mod verdict;

use serde::{Deserialize, Serialize};

use crate::checker::Faults;
use crate::cli::Cli;
use crate::disk_probe::DiskLatency;
use crate::latency::{Latency, Summary};
use crate::ledger::Reckoning;
use crate::process::Machine;
use crate::producer::Sent;
use crate::put::PutErrors;
use crate::ramp::{Step, StepLatency};
use crate::shared::{Shared, Tally};
use crate::watch::Seen;

pub(crate) use counts::Counts;
pub(crate) use figures::{Accepted, CatchUp, Cost, Curves, Latencies, Period, Throughput};
pub(crate) use reshards::Resharded;
pub(crate) use series::{ConsumerRow, Moment, OverTime};
pub(crate) use setup::{Origin, Setting};
pub(crate) use verdict::Bar;
use verdict::Measured;

/// Everything the threads brought home.
pub(crate) struct Outcome {
    /// The producer's side.
    pub(crate) sent: Sent,
    /// The consumers' latencies.
    pub(crate) tally: Tally,
    /// Their faults.
    pub(crate) faults: Faults,
    /// Steady rates of subscriptions that caught up.
    pub(crate) paces: Vec<f64>,
    /// What the ledger shows.
    pub(crate) reckoning: Reckoning,
    /// CPU and memory.
    pub(crate) watched: Seen,
}

/// Where and by whom it was run.
pub(crate) struct Ran {
    /// The machine.
    pub(crate) machine: Machine,
    /// Its disk, if it was measured.
    pub(crate) disk: Option<DiskLatency>,
    /// Command and versions.
    pub(crate) origin: Origin,
    /// The stream's name.
    pub(crate) stream: String,
}

/// The result, as written with `--json`. Latencies are milliseconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// Every record came once, intact and in order, and what else the run was to show came true.
    pub(crate) passed: bool,
    pub(crate) scenario: Option<String>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) origin: Origin,
    pub(crate) machine: Machine,
    pub(crate) setup: String,
    pub(crate) settings: Vec<Setting>,
    pub(crate) counts: Counts,
    pub(crate) put_errors: PutErrors,
    pub(crate) latency_ms: Latencies,
    pub(crate) disk: Option<DiskLatency>,
    pub(crate) throughput: Throughput,
    pub(crate) cost: Cost,
    pub(crate) periods: Vec<Period>,
    pub(crate) reshards: Option<Resharded>,
    pub(crate) steps: Option<Vec<Step>>,
    pub(crate) accepted_per_shard: Option<Vec<Accepted>>,
    pub(crate) catch_up: Option<CatchUp>,
    pub(crate) complaints: Vec<String>,
    pub(crate) consumers: Vec<ConsumerRow>,
    pub(crate) pull_consumers: Vec<ConsumerRow>,
    pub(crate) over_time: OverTime,
    pub(crate) curves: Curves,
    #[serde(skip)]
    push: Latency,
}

/// What a run shares with the floor's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// From the intended send to each consumer.
    pub(crate) push: Summary,
    /// The same, to the last of them.
    pub(crate) last: Summary,
    /// Records acknowledged.
    pub(crate) acked_per_sec: f64,
    /// Deliveries.
    pub(crate) pushed_per_sec: f64,
    /// Of the server.
    pub(crate) cpu_us_per_delivery: f64,
}

impl Report {
    /// Adds everything up.
    pub(crate) fn new(cli: &Cli, ran: Ran, shared: &Shared, outcome: &Outcome) -> Self {
        let push = outcome.tally.all_pushed();
        let tally = &outcome.tally;
        let mut report = Self {
            scenario: cli.scenario.map(|scenario| scenario.name()),
            setup: setup::line(cli),
            settings: setup::settings(cli),
            counts: Counts::new(cli, shared, outcome),
            put_errors: outcome.sent.errors.clone(),
            latency_ms: Latencies::new(cli, outcome, &push),
            throughput: Throughput::new(cli, shared, outcome),
            cost: Cost::new(shared, &outcome.watched),
            periods: figures::periods(outcome),
            reshards: Resharded::new(cli, shared, outcome),
            steps: steps(cli, shared, outcome),
            accepted_per_shard: cli.producer_multiple.map(|_| figures::accepted(&outcome.sent)),
            catch_up: cli.backlog.and_then(|_| CatchUp::new(&outcome.paces)),
            complaints: shared.complaints(),
            consumers: series::rows(&tally.by_consumer, &ran.stream, consumer_name, cli.stall),
            pull_consumers: series::rows(&tally.by_puller, &ran.stream, |n| format!("pull {n}"), 0),
            over_time: OverTime::new(cli, shared, outcome),
            curves: Curves::new(outcome, &push),
            origin: ran.origin,
            machine: ran.machine,
            disk: ran.disk,
            push,
            ..Self::default()
        };
        let steps: Vec<_> = report.steps.iter().flatten().map(|step| step.latency).collect();
        let (latency, catch_up) = (&report.latency_ms, report.catch_up.as_ref());
        report.bars = Measured { cli, shared, outcome, latency, steps: &steps, catch_up }.bars();
        report.passed = report.is_passed();
        report
    }

    fn is_passed(&self) -> bool {
        let is_within = self.reshards.as_ref().is_none_or(|reshards| reshards.passed);
        self.counts.right() && self.counts.in_vain() == 0 && is_within && self.bars.iter().all(|bar| bar.kept)
    }

    /// What was asked of the run and what came of it, in one line.
    pub(crate) fn claim(&self) -> String {
        let not = if self.counts.right() { "" } else { "not " };
        let mut claims = vec![format!("{not}every record once, intact, in order")];
        match self.counts.in_vain() {
            0 => {}
            records => claims.push(format!("{records} records were given up, which the run did not ask for")),
        }
        claims.extend(self.reshards.as_ref().map(Resharded::claim));
        claims.extend(self.bars.iter().map(Bar::words));
        claims.join("; ")
    }

    /// What is compared with the floor.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            push: self.latency_ms.put_to_push,
            last: self.latency_ms.last_of_all,
            acked_per_sec: self.throughput.acked_per_sec,
            pushed_per_sec: self.throughput.pushed_per_sec,
            cpu_us_per_delivery: self.cost.server_cpu_us_per_delivery.unwrap_or(f64::NAN),
        }
    }

    /// All put-to-push latencies, for `--hgrm`.
    pub(crate) fn push_latency(&self) -> &Latency {
        &self.push
    }
}

/// The name a push consumer is registered under.
pub(crate) fn consumer_name(number: u32) -> String {
    format!("c{number:04}")
}

fn steps(cli: &Cli, shared: &Shared, outcome: &Outcome) -> Option<Vec<Step>> {
    let (ramp, timeline) = (cli.ramp()?, shared.timeline.get()?);
    let within = |from_ns, to_ns| series::push_within(timeline, outcome, from_ns, to_ns);
    let latencies: Vec<StepLatency> = ramp.latencies(within);
    Some(ramp.steps(&outcome.sent.met, &latencies))
}
