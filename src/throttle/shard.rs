//! The throttles of one shard: what may be written to it, and what its pullers may read together.

use std::time::Duration;

use crate::limits::RECORD_DATA_BYTES_DEFAULT;
use crate::throttle::{Quotas, TokenBucket};
use crate::types::Instant;

/// A quota said no; it would say yes after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How long until the same request would pass.
    pub retry_after: Duration,
}

impl From<Duration> for Refused {
    fn from(retry_after: Duration) -> Self {
        Self { retry_after }
    }
}

/// Bytes and records a shard accepts.
#[derive(Clone, Debug)]
pub struct ShardWrites {
    bytes_per_sec: u64,
    bytes: TokenBucket,
    records: TokenBucket,
}

impl ShardWrites {
    /// Full buckets of one second each.
    pub fn new(quotas: &Quotas, now: Instant) -> Self {
        Self {
            bytes_per_sec: quotas.write_bytes,
            bytes: TokenBucket::full(quotas.write_bytes, quotas.write_bytes, now),
            records: TokenBucket::full(quotas.write_records, quotas.write_records, now),
        }
    }

    /// Takes bursts of as much as one record may have: a shard of large records averages the same rate.
    pub fn allow_records_of(&mut self, bytes_max: u64, now: Instant) {
        let seconds = bytes_max.div_ceil(RECORD_DATA_BYTES_DEFAULT as u64).max(1);
        self.bytes.set_capacity(self.bytes_per_sec.saturating_mul(seconds), now);
    }

    /// Admits one record of `bytes` bytes (data and partition key), or takes nothing.
    pub fn admit(&mut self, bytes: u64, now: Instant) -> Result<(), Refused> {
        self.records.take(1, now)?;
        self.bytes.take(bytes, now).map_err(|wait| {
            self.records.give_back(1);
            wait.into()
        })
    }
}

/// Calls and bytes the pullers of a shard share.
#[derive(Clone, Debug)]
pub struct ShardReads {
    calls: TokenBucket,
    bytes: TokenBucket,
    iterators: TokenBucket,
}

impl ShardReads {
    /// Full buckets of one second each.
    pub fn new(quotas: &Quotas, now: Instant) -> Self {
        Self {
            calls: TokenBucket::full(quotas.read_calls, quotas.read_calls, now),
            bytes: TokenBucket::full(quotas.read_bytes, quotas.read_bytes, now),
            iterators: TokenBucket::full(quotas.iterator_calls, quotas.iterator_calls, now),
        }
    }

    /// Admits one `GetRecords` call. What it returns is charged afterwards, by [`Self::charge`].
    pub fn admit_call(&mut self, now: Instant) -> Result<(), Refused> {
        let wait = self.bytes.until_any(now);
        if !wait.is_zero() {
            return Err(wait.into());
        }
        self.calls.take(1, now).map_err(Refused::from)
    }

    /// Charges the bytes a call returned: a 10 MiB answer keeps the next callers out for five seconds.
    pub fn charge(&mut self, bytes: u64, now: Instant) {
        // The call was admitted while the bucket held something; another call may have drained it since,
        // and then the debt is simply not deepened further.
        let _ = self.bytes.take_overdrawing(bytes, now);
    }

    /// Admits one `GetShardIterator` call.
    pub fn admit_iterator(&mut self, now: Instant) -> Result<(), Refused> {
        self.iterators.take(1, now).map_err(Refused::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// Offers three times the quota for ten seconds and counts what a shard takes after the first second.
    fn admitted(record_bytes: u64, offered_per_sec: u64) -> (u64, u64) {
        let mut writes = ShardWrites::new(&Quotas::aws(), at(0));
        let (mut bytes, mut records) = (0, 0);
        for i in 0..offered_per_sec * 11 {
            let now = Instant::from_nanos(i * 1_000_000_000 / offered_per_sec);
            let admitted = writes.admit(record_bytes, now).is_ok();
            if admitted && now >= at(1000) {
                bytes += record_bytes;
                records += 1;
            }
        }
        (bytes / 10, records / 10)
    }

    #[test]
    fn a_producer_at_three_times_the_limit_gets_the_limit() {
        let (_, records) = admitted(100, 3000);
        assert!((950..=1000).contains(&records), "{records} records/s");
        let (bytes, _) = admitted(10_240, 308);
        assert!((996_147..=1_048_576).contains(&bytes), "{bytes} bytes/s");
    }

    #[test]
    fn a_shard_of_large_records_takes_one_at_once_and_averages_the_same_rate() {
        const LARGE: u64 = 10 << 20;
        let mut writes = ShardWrites::new(&Quotas::aws(), at(0));
        writes.allow_records_of(LARGE, at(0));
        assert_eq!(writes.admit(LARGE + 1, at(0)), Ok(()), "its key does not keep it out of a full bucket");
        assert!(writes.admit(1 << 20, at(500)).is_err());
        assert_eq!(writes.admit(1 << 20, at(1001)), Ok(()));
        assert!(writes.admit(LARGE, at(10_900)).is_err());
        assert_eq!(writes.admit(LARGE, at(11_001)), Ok(()));
    }

    #[test]
    fn ten_mebibytes_read_keep_pullers_out_for_five_seconds() {
        let mut reads = ShardReads::new(&Quotas::aws(), at(0));
        assert_eq!(reads.admit_call(at(0)), Ok(()));
        reads.charge(10 << 20, at(0));
        let refused = reads.admit_call(at(1)).unwrap_err();
        assert!(refused.retry_after >= Duration::from_millis(3990), "{refused:?}");
        assert_eq!(reads.admit_call(at(4100)), Ok(()));
    }

    #[test]
    fn five_calls_a_second_and_a_refusal_costs_nothing() {
        let mut reads = ShardReads::new(&Quotas::aws(), at(0));
        for _ in 0..5 {
            assert_eq!(reads.admit_call(at(0)), Ok(()));
        }
        assert_eq!(reads.admit_call(at(0)), Err(Duration::from_millis(200).into()));
        assert_eq!(reads.admit_call(at(200)), Ok(()));
    }
}
