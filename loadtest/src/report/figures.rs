//! Latencies, throughput, cost and pace of a run.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::cli::{Cli, WRITE_BYTES_PER_SEC};
use crate::latency::{CurvePoint, Latency, Summary};
use crate::producer::Sent;
use crate::shared::Shared;
use crate::units::{MIB, f64_of};
use crate::watch::Seen;

/// Bytes per second that each consumer may read of each shard.
const READ_BYTES_PER_SEC: u64 = 2 * WRITE_BYTES_PER_SEC;

/// Milliseconds, from when a record was due.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Latencies {
    pub(crate) put_ack: Summary,
    pub(crate) put_to_push: Summary,
    pub(crate) last_of_all: Summary,
    pub(crate) put_to_pull: Summary,
    pub(crate) before_stall: Option<Summary>,
    pub(crate) during_stall: Option<Summary>,
    pub(crate) after_stall: Option<Summary>,
    pub(crate) stalled_consumers: Option<Summary>,
}

/// The percentile curves of the same.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Curves {
    pub(crate) put_ack: Vec<CurvePoint>,
    pub(crate) put_to_push: Vec<CurvePoint>,
    pub(crate) last_of_all: Vec<CurvePoint>,
    pub(crate) put_to_pull: Vec<CurvePoint>,
}

/// One period of the run.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Period {
    pub(crate) put_to_push_ms: Summary,
    pub(crate) server_resident_mib_max: f64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Throughput {
    pub(crate) acked_per_sec: f64,
    pub(crate) acked_mib_per_sec: f64,
    pub(crate) pushed_per_sec: f64,
    pub(crate) pushed_mib_per_sec: f64,
    pub(crate) records_per_event: f64,
    pub(crate) sender_behind_ms_max: f64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cost {
    pub(crate) secs: f64,
    pub(crate) server_cores: Option<f64>,
    pub(crate) server_cpu_us_per_delivery: Option<f64>,
    pub(crate) tool_cpu_secs: f64,
    pub(crate) tool_cores: f64,
    pub(crate) server_resident_mib_max: [f64; 3],
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Accepted {
    pub(crate) mib_per_sec: f64,
    pub(crate) records_per_sec: f64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CatchUp {
    pub(crate) subscriptions: usize,
    pub(crate) mib_per_sec_min: f64,
    pub(crate) mib_per_sec_median: f64,
    pub(crate) mib_per_sec_max: f64,
    pub(crate) median_share_of_limit: f64,
}

impl Latencies {
    pub(super) fn new(cli: &Cli, outcome: &Outcome, push: &Latency) -> Self {
        let phase = |at: usize| (cli.stall > 0).then(|| outcome.tally.push[at].summary());
        Self {
            put_ack: outcome.sent.ack.summary(),
            put_to_push: push.summary(),
            last_of_all: outcome.tally.last_of_all.summary(),
            put_to_pull: outcome.tally.pull.summary(),
            before_stall: phase(0),
            during_stall: phase(1),
            after_stall: phase(2),
            stalled_consumers: (cli.stall > 0).then(|| outcome.tally.stalled.summary()),
        }
    }
}

impl Curves {
    pub(super) fn new(outcome: &Outcome, push: &Latency) -> Self {
        Self {
            put_ack: outcome.sent.ack.curve(),
            put_to_push: push.curve(),
            last_of_all: outcome.tally.last_of_all.curve(),
            put_to_pull: outcome.tally.pull.curve(),
        }
    }
}

impl Throughput {
    pub(super) fn new(cli: &Cli, shared: &Shared, outcome: &Outcome) -> Self {
        let live = &shared.live;
        let mib = |bytes: f64| bytes / f64_of(MIB);
        let acked_per_sec = f64_of(outcome.sent.acked) / outcome.sent.secs.max(f64::EPSILON);
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
    pub(super) fn new(shared: &Shared, seen: &Seen) -> Self {
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
    pub(super) fn new(paces: &[f64]) -> Option<Self> {
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

/// What each of the periods came to that `--every` asks for.
pub(super) fn periods(outcome: &Outcome) -> Vec<Period> {
    let latencies = outcome.tally.push_by_period.iter();
    let resident = outcome.watched.resident_bytes_by_period.iter();
    let one = |(latency, &bytes): (&Latency, &u64)| Period {
        put_to_push_ms: latency.summary(),
        server_resident_mib_max: f64_of(bytes) / f64_of(MIB),
    };
    latencies.zip(resident).map(one).collect()
}

/// What each shard took per second.
pub(super) fn accepted(sent: &Sent) -> Vec<Accepted> {
    let per_sec = |n: u64| f64_of(n) / sent.accepted_secs.max(f64::EPSILON);
    let one = |&(records, bytes): &(u64, u64)| Accepted {
        mib_per_sec: per_sec(bytes) / f64_of(MIB),
        records_per_sec: per_sec(records),
    };
    sent.accepted.iter().map(one).collect()
}
