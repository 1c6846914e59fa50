//! Putting records.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::catalog::{Shard, Stream};
use crate::limits;
use crate::shard_log::Marks;
use crate::storage::{Ack, Appended, StorageError};
use crate::telemetry::ShardTraffic;
use crate::types::hash_key::HashKeyError;
use crate::types::sequence_number::Parsed;
use crate::types::{HashKey, Instant, SequenceNumber};
use crate::wire::{Members, Pattern, Value};

use super::encryption::KMS;
use super::meters::{Accepted, StreamMeters};
use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::position::identity_of;
use super::resource_ref::StreamRef;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<PutRecord>(), entry::<PutRecords>()];

/// Where a record stands in its input: alone, or at this place of the list, counted from 0. Errors print it.
#[derive(Clone, Copy)]
struct Place(Option<usize>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |index| write!(f, "records.{}.member.", index + 1))
    }
}

/// One record as a producer gives it.
struct RecordInput<'v> {
    partition_key: Option<&'v str>,
    explicit_hash_key: Option<&'v str>,
    data: Bytes,
}

impl<'v> RecordInput<'v> {
    fn read(m: &mut Members<'_, 'v>) -> Self {
        let data_max = u32::try_from(limits::RECORD_DATA_BYTES_MAX).unwrap_or(u32::MAX);
        Self {
            partition_key: m.text("PartitionKey").length(1, 256).optional(),
            explicit_hash_key: m.text("ExplicitHashKey").pattern(Pattern::HashKey).optional(),
            data: m.blob("Data").max(data_max).required(),
        }
    }

    /// What quotas count.
    fn payload_bytes(&self) -> usize {
        self.data.len() + self.partition_key.map_or(0, str::len)
    }

    /// The shard it belongs to and where in it, by its key or, where the service distributes, in turn.
    fn target<'s>(
        &self,
        stream: &'s Stream,
        meters: &StreamMeters,
        place: Place,
    ) -> Result<(&'s Shard, HashKey), ApiError> {
        if stream.auto_distribution {
            return Ok(stream.target_in_turn(meters.next_turn()));
        }
        let Some(key) = self.partition_key else {
            return Err(ApiError::validation(format!(
                "1 validation error detected: Value null at '{place}partitionKey' failed to satisfy constraint: \
                 Member must not be null"
            )));
        };
        let hash_key = self.hash_key(key)?;
        Ok((stream.shard_for(hash_key), hash_key))
    }

    fn hash_key(&self, partition_key: &str) -> Result<HashKey, ApiError> {
        let Some(text) = self.explicit_hash_key else {
            return Ok(HashKey::of_partition_key(partition_key));
        };
        HashKey::parse(text).map_err(|error| match error {
            HashKeyError::Syntax | HashKeyError::OutOfRange => ApiError::invalid_argument(format!(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
                 {text}"
            )),
        })
    }

    /// Refuses data larger than the stream takes, in the words of the limit it had before large records.
    fn require_size(&self, stream: &Stream, place: Place) -> Result<(), ApiError> {
        let (len, max) = (self.data.len(), record_max(stream));
        if len <= max {
            return Ok(());
        }
        Err(ApiError::validation(format!(
            "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim={len} cap={len}]' at '{place}data' \
             failed to satisfy constraint: Member must have length less than or equal to {max}"
        )))
    }
}

/// Bytes of a record's data that the stream takes.
fn record_max(stream: &Stream) -> usize {
    stream.max_record_kib as usize * 1024
}

/// A record that passed every check, its stream and its shard.
struct Routed<'s, 'v> {
    stream: &'s Stream,
    shard: &'s Shard,
    hash_key: HashKey,
    record: RecordInput<'v>,
}

/// A record appended, and where it counts once it is durable.
struct Taken {
    appended: Appended,
    traffic: Rc<ShardTraffic>,
}

/// Why one record was not taken.
enum Refusal {
    Throttled,
    Log(StorageError),
}

impl Routed<'_, '_> {
    /// Appends the record to its shard's log, if the shard's quota allows.
    fn append(&self, context: &Context, meters: &StreamMeters, now: Instant) -> Result<Taken, Refusal> {
        let bytes = self.record.payload_bytes();
        context.on_demand.written(self.stream, self.shard, self.hash_key, bytes);
        let admitted = context.gates.admit_write(self.shard.log, bytes, record_max(self.stream), now);
        let traffic = admitted.map_err(|_| {
            meters.write_throttled.increment(1);
            Refusal::Throttled
        })?;
        let key = self.record.partition_key;
        let marks = Marks::new(self.stream.encryption_key.is_some(), key.is_none());
        let marked_key = (marks, key.unwrap_or_default().as_bytes());
        let appended = context.store.append_marked(self.shard.log, marked_key, &self.record.data);
        Ok(Taken { appended: appended.map_err(Refusal::Log)?, traffic })
    }

