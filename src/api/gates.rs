//! The throttles of every shard that was lately used, and the counters of every stream: looked up once per
//! record, so kept apart from the catalog.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use metrics::{Counter, counter};

use crate::catalog::{Shard, Stream};
use crate::pull::IteratorAge;
use crate::telemetry::{ShardTraffic, add, names};
use crate::throttle::{CallRates, Caller, Quotas, Refused, ShardReads, ShardWrites};
use crate::types::{Instant, LogId, StreamKey};

use super::meters::{ShardMeters, StreamMeters};

/// Throttles and counters, created at first use.
pub(super) struct Gates {
    quotas: Option<Quotas>,
    shards: RefCell<HashMap<LogId, ShardGate>>,
    streams: RefCell<HashMap<StreamKey, Rc<StreamMeters>>>,
    calls: RefCell<CallRates>,
    calls_throttled: RefCell<HashMap<&'static str, Counter>>,
    iterators: Cell<u32>,
}

/// What a shard lets through, and what has come through.
struct ShardGate {
    /// None where limits are off.
    throttles: Option<(ShardWrites, ShardReads)>,
    traffic: Rc<ShardTraffic>,
    iterator_age: IteratorAge,
    /// Only where enhanced monitoring asks for it.
    meters: Option<ShardMeters>,
}

impl Gates {
    pub(super) fn new(quotas: Option<Quotas>) -> Self {
        Self {
            quotas,
            shards: RefCell::default(),
            streams: RefCell::default(),
            calls: RefCell::default(),
            calls_throttled: RefCell::default(),
            iterators: Cell::default(),
        }
    }

    /// Another number for each iterator given out.
    pub(super) fn next_iterator(&self) -> u32 {
        let serial = self.iterators.get().wrapping_add(1);
        self.iterators.set(serial);
        serial
    }

    /// Admits one record of `bytes` to a shard whose records have `record_max` at most; tells where
    /// to count it once it is taken.
    pub(super) fn admit_write(
        &self,
        log: LogId,
        bytes: usize,
        record_max: usize,
        now: Instant,
    ) -> Result<Rc<ShardTraffic>, Refused> {
        self.with(log, now, |gate| {
            if let Some((writes, _)) = &mut gate.throttles {
                writes.allow_records_of(record_max as u64, now);
                writes.admit(bytes as u64, now).inspect_err(|_| add(&gate.traffic.throttled_writes, 1))?;
            }
            Ok(gate.traffic.clone())
        })
    }

    /// Admits one `GetRecords` call.
    pub(super) fn admit_read(&self, log: LogId, now: Instant) -> Result<(), Refused> {
        self.with(log, now, |gate| {
            let Some((_, reads)) = &mut gate.throttles else { return Ok(()) };
            reads.admit_call(now).inspect_err(|_| add(&gate.traffic.throttled_reads, 1))
        })
    }

    /// Counts and charges what a `GetRecords` call returned, and how far behind the tip it left off.
    pub(super) fn note_read(
        &self,
        log: LogId,
        (records, bytes): (usize, usize),
        age: Duration,
        now: Instant,
    ) {
        self.with(log, now, |gate| {
            gate.traffic.left(records as u64, bytes);
            gate.iterator_age.note(age, now);
            if let Some((_, reads)) = &mut gate.throttles {
                reads.charge(bytes as u64, now);
            }
        });
    }

    /// Admits one `GetShardIterator` call.
    pub(super) fn admit_iterator(&self, log: LogId, now: Instant) -> Result<(), Refused> {
        self.with(log, now, |gate| {
            let Some((_, reads)) = &mut gate.throttles else { return Ok(()) };
            reads.admit_iterator(now)
        })
    }

    /// What has come through a shard.
    pub(super) fn traffic(&self, log: LogId, now: Instant) -> Rc<ShardTraffic> {
        self.with(log, now, |gate| gate.traffic.clone())
    }

