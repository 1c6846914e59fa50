//! What is counted of a stream and of its shards: the names CloudWatch has, and what the service would bill.
//! Handles are made once; series go when the stream or the shard goes.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::telemetry::{Scope, ShardTraffic, names};

use super::ApiError;

/// Bytes of a record in one PUT payload unit.
const PUT_UNIT_BYTES: u64 = 25 << 10;

/// Metric handles of one stream.
pub(super) struct StreamMeters {
    pub(super) put_record: CallMeters,
    pub(super) put_records: CallMeters,
    pub(super) get_records: CallMeters,
    pub(super) records_taken: Counter,
    pub(super) records_throttled: Counter,
    pub(super) records_failed: Counter,
    pub(super) write_throttled: Counter,
    pub(super) read_throttled: Counter,
    pub(super) iterator_throttled: Counter,
    pub(super) subscribe_throttled: Counter,
    incoming_bytes: Counter,
    incoming_records: Counter,
    read_records: Counter,
    put_units: Counter,
    shards: Gauge,
    consumers: Gauge,
    pub(super) iterator_age: Gauge,
    billed: Counter,
    /// Records that the service has found a shard for.
    distributed: Cell<usize>,
    scope: Scope,
}

/// Metric handles of one operation on one stream.
pub(super) struct CallMeters {
    pub(super) bytes: Counter,
    success: Counter,
    throttled: Counter,
    refused: Counter,
    failure: Counter,
    latency_name: &'static str,
    /// Its buckets are many: made at the first call.
    latency: OnceCell<Histogram>,
}

/// Records accepted and what they hold, added up before they are counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Accepted {
    records: u64,
    bytes: u64,
    units: u64,
}

impl Accepted {
    /// One more.
    pub(super) fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
        self.units += (bytes as u64).div_ceil(PUT_UNIT_BYTES).max(1);
    }
}

impl StreamMeters {
    pub(super) fn new(stream: &str) -> Self {
        let scope = Scope::new([("stream", stream)]);
        let of = |name: &'static str| counter!(name, scope.labels());
        let worded = |name, label, word| counter!(name, &with(&scope, label, word));
        let call = |[bytes, requests, latency]: [&'static str; 3]| CallMeters {
            bytes: of(bytes),
            success: worded(requests, "result", "success"),
            throttled: worded(requests, "result", "throttled"),
            refused: worded(requests, "result", "refused"),
            failure: worded(requests, "result", "failure"),
            latency_name: latency,
            latency: OnceCell::new(),
        };
        let throttled = |kind| worded(names::THROTTLED, "kind", kind);
        let records = |result| worded(names::PUT_RECORDS_RECORDS, "result", result);
        Self {
            put_record: call([
                names::PUT_RECORD_BYTES,
                names::PUT_RECORD_REQUESTS,
                names::PUT_RECORD_LATENCY,
            ]),
            put_records: call([
                names::PUT_RECORDS_BYTES,
                names::PUT_RECORDS_REQUESTS,
                names::PUT_RECORDS_LATENCY,
            ]),
            get_records: call([
                names::GET_RECORDS_BYTES,
                names::GET_RECORDS_REQUESTS,
                names::GET_RECORDS_LATENCY,
            ]),
            records_taken: records("success"),
            records_throttled: records("throttled"),
            records_failed: records("failure"),
            write_throttled: throttled("write"),
            read_throttled: throttled("read"),
            iterator_throttled: throttled("iterator"),
            subscribe_throttled: throttled("subscribe"),
            incoming_bytes: of(names::INCOMING_BYTES),
            incoming_records: of(names::INCOMING_RECORDS),
            read_records: of(names::GET_RECORDS_RECORDS),
            put_units: of(names::BILLED_PUT_UNITS),
            shards: gauge!(names::SHARDS, scope.labels()),
            consumers: gauge!(names::CONSUMERS, scope.labels()),
            iterator_age: gauge!(names::GET_RECORDS_ITERATOR_AGE, scope.labels()),
            billed: of(names::BILLED_SHARD_SECONDS),
            distributed: Cell::default(),
            scope,
        }
    }

    /// Counts records accepted by an operation.
    pub(super) fn accepted(&self, by: &CallMeters, accepted: Accepted) {
        self.incoming_records.increment(accepted.records);
        self.incoming_bytes.increment(accepted.bytes);
        self.put_units.increment(accepted.units);
        by.bytes.increment(accepted.bytes);
    }