    /// Counts the record, which is durable now.
    fn accepted(&self, taken: &Taken, accepted: &mut Accepted) {
        let bytes = self.record.payload_bytes();
        taken.traffic.accepted(bytes);
        accepted.add(bytes);
    }

    fn sequence_number(&self, appended: &Appended) -> SequenceNumber {
        identity_of(self.shard).sequence_number(appended.offset, appended.arrival)
    }

    fn throttle_text(&self, context: &Context) -> String {
        throttle_text(context, self.stream, self.shard)
    }
}

/// The type of encryption an answer tells of: none unless the stream is encrypted.
fn encryption_type(stream: &Stream) -> Value<'static> {
    stream.encryption_key.as_ref().map_or(Value::Null, |_| Value::text(KMS))
}

/// The text of every throughput refusal.
pub(super) fn throttle_text(context: &Context, stream: &Stream, shard: &Shard) -> String {
    let (name, account) = (&stream.name, &context.identity.account);
    format!("Rate exceeded for shard {} in stream {name} under account {account}.", shard.id)
}

struct PutRecord;

struct PutRecordInput<'v> {
    ordering: Option<&'v str>,
    record: RecordInput<'v>,
    stream: StreamRef<'v>,
    dry_run: bool,
}

impl<'v> Operation<'v> for PutRecord {
    const NAME: &'static str = "PutRecord";
    type Input = PutRecordInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::OfShards;

    fn read(m: &mut Members<'_, 'v>) -> PutRecordInput<'v> {
        PutRecordInput {
            ordering: m.text("SequenceNumberForOrdering").pattern(Pattern::SequenceNumber).optional(),
            record: RecordInput::read(m),
            stream: StreamRef::read(m),
            dry_run: m.boolean("DryRun").optional().unwrap_or(false),
        }
    }

    async fn run(input: PutRecordInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream.resolve_for_data(context)?;
        let meters = context.gates.meters(&stream.key);
        let began = context.clock.now();
        let answer = input.put(context, &stream, &meters, began).await;
        meters.called(&meters.put_record, &answer, context.clock.now().since(began));
        answer
    }
}

impl PutRecordInput<'_> {
    async fn put(
        self,
        context: &Context,
        stream: &Stream,
        meters: &StreamMeters,
        now: Instant,
    ) -> Result<Answer, ApiError> {
        self.record.require_size(stream, Place(None))?;
        let (shard, hash_key) = self.record.target(stream, meters, Place(None))?;
        self.require_ordering(context, stream)?;
        if self.dry_run {
            return Err(ApiError::dry_run());
        }
        let routed = Routed { stream, shard, hash_key, record: self.record };
        let taken = routed.append(context, meters, now).map_err(|refusal| match refusal {
            Refusal::Throttled => ApiError::throughput_exceeded(routed.throttle_text(context)),
            Refusal::Log(error) => error.into(),
        })?;
        context.store.submit();
        taken.appended.ack.wait().await?;
        let mut accepted = Accepted::default();
        routed.accepted(&taken, &mut accepted);
        meters.accepted(&meters.put_record, accepted);
        Ok(Answer::Output(Value::map([
            ("ShardId", Value::text(routed.shard.id.to_string())),
            ("SequenceNumber", Value::text(routed.sequence_number(&taken.appended).to_string())),
            ("EncryptionType", encryption_type(stream)),
        ])))
    }

    /// A number to come after has to exist already; with one log per shard the new one is then greater.
    fn require_ordering(&self, context: &Context, stream: &Stream) -> Result<(), ApiError> {
        let Some(text) = self.ordering else { return Ok(()) };
        if stream.auto_distribution {
            return Err(ApiError::invalid_argument(
                "SequenceNumberForOrdering cannot be used on a stream whose RecordDistributionStrategy is AUTO.",
            ));
        }
        let plausible = match SequenceNumber::parse(text) {
            Ok(Parsed::Zero) => true,
            Ok(Parsed::Number(number)) => {
                !number.is_shard_end() && number.time_secs() <= context.clock.wall().as_secs()
            }
            Err(_) => false,
        };
        if plausible {
            return Ok(());
        }
        let (name, account) = (&stream.name, &context.identity.account);
        Err(ApiError::invalid_argument(format!(
            "ExclusiveMinimumSequenceNumber {text} used in PutRecord on stream {name} under account {account} is \
             invalid."
        )))
    }
}

struct PutRecords;

struct PutRecordsInput<'v> {
    records: Vec<RecordInput<'v>>,
    stream: StreamRef<'v>,
    dry_run: bool,
}

impl<'v> Operation<'v> for PutRecords {
    const NAME: &'static str = "PutRecords";
    type Input = PutRecordsInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::OfShards;

