//! The throughput quotas in force: the service's own, scaled, or none.

use crate::limits;

/// Per-shard and per-consumer rates, each per second. `None` at the holder means unlimited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quotas {
    /// Bytes of data and partition keys written to a shard.
    pub write_bytes: u64,
    /// Records written to a shard.
    pub write_records: u64,
    /// `GetRecords` calls on a shard, all readers together.
    pub read_calls: u64,
    /// Bytes `GetRecords` returns from a shard, all readers together.
    pub read_bytes: u64,
    /// `GetShardIterator` calls on a shard.
    pub iterator_calls: u64,
    /// Bytes pushed to one consumer from one shard.
    pub push_bytes: u64,
    /// Consumers registered with a stream (a count, not a rate).
    pub consumers_per_stream: usize,
    /// The same with a stream on demand of an account that is committed to a minimum throughput.
    pub consumers_per_committed_stream: usize,
    /// What the rates of the control plane's operations, which they declare themselves, are multiplied by.
    pub calls_factor: f64,
}

impl Quotas {
    /// The service's published quotas.
    pub const fn aws() -> Self {
        Self {
            write_bytes: limits::SHARD_WRITE_BYTES_PER_SEC,
            write_records: limits::SHARD_WRITE_RECORDS_PER_SEC,
            read_calls: limits::SHARD_READ_CALLS_PER_SEC,
            read_bytes: limits::SHARD_READ_BYTES_PER_SEC,
            iterator_calls: limits::SHARD_ITERATOR_CALLS_PER_SEC,
            push_bytes: limits::CONSUMER_PUSH_BYTES_PER_SEC,
            consumers_per_stream: limits::CONSUMERS_PER_STREAM_MAX,
            consumers_per_committed_stream: limits::CONSUMERS_PER_COMMITTED_STREAM_MAX,
            calls_factor: 1.0,
        }
    }

    /// Every quota times `factor`, at least one.
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |quota| scaled(quota, factor);
        let scale_count = |count: usize| usize::try_from(scale(count as u64)).unwrap_or(usize::MAX);
        Self {
            write_bytes: scale(self.write_bytes),
            write_records: scale(self.write_records),
            read_calls: scale(self.read_calls),
            read_bytes: scale(self.read_bytes),
            iterator_calls: scale(self.iterator_calls),
            push_bytes: scale(self.push_bytes),
            consumers_per_stream: scale_count(self.consumers_per_stream),
            consumers_per_committed_stream: scale_count(self.consumers_per_committed_stream),
            calls_factor: self.calls_factor * factor,
        }
    }

    /// How often a second an operation may be called that the service allows `per_sec` calls.
    pub fn calls(&self, per_sec: u64) -> u64 {
        scaled(per_sec, self.calls_factor)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating by definition")]
fn scaled(quota: u64, factor: f64) -> u64 {
    ((quota as f64 * factor) as u64).max(1)
}