    /// Counts a page returned.
    pub(super) fn read(&self, records: usize, bytes: usize) {
        self.read_records.increment(records as u64);
        self.get_records.bytes.increment(bytes as u64);
    }

    /// Counts a call that ended, and how long it took.
    pub(super) fn called<T>(&self, call: &CallMeters, outcome: &Result<T, ApiError>, took: Duration) {
        match outcome {
            Ok(_) => {
                call.success.increment(1);
                let labels = self.scope.labels();
                call.latency.get_or_init(|| histogram!(call.latency_name, labels)).record(took);
            }
            Err(error) if error.is_throttle() => call.throttled.increment(1),
            Err(error) if error.status < 500 => call.refused.increment(1),
            Err(_) => call.failure.increment(1),
        }
    }

    /// Tells how large the stream is, and adds what the service would bill for that while.
    pub(super) fn is_of(&self, shards: usize, consumers: usize, millis: u64) {
        self.shards.set(shards as f64);
        self.consumers.set(consumers as f64);
        self.billed.increment(shards as u64 * millis);
    }

    /// Whose turn it is to get a record that the service distributes: shards take turns.
    pub(super) fn next_turn(&self) -> usize {
        let turn = self.distributed.get();
        self.distributed.set(turn.wrapping_add(1));
        turn
    }
}

impl CallMeters {
    /// Counts a call of which nothing was taken because of quotas.
    pub(super) fn all_throttled(&self) {
        self.throttled.increment(1);
    }

    /// Counts a call of which nothing was taken because the log failed.
    pub(super) fn all_failed(&self) {
        self.failure.increment(1);
    }
}

/// Metric handles of a shard of which metrics are asked for.
pub(super) struct ShardMeters {
    asked_for: BTreeSet<String>,
    totals: [Option<Counter>; 6],
    iterator_age: Option<Gauge>,
    _scope: Scope,
}

impl ShardMeters {
    /// Those of the metrics that are asked for, by their names at the service.
    pub(super) fn new(stream: &str, shard: &str, asked_for: &BTreeSet<String>) -> Self {
        let scope = Scope::new([("stream", stream), ("shard", shard)]);
        let is_on = |metric: &str| asked_for.contains(metric);
        let of = |metric, name: &'static str| is_on(metric).then(|| counter!(name, scope.labels()));
        let throttled = |metric, kind| {
            is_on(metric).then(|| counter!(names::SHARD_THROTTLED, &with(&scope, "kind", kind)))
        };
        Self {
            asked_for: asked_for.clone(),
            totals: [
                of("IncomingBytes", names::SHARD_INCOMING_BYTES),
                of("IncomingRecords", names::SHARD_INCOMING_RECORDS),
                of("OutgoingBytes", names::SHARD_OUTGOING_BYTES),
                of("OutgoingRecords", names::SHARD_OUTGOING_RECORDS),
                throttled("WriteProvisionedThroughputExceeded", "write"),
                throttled("ReadProvisionedThroughputExceeded", "read"),
            ],
            iterator_age: is_on("IteratorAgeMilliseconds")
                .then(|| gauge!(names::SHARD_ITERATOR_AGE, scope.labels())),
            _scope: scope,
        }
    }

    /// Whether they are those asked for now.
    pub(super) fn are_of(&self, asked_for: &BTreeSet<String>) -> bool {
        self.asked_for == *asked_for
    }

    /// Tells what has gone in and out, and how old what is read is.
    pub(super) fn tell(&self, traffic: &ShardTraffic, iterator_age: Duration) {
        let totals = [
            &traffic.incoming_bytes,
            &traffic.incoming_records,
            &traffic.outgoing_bytes,
            &traffic.outgoing_records,
            &traffic.throttled_writes,
            &traffic.throttled_reads,
        ];
        for (counter, total) in self.totals.iter().zip(totals) {
            if let Some(counter) = counter {
                counter.absolute(total.get());
            }
        }
        if let Some(gauge) = &self.iterator_age {
            gauge.set(iterator_age.as_secs_f64());
        }
    }
}

fn with(scope: &Scope, label: &'static str, word: &str) -> Vec<(&'static str, String)> {
    scope.labels().iter().cloned().chain([(label, word.to_owned())]).collect()
}
