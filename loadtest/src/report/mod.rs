//! What a run amounts to, as a table and as JSON, and whether it passed.

mod reshards;
mod table;

use serde::Serialize;

use crate::checker::Faults;
use crate::cli::{Cli, WRITE_BYTES_PER_SEC};
use crate::disk_probe::DiskLatency;
use crate::latency::{Latency, Summary};
use crate::ledger::Reckoning;
use crate::process::Machine;
use crate::producer::Sent;
use crate::put::PutErrors;
use crate::ramp::Step;
use crate::shared::{Shared, Tally};
use crate::units::{MIB, f64_of};
use crate::watch::Seen;

use reshards::Resharded;

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

/// The result, as written with `--json`. Latencies are milliseconds.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Every record came once, intact and in order, and what else the run was to show came true.
    pub(crate) passed: bool,
    machine: Machine,
    setup: String,
    counts: Counts,
    put_errors: PutErrors,
    latency_ms: Latencies,
    disk: Option<DiskLatency>,
    throughput: Throughput,
    cost: Cost,
    periods: Vec<Period>,
    reshards: Option<Resharded>,
    steps: Option<Vec<Step>>,
    accepted_per_shard: Option<Vec<Accepted>>,
    catch_up: Option<CatchUp>,
    complaints: Vec<String>,
    #[serde(skip)]
    push: Latency,
}

#[derive(Serialize)]
struct Counts {
    sent: u64,
    acked: u64,
    dropped: u64,
    unknown: u64,
    received: u64,
    lost: u64,
    unexpected: u64,
    #[serde(flatten)]
    faults: Faults,
    put_throttles: u64,
    pull_throttles: u64,
    resubscribed: u64,
}

#[derive(Serialize)]
struct Latencies {
    put_ack: Summary,
    put_to_push: Summary,
    last_of_all: Summary,
    put_to_pull: Summary,
    before_stall: Option<Summary>,
    during_stall: Option<Summary>,
    after_stall: Option<Summary>,
    stalled_consumers: Option<Summary>,
}

/// One period of the run.
#[derive(Serialize)]
struct Period {
    put_to_push_ms: Summary,
    server_resident_mib_max: f64,
}

#[derive(Serialize)]
struct Throughput {
    acked_per_sec: f64,
    acked_mib_per_sec: f64,
    pushed_per_sec: f64,
    pushed_mib_per_sec: f64,
    records_per_event: f64,
    sender_behind_ms_max: f64,
}

#[derive(Serialize)]
struct Cost {
    secs: f64,
    server_cores: Option<f64>,
    server_cpu_us_per_delivery: Option<f64>,
    tool_cpu_secs: f64,
    tool_cores: f64,
    server_resident_mib_max: [f64; 3],
}

#[derive(Serialize)]
struct Accepted {
    mib_per_sec: f64,
    records_per_sec: f64,
}

