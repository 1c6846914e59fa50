//! The throttles of every shard that was lately used, and the counters of every stream: looked up once per
//! record, so kept apart from the catalog.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use metrics::{Counter, counter};

use crate::telemetry::names;
use crate::throttle::{CallRates, Caller, Quotas, Refused, ShardReads, ShardWrites};
use crate::types::{Instant, LogId, StreamKey};

/// Throttles and counters, created at first use.
pub(super) struct Gates {
    quotas: Option<Quotas>,
    shards: RefCell<HashMap<LogId, (ShardWrites, ShardReads)>>,
    streams: RefCell<HashMap<StreamKey, Rc<StreamMeters>>>,
    calls: RefCell<CallRates>,
    iterators: Cell<u32>,
}

/// Counters of one stream.
pub(super) struct StreamMeters {
    pub(super) incoming_bytes: Counter,
    pub(super) incoming_records: Counter,
    pub(super) read_bytes: Counter,
    pub(super) read_records: Counter,
    pub(super) write_throttled: Counter,
    pub(super) read_throttled: Counter,
    pub(super) iterator_throttled: Counter,
    pub(super) subscribe_throttled: Counter,
    /// Records that the service has found a shard for.
    distributed: Cell<usize>,
}

impl Gates {
    pub(super) fn new(quotas: Option<Quotas>) -> Self {
        Self {
            quotas,
            shards: RefCell::default(),
            streams: RefCell::default(),
            calls: RefCell::default(),
            iterators: Cell::default(),
        }
    }

    /// Another number for each iterator given out.
    pub(super) fn next_iterator(&self) -> u32 {
        let serial = self.iterators.get().wrapping_add(1);
        self.iterators.set(serial);
        serial
    }

    /// Admits one record of `bytes` to a shard of a stream whose records have `record_max` at most.
    pub(super) fn admit_write(
        &self,
        log: LogId,
        bytes: usize,
        record_max: usize,
        now: Instant,
    ) -> Result<(), Refused> {
        self.with(log, now, |writes, _| {
            writes.allow_records_of(record_max as u64, now);
            writes.admit(bytes as u64, now)
        })
    }

    /// Admits one `GetRecords` call.
    pub(super) fn admit_read(&self, log: LogId, now: Instant) -> Result<(), Refused> {
        self.with(log, now, |_, reads| reads.admit_call(now))
    }

    /// Charges what a `GetRecords` call returned.
    pub(super) fn charge_read(&self, log: LogId, bytes: usize, now: Instant) {
        let _ = self.with(log, now, |_, reads| {
            reads.charge(bytes as u64, now);
            Ok(())
        });
    }

    /// Admits one `GetShardIterator` call.
    pub(super) fn admit_iterator(&self, log: LogId, now: Instant) -> Result<(), Refused> {
        self.with(log, now, |_, reads| reads.admit_iterator(now))
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
        admitted.inspect_err(|_| counter!(names::CALLS_THROTTLED, "operation" => operation).increment(1))
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

    fn with(
        &self,
        log: LogId,
        now: Instant,
        ask: impl FnOnce(&mut ShardWrites, &mut ShardReads) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let Some(quotas) = &self.quotas else { return Ok(()) };
        let mut shards = self.shards.borrow_mut();
        let (writes, reads) = shards
            .entry(log)
            .or_insert_with(|| (ShardWrites::new(quotas, now), ShardReads::new(quotas, now)));
        ask(writes, reads)
    }
}

impl StreamMeters {
    fn new(stream: &str) -> Self {
        let stream = stream.to_owned();
        let throttled = |kind| counter!(names::THROTTLED, "stream" => stream.clone(), "kind" => kind);
        Self {
            incoming_bytes: counter!(names::INCOMING_BYTES, "stream" => stream.clone()),
            incoming_records: counter!(names::INCOMING_RECORDS, "stream" => stream.clone()),
            read_bytes: counter!(names::GET_RECORDS_BYTES, "stream" => stream.clone()),
            read_records: counter!(names::GET_RECORDS_RECORDS, "stream" => stream.clone()),
            write_throttled: throttled("write"),
            read_throttled: throttled("read"),
            iterator_throttled: throttled("iterator"),
            subscribe_throttled: throttled("subscribe"),
            distributed: Cell::new(0),
        }
    }

    /// Whose turn it is to get a record that the service distributes: shards take turns.
    pub(super) fn next_turn(&self) -> usize {
        let turn = self.distributed.get();
        self.distributed.set(turn.wrapping_add(1));
        turn
    }
}