    /// Admits one call of an operation that the service allows `per_sec` calls.
    pub(super) fn admit_call(
        &self,
        operation: &'static str,
        caller: Caller,
        per_sec: u64,
        now: Instant,
    ) -> Result<(), Refused> {
        let Some(quotas) = &self.quotas else { return Ok(()) };
        let admitted = self.calls.borrow_mut().admit(operation, caller, quotas.calls(per_sec), now);
        admitted.inspect_err(|_| self.calls_throttled(operation).increment(1))
    }

    /// The counter of an operation's refused calls.
    pub(super) fn calls_throttled(&self, operation: &'static str) -> Counter {
        let mut counters = self.calls_throttled.borrow_mut();
        let counter = counters.entry(operation);
        counter.or_insert_with(|| counter!(names::CALLS_THROTTLED, "operation" => operation)).clone()
    }

    /// The stream's counters.
    pub(super) fn meters(&self, stream: &StreamKey) -> Rc<StreamMeters> {
        if let Some(meters) = self.streams.borrow().get(stream) {
            return meters.clone();
        }
        let meters = Rc::new(StreamMeters::new(stream.as_str()));
        self.streams.borrow_mut().insert(stream.clone(), meters.clone());
        meters
    }

    /// Forgets who has not called the control plane lately.
    pub(super) fn forget_callers(&self, now: Instant) {
        self.calls.borrow_mut().forget_idle(now);
    }

    /// Forgets shards and streams that are gone.
    pub(super) fn forget(&self, has_log: impl Fn(LogId) -> bool, has_stream: impl Fn(&StreamKey) -> bool) {
        self.shards.borrow_mut().retain(|&log, _| has_log(log));
        self.streams.borrow_mut().retain(|name, _| has_stream(name));
    }

    /// Tells what has come through a stream and, where enhanced monitoring asks for it, through each of its
    /// shards, and adds what the service would bill for that while. To be called now and then.
    pub(super) fn tell(&self, stream: &Stream, millis: u64, now: Instant) {
        let meters = self.meters(&stream.key);
        meters.is_of(stream.open_shard_count(), stream.consumers.len(), millis);
        let mut oldest = Duration::ZERO;
        for shard in &stream.shards {
            oldest = oldest.max(self.tell_shard(stream, shard, now));
        }
        meters.iterator_age.set(oldest.as_secs_f64());
    }

    /// Tells of a shard; gives the age of what is read of it.
    fn tell_shard(&self, stream: &Stream, shard: &Shard, now: Instant) -> Duration {
        let is_asked_for = !stream.metrics.is_empty();
        if !is_asked_for && !self.shards.borrow().contains_key(&shard.log) {
            return Duration::ZERO;
        }
        self.with(shard.log, now, |gate| {
            let age = gate.iterator_age.read(now);
            if !gate.meters.as_ref().is_some_and(|meters| meters.are_of(&stream.metrics)) {
                // The old ones first: their series go, those still asked for come back.
                gate.meters = None;
                gate.meters = is_asked_for
                    .then(|| ShardMeters::new(stream.key.as_str(), &shard.id.to_string(), &stream.metrics));
            }
            if let Some(meters) = &gate.meters {
                meters.tell(&gate.traffic, age);
            }
            age
        })
    }

    fn with<T>(&self, log: LogId, now: Instant, ask: impl FnOnce(&mut ShardGate) -> T) -> T {
        let mut shards = self.shards.borrow_mut();
        ask(shards.entry(log).or_insert_with(|| ShardGate::new(self.quotas.as_ref(), now)))
    }
}

impl ShardGate {
    fn new(quotas: Option<&Quotas>, now: Instant) -> Self {
        Self {
            throttles: quotas.map(|quotas| (ShardWrites::new(quotas, now), ShardReads::new(quotas, now))),
            traffic: Rc::default(),
            iterator_age: IteratorAge::default(),
            meters: None,
        }
    }
}