    fn read(m: &mut Members<'_, 'v>) -> PutRecordsInput<'v> {
        let most = u32::try_from(limits::PUT_RECORDS_MAX).unwrap_or(u32::MAX);
        PutRecordsInput {
            records: m.list("Records", "PutRecordsRequestEntry").length(1, most).required(RecordInput::read),
            stream: StreamRef::read(m),
            dry_run: m.boolean("DryRun").optional().unwrap_or(false),
        }
    }

    async fn run(input: PutRecordsInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream.resolve_for_data(context)?;
        let meters = context.gates.meters(&stream.key);
        let began = context.clock.now();
        let outcome = input.put(context, &stream, &meters, began).await;
        let took = context.clock.now().since(began);
        let (answer, results) = match outcome {
            Ok((answer, results)) => (Ok(answer), results),
            Err(error) => (Err(error), Results::default()),
        };
        results.count(&meters, &answer, took);
        answer
    }
}

impl PutRecordsInput<'_> {
    async fn put(
        self,
        context: &Context,
        stream: &Stream,
        meters: &StreamMeters,
        now: Instant,
    ) -> Result<(Answer, Results), ApiError> {
        let routed = route_all(self.records, stream, meters)?;
        if self.dry_run {
            return Err(ApiError::dry_run());
        }
        let taken: Vec<_> = routed.iter().map(|routed| routed.append(context, meters, now)).collect();
        context.store.submit();
        let mut entries = Vec::with_capacity(routed.len());
        let mut results = Results::default();
        for (routed, taken) in routed.iter().zip(taken) {
            let settled = settle(taken).await;
            results.add(routed, &settled);
            entries.push(result_entry(context, routed, settled));
        }
        let answer = Answer::Output(Value::map([
            ("FailedRecordCount", Value::Integer(i128::from(results.throttled + results.failed))),
            ("Records", Value::List(entries)),
            ("EncryptionType", encryption_type(stream)),
        ]));
        Ok((answer, results))
    }
}

/// What became of a call's records.
#[derive(Default)]
struct Results {
    taken: u64,
    throttled: u64,
    failed: u64,
    accepted: Accepted,
}

impl Results {
    fn add(&mut self, routed: &Routed<'_, '_>, settled: &Result<Taken, Refusal>) {
        match settled {
            Ok(taken) => {
                self.taken += 1;
                routed.accepted(taken, &mut self.accepted);
            }
            Err(Refusal::Throttled) => self.throttled += 1,
            Err(Refusal::Log(_)) => self.failed += 1,
        }
    }

    /// Counts the call and its records: it counts as throttled or failed only if nothing of it was taken.
    fn count(&self, meters: &StreamMeters, answer: &Result<Answer, ApiError>, took: Duration) {
        let call = &meters.put_records;
        meters.records_taken.increment(self.taken);
        meters.records_throttled.increment(self.throttled);
        meters.records_failed.increment(self.failed);
        meters.accepted(call, self.accepted);
        match self.taken == 0 {
            true if self.throttled > 0 => call.all_throttled(),
            true if self.failed > 0 => call.all_failed(),
            _ => meters.called(call, answer, took),
        }
    }
}

/// Checks all records before any is taken: one bad record refuses the whole call.
fn route_all<'s, 'v>(
    records: Vec<RecordInput<'v>>,
    stream: &'s Stream,
    meters: &StreamMeters,
) -> Result<Vec<Routed<'s, 'v>>, ApiError> {
    let total: usize = records.iter().map(RecordInput::payload_bytes).sum();
    if total > limits::PUT_RECORDS_BYTES_MAX {
        return Err(ApiError::invalid_argument("Records size exceeds 10 MB limit"));
    }
    let route = |(index, record): (usize, RecordInput<'v>)| {
        let place = Place(Some(index));
        record.require_size(stream, place)?;
        let (shard, hash_key) = record.target(stream, meters, place)?;
        Ok(Routed { stream, shard, hash_key, record })
    };
    records.into_iter().enumerate().map(route).collect()
}

/// Waits for the record's commit. Records of one batch share it, so this rarely waits more than once.
async fn settle(taken: Result<Taken, Refusal>) -> Result<Taken, Refusal> {
    let taken = taken?;
    let ack: &Ack = &taken.appended.ack;
    ack.wait().await.map_err(Refusal::Log)?;
    Ok(taken)
}

fn result_entry(
    context: &Context,
    routed: &Routed<'_, '_>,
    outcome: Result<Taken, Refusal>,
) -> Value<'static> {
    match outcome {
        Ok(taken) => Value::map([
            ("SequenceNumber", Value::text(routed.sequence_number(&taken.appended).to_string())),
            ("ShardId", Value::text(routed.shard.id.to_string())),
        ]),
        Err(Refusal::Throttled) => Value::map([
            ("ErrorCode", Value::text("ProvisionedThroughputExceededException")),
            ("ErrorMessage", Value::text(routed.throttle_text(context))),
        ]),
        Err(Refusal::Log(_)) => Value::map([
            ("ErrorCode", Value::text("InternalFailure")),
            ("ErrorMessage", Value::text("Internal Service Failure")),
        ]),
    }
}
