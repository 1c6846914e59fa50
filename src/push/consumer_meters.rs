//! What is counted of one consumer, over all its subscriptions, for as long as it is registered.

use std::cell::Cell;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::telemetry::{Scope, names};

/// Metric handles of one consumer of one stream.
pub(super) struct ConsumerMeters {
    bytes: Counter,
    records: Counter,
    events: Counter,
    pub(super) events_failed: Counter,
    pub(super) latency: Histogram,
    pub(super) throttled: Counter,
    behind: Gauge,
    subscribed: Counter,
    rate_exceeded: Counter,
    failed: Counter,
    billed: Counter,
    /// The largest lag of its subscriptions seen in the present round.
    behind_most: Cell<Duration>,
    _scope: Scope,
}

/// What came of a `SubscribeToShard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeResult {
    /// It was accepted.
    Success,
    /// The consumer subscribed to the shard a moment ago.
    RateExceeded,
    /// Anything else.
    Failure,
}

impl ConsumerMeters {
    pub(super) fn new(stream: &str, consumer: &str) -> Self {
        let scope = Scope::new([("stream", stream), ("consumer", consumer)]);
        let labels = scope.labels();
        let result = |word: &'static str| {
            let all: Vec<_> = labels.iter().cloned().chain([("result", word.to_owned())]).collect();
            counter!(names::SUBSCRIBE_REQUESTS, &all)
        };
        Self {
            bytes: counter!(names::EFO_BYTES, labels),
            records: counter!(names::EFO_RECORDS, labels),
            events: counter!(names::EFO_EVENTS, labels),
            events_failed: counter!(names::EFO_EVENTS_FAILED, labels),
            latency: histogram!(names::EFO_LATENCY, labels),
            throttled: counter!(names::EFO_THROTTLED, labels),
            behind: gauge!(names::EFO_BEHIND, labels),
            subscribed: result("success"),
            rate_exceeded: result("rate_exceeded"),
            failed: result("failure"),
            billed: counter!(names::BILLED_CONSUMER_SHARD_SECONDS, labels),
            behind_most: Cell::default(),
            _scope: scope,
        }
    }

    /// Counts an event handed over.
    pub(super) fn pushed(&self, records: u64, payload_bytes: usize) {
        self.events.increment(1);
        if records > 0 {
            self.records.increment(records);
            self.bytes.increment(payload_bytes as u64);
        }
    }

    /// Counts a `SubscribeToShard`.
    pub(super) fn asked(&self, result: SubscribeResult) {
        match result {
            SubscribeResult::Success => &self.subscribed,
            SubscribeResult::RateExceeded => &self.rate_exceeded,
            SubscribeResult::Failure => &self.failed,
        }
        .increment(1);
    }

    /// Takes notice of how far one of its subscriptions is behind.
    pub(super) fn lags(&self, behind: Duration) {
        self.behind_most.set(self.behind_most.get().max(behind));
    }

    /// Tells the largest lag noticed since it was told last.
    pub(super) fn tell_lag(&self) {
        self.behind.set(self.behind_most.take().as_secs_f64());
    }

    /// Adds what the service would bill: `shards` for a while.
    pub(super) fn bill(&self, shards: usize, millis: u64) {
        self.billed.increment(shards as u64 * millis);
    }
}
