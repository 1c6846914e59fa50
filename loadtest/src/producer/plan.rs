//! What a producer is asked to send, and what became of it.

use std::time::Duration;

use crate::cli::{Keys, Rate};
use crate::client::Protocol;
use crate::control::Stream;
use crate::latency::Latency;
use crate::put::{KEY_BYTES, PutErrors};
use crate::ramp::{Met, Ramp};
use crate::route::Route;
use crate::timeline::Slices;
use crate::units::count;

/// What to send.
#[derive(Clone)]
pub(crate) struct ProducerPlan {
    /// Where.
    pub(crate) route: Route,
    /// To which stream.
    pub(crate) stream: Stream,
    /// How fast.
    pub(crate) rate: Rate,
    /// Bytes per record.
    pub(crate) record_bytes: usize,
    /// When to stop: at this count, if any,
    pub(crate) records_max: Option<u64>,
    /// or after this long.
    pub(crate) duration: Duration,
    /// How long a record may still be tried after that.
    pub(crate) drain: Duration,
    /// Records per request.
    pub(crate) batch: u32,
    /// Requests at once.
    pub(crate) in_flight: u32,
    /// Records it may be ahead of the average push consumer.
    pub(crate) ahead: Option<u32>,
    /// Connections.
    pub(crate) producers: u32,
    /// HTTP/1.1 or HTTP/2.
    pub(crate) protocol: Protocol,
    /// How records find their shard.
    pub(crate) keys: Keys,
    /// Whether throttled records are given up.
    pub(crate) drops: bool,
    /// Steps instead of one rate.
    pub(crate) ramp: Option<Ramp>,
}

impl ProducerPlan {
    /// Bytes the service counts of a record: data and partition key.
    pub(super) fn put_bytes(&self) -> u64 {
        count(self.record_bytes + KEY_BYTES)
    }
}

/// What became of it.
pub(crate) struct Sent {
    /// From intended send to acknowledgement.
    pub(crate) ack: Latency,
    /// The same over time, with what was acknowledged when.
    pub(crate) slices: Slices,
    /// Records acknowledged.
    pub(crate) acked: u64,
    /// Records given up after throttling.
    pub(crate) dropped: u64,
    /// Records whose fate is unknown.
    pub(crate) unknown: u64,
    /// How often puts failed.
    pub(crate) errors: PutErrors,
    /// Acknowledgements that name another place than a consumer was told.
    pub(crate) misplaced: u64,
    /// Per shard, records and bytes accepted after the warm-up.
    pub(crate) accepted: Vec<(u64, u64)>,
    /// What each step of a ramp met.
    pub(crate) met: Vec<Met>,
    /// How long that was.
    pub(crate) accepted_secs: f64,
    /// How long sending took.
    pub(crate) secs: f64,
    /// Furthest the sender itself fell behind its schedule.
    pub(crate) behind_ns_max: u64,
}

impl Sent {
    /// Nothing yet.
    pub(super) fn new(shards: usize) -> Self {
        Self {
            ack: Latency::new(),
            slices: Slices::default(),
            acked: 0,
            dropped: 0,
            unknown: 0,
            errors: PutErrors::default(),
            misplaced: 0,
            accepted: vec![(0, 0); shards],
            met: Vec::new(),
            accepted_secs: 0.0,
            secs: 0.0,
            behind_ns_max: 0,
        }
    }

    /// Takes the backlog's faults to those of the load that followed it; times and rates are the latter's.
    pub(crate) fn after(mut self, backlog: &Self) -> Self {
        self.dropped += backlog.dropped;
        self.unknown += backlog.unknown;
        self.misplaced += backlog.misplaced;
        self.errors.add_all(&backlog.errors);
        self
    }
}