#[derive(Serialize)]
struct CatchUp {
    subscriptions: usize,
    mib_per_sec_min: f64,
    mib_per_sec_median: f64,
    mib_per_sec_max: f64,
    median_share_of_limit: f64,
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

/// Bytes per second that each consumer may read of each shard.
const READ_BYTES_PER_SEC: u64 = 2 * WRITE_BYTES_PER_SEC;

impl Report {
    /// Adds everything up.
    pub(crate) fn new(
        cli: &Cli,
        machine: Machine,
        disk: Option<DiskLatency>,
        shared: &Shared,
        outcome: &Outcome,
    ) -> Self {
        let counts = Counts::new(shared, outcome);
        let reshards = Resharded::new(cli, shared, outcome);
        let mut push = Latency::new();
        outcome.tally.push.iter().for_each(|phase| push.add(phase));
        push.add(&outcome.tally.stalled);
        Self {
            passed: counts.right() && reshards.as_ref().is_none_or(|reshards| reshards.passed),
            machine,
            setup: setup(cli),
            latency_ms: Latencies::new(cli, outcome, &push),
            disk,
            throughput: Throughput::new(cli, shared, outcome),
            cost: Cost::new(shared, &outcome.watched),
            periods: periods(outcome),
            put_errors: outcome.sent.errors.clone(),
            reshards,
            steps: cli.ramp().map(|ramp| ramp.steps(&outcome.sent.met)),
            accepted_per_shard: cli.producer_multiple.map(|_| accepted(&outcome.sent)),
            catch_up: cli.backlog.and_then(|_| CatchUp::new(&outcome.paces)),
            complaints: shared.complaints(),
            counts,
            push,
        }
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

impl Counts {
    fn new(shared: &Shared, outcome: &Outcome) -> Self {
        let mut faults = outcome.faults;
        faults.misplaced += outcome.sent.misplaced;
        let live = &shared.live;
        Self {
            sent: shared.ledger.sent(),
            acked: live.acked.value(),
            dropped: outcome.sent.dropped,
            unknown: outcome.sent.unknown,
            received: live.pushed.value() + live.pulled.value(),
            lost: outcome.reckoning.lost,
            unexpected: outcome.reckoning.unexpected,
            faults,
            put_throttles: live.throttled.value(),
            pull_throttles: live.pull_throttled.value(),
            resubscribed: live.resubscribed.value(),
        }
    }

    /// A run that acknowledged nothing has shown nothing.
    fn right(&self) -> bool {
        self.acked > 0 && self.lost == 0 && self.unexpected == 0 && self.faults == Faults::default()
    }
}

impl Latencies {
    fn new(cli: &Cli, outcome: &Outcome, push: &Latency) -> Self {
        let phase = |at: usize| (cli.stall > 0).then(|| outcome.tally.push[at].summary());
        // Records of a backlog were due long before anyone asked for them.
        let live =
            |latency: &Latency| if cli.backlog.is_some() { Summary::default() } else { latency.summary() };
        Self {
            put_ack: outcome.sent.ack.summary(),
            put_to_push: live(push),
            last_of_all: live(&outcome.tally.last_of_all),
            put_to_pull: live(&outcome.tally.pull),
            before_stall: phase(0),
            during_stall: phase(1),
            after_stall: phase(2),
            stalled_consumers: (cli.stall > 0).then(|| outcome.tally.stalled.summary()),
        }
    }
}

impl Throughput {
    fn new(cli: &Cli, shared: &Shared, outcome: &Outcome) -> Self {
        let live = &shared.live;
        let mib = |bytes: f64| bytes / f64_of(MIB);
        let acked_per_sec = f64_of(live.acked.value()) / outcome.sent.secs.max(f64::EPSILON);
        let (pushed, secs) = outcome.watched.pushed_by_end;
        let pushed_per_sec = if secs > 0.0 { f64_of(pushed) / secs } else { 0.0 };
        Self {
            acked_per_sec,
            acked_mib_per_sec: mib(acked_per_sec * f64_of(cli.record_size)),
            pushed_per_sec,
            pushed_mib_per_sec: mib(pushed_per_sec * f64_of(cli.record_size)),
            records_per_event: f64_of(live.pushed.value()) / f64_of(live.events.value().max(1)),
            sender_behind_ms_max: f64_of(outcome.sent.behind_ns_max) / 1e6,
        }
    }
}

impl Cost {
    fn new(shared: &Shared, seen: &Seen) -> Self {
        let deliveries = f64_of((shared.live.pushed.value() + shared.live.pulled.value()).max(1));
        Self {
            secs: seen.secs,
            server_cores: seen.server_cpu_secs.map(|cpu| cpu / seen.secs),
            server_cpu_us_per_delivery: seen.server_cpu_secs.map(|cpu| cpu * 1e6 / deliveries),
            tool_cpu_secs: seen.tool_cpu_secs,
            tool_cores: seen.tool_cpu_secs / seen.secs,
            server_resident_mib_max: seen.resident_bytes_max.map(|bytes| f64_of(bytes) / f64_of(MIB)),
        }
    }
}

impl CatchUp {
    fn new(paces: &[f64]) -> Option<Self> {
        let mut sorted: Vec<_> = paces.iter().map(|pace| pace / f64_of(MIB)).collect();
        sorted.sort_by(f64::total_cmp);
        let median = *sorted.get(sorted.len() / 2)?;
        Some(Self {
            subscriptions: sorted.len(),
            mib_per_sec_min: *sorted.first()?,
            mib_per_sec_median: median,
            mib_per_sec_max: *sorted.last()?,
            median_share_of_limit: median * f64_of(MIB) / f64_of(READ_BYTES_PER_SEC),
        })
    }
}

fn periods(outcome: &Outcome) -> Vec<Period> {
    let latencies = outcome.tally.push_by_period.iter();
    let resident = outcome.watched.resident_bytes_by_period.iter();
    let one = |(latency, &bytes): (&Latency, &u64)| Period {
        put_to_push_ms: latency.summary(),
        server_resident_mib_max: f64_of(bytes) / f64_of(MIB),
    };
    latencies.zip(resident).map(one).collect()
}

fn accepted(sent: &Sent) -> Vec<Accepted> {
    let per_sec = |n: u64| f64_of(n) / sent.accepted_secs.max(f64::EPSILON);
    let one = |&(records, bytes): &(u64, u64)| Accepted {
        mib_per_sec: per_sec(bytes) / f64_of(MIB),
        records_per_sec: per_sec(records),
    };
    sent.accepted.iter().map(one).collect()
}

fn setup(cli: &Cli) -> String {
    let server = match &cli.endpoint {
        Some(endpoint) => format!("endpoint {endpoint}"),
        None => format!("own server, limits {:?}, durability {:?}", cli.limits, cli.durability),
    };
    let shards = if cli.on_demand { "on demand".to_owned() } else { format!("{} shards", cli.shards) };
    format!(
        "{server}; {shards}, {} push and {} pull consumers, rate {:?}, \
         {} B records, batch {}, {:?}, connections {:?}",
        cli.consumers, cli.pull, cli.rate, cli.record_size, cli.batch, cli.duration, cli.connections
    )
}
