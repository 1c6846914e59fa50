//! A run over time, and consumer by consumer.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::cli::Cli;
use crate::coarse::{Brief, Coarse};
use crate::received::ByConsumer;
use crate::shared::Shared;
use crate::timeline::{Slice, Timeline};
use crate::units::{MIB, f64_of};

/// The run in slices of one length.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OverTime {
    /// Seconds per slice.
    pub(crate) every_secs: f64,
    /// Seconds the load lasted; what came after it was drained.
    pub(crate) load_secs: f64,
    /// In order; latencies count when a record was due, all else when it happened.
    pub(crate) slices: Vec<Moment>,
}

/// One slice.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Moment {
    pub(crate) at_secs: f64,
    pub(crate) put_ack_ms: Brief,
    pub(crate) put_to_push_ms: Brief,
    pub(crate) put_to_pull_ms: Brief,
    pub(crate) acked: u64,
    pub(crate) pushed: u64,
    pub(crate) pushed_bytes: u64,
    pub(crate) pulled: u64,
    pub(crate) server_cores: f64,
    pub(crate) server_resident_mib: f64,
}

/// What one consumer got.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ConsumerRow {
    pub(crate) name: String,
    pub(crate) stream: String,
    pub(crate) stalled: bool,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Push events or GetRecords replies, empty ones included.
    pub(crate) events: u64,
    pub(crate) latency_ms: Brief,
}

impl OverTime {
    /// Puts the threads' slices together.
    pub(super) fn new(cli: &Cli, shared: &Shared, outcome: &Outcome) -> Self {
        let Some(timeline) = shared.timeline.get() else { return Self::default() };
        let every_secs = timeline.every.as_secs_f64();
        let (acked, pushed, pulled) = (&outcome.sent.slices, &outcome.tally.pushed, &outcome.tally.pulled);
        let server = &outcome.watched.server_by_slice;
        let slices = [acked.iter().count(), pushed.iter().count(), pulled.iter().count()];
        let brief = |slice: Option<&Slice>| slice.map_or_else(Brief::default, |slice| slice.latency.brief());
        let moment = |at: usize| {
            let (put, push, pull) = (acked.get(at), pushed.get(at), pulled.get(at));
            let (cpu_ns, resident_bytes) = server.get(at).copied().unwrap_or_default();
            Moment {
                at_secs: f64_of(timeline.begins_ns(at)) / 1e9,
                put_ack_ms: brief(put),
                put_to_push_ms: brief(push),
                put_to_pull_ms: brief(pull),
                acked: put.map_or(0, |slice| slice.records),
                pushed: push.map_or(0, |slice| slice.records),
                pushed_bytes: push.map_or(0, |slice| slice.bytes),
                pulled: pull.map_or(0, |slice| slice.records),
                server_cores: f64_of(cpu_ns) / 1e9 / every_secs,
                server_resident_mib: f64_of(resident_bytes) / f64_of(MIB),
            }
        };
        let slices = (0..slices.into_iter().max().unwrap_or(0)).map(moment).collect();
        let is_load = cli.backlog.is_none() || cli.live;
        let load_secs = if is_load { cli.duration.as_secs_f64() } else { outcome.watched.secs };
        Self { every_secs, load_secs, slices }
    }
}

/// Put to push of the records due in the slices that lie within this span, in nanoseconds from the start on.
pub(super) fn push_within(timeline: &Timeline, outcome: &Outcome, from_ns: u64, to_ns: u64) -> Brief {
    let mut all = Coarse::fine();
    for (at, slice) in outcome.tally.pushed.iter().enumerate() {
        if timeline.begins_ns(at) >= from_ns && timeline.begins_ns(at + 1) <= to_ns {
            all.add(&slice.latency);
        }
    }
    all.brief()
}

/// A row for each consumer of one road, named as the run named them.
pub(super) fn rows(
    by_consumer: &ByConsumer,
    stream: &str,
    name: impl Fn(u32) -> String,
    stalled: u32,
) -> Vec<ConsumerRow> {
    let row = |(number, got): (u32, &crate::received::Got)| ConsumerRow {
        name: name(number),
        stream: stream.to_owned(),
        stalled: number < stalled,
        records: got.records,
        bytes: got.bytes,
        events: got.events,
        latency_ms: got.latency.brief(),
    };
    by_consumer.iter().map(row).collect()
}
