//! Pulling records: iterators and `GetRecords`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Shard, Stream};
use crate::limits;
use crate::pull::{Page, ShardIterator};
use crate::push::ChildShard;
use crate::storage::{From, StorageError};
use crate::types::{Offset, ShardId, StreamArn};
use crate::wire::{Members, Pattern, Value};

use super::control::child_shards;
use super::meters::StreamMeters;
use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::position::{KINDS, Position, identity_of};
use super::records::throttle_text;
use super::resource_ref::{StreamRef, no_shard_to_read, no_such_shard, shard_to_read};
use super::shards::range_value;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<GetShardIterator>(), entry::<GetRecords>()];

struct GetShardIterator;

struct GetShardIteratorInput<'v> {
    shard: &'v str,
    position: Position<'v>,
    stream: StreamRef<'v>,
    dry_run: bool,
}

impl<'v> Operation<'v> for GetShardIterator {
    const NAME: &'static str = "GetShardIterator";
    type Input = GetShardIteratorInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::OfShards;

    fn read(m: &mut Members<'_, 'v>) -> GetShardIteratorInput<'v> {
        let shard = m.text("ShardId").length(1, 128).pattern(Pattern::Name).required();
        let kind = m.enumeration("ShardIteratorType", KINDS).required();
        let sequence_number = m.text("StartingSequenceNumber").pattern(Pattern::SequenceNumber).optional();
        let (stream, timestamp) = StreamRef::around(m, |m| m.timestamp("Timestamp").optional());
        let dry_run = m.boolean("DryRun").optional().unwrap_or(false);
        let position = Position { kind, sequence_number, timestamp, operation: Self::NAME };
        GetShardIteratorInput { shard, position, stream, dry_run }
    }

    async fn run(input: GetShardIteratorInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream(context)?;
        let shard = shard_to_read(context, &stream, input.shard)?;
        let offset = input.position.resolve(context, &stream, shard).await?;
        if input.dry_run {
            return Err(ApiError::dry_run());
        }
        if context.gates.admit_iterator(shard.log, context.clock.now()).is_err() {
            context.gates.meters(&stream.key).iterator_throttled.increment(1);
            return Err(ApiError::throughput_exceeded(throttle_text(context, &stream, shard)));
        }
        let text = iterator_text(context, &stream, shard, offset);
        Ok(Answer::Output(Value::map([("ShardIterator", Value::text(text))])))
    }
}

impl GetShardIteratorInput<'_> {
    /// The stream, once it takes data; until then its shards are what is not found.
    fn stream(&self, context: &Context) -> Result<Arc<Stream>, ApiError> {
        let name = self.stream.name(context)?;
        let id = ShardId::parse(self.shard).ok_or_else(|| no_such_shard(context, &name, self.shard))?;
        let found = self.stream.resolve(context).ok().filter(|stream| stream.takes_data());
        found.ok_or_else(|| no_shard_to_read(context, &name, id))
    }
}

fn iterator_text(context: &Context, stream: &Stream, shard: &Shard, offset: Offset) -> String {
    let issued = context.clock.wall();
    let (log, shard, stream) = (shard.log, shard.id, stream.name.clone());
    let serial = context.gates.next_iterator();
    ShardIterator { log, offset, issued, shard, serial, stream }.to_text(&context.key)
}

struct GetRecords;

struct GetRecordsInput<'v> {
    iterator: &'v str,
    limit: Option<i64>,
    stream_arn: Option<&'v str>,
    dry_run: bool,
}

impl<'v> Operation<'v> for GetRecords {
    const NAME: &'static str = "GetRecords";
    type Input = GetRecordsInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::OfShards;

    fn read(m: &mut Members<'_, 'v>) -> GetRecordsInput<'v> {
        GetRecordsInput {
            iterator: m.text("ShardIterator").length(1, 512).required(),
            limit: m.integer("Limit").range(1, 10_000).optional(),
            stream_arn: m.text("StreamARN").length(1, 2048).pattern(Pattern::StreamArn).optional(),
            dry_run: m.boolean("DryRun").optional().unwrap_or(false),
        }
    }

    async fn run(input: GetRecordsInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let now = context.clock.wall();
        let iterator = ShardIterator::open(input.iterator, &context.key, now)
            .map_err(|error| ApiError::iterator(error, now))?;
        let stream = input.stream(context, &iterator)?;
        let missing = || no_shard_to_read(context, &iterator.stream, iterator.shard);
        let shard =
            stream.shard(iterator.shard).filter(|shard| shard.log == iterator.log).ok_or_else(missing)?;
        if input.dry_run {
            return Err(ApiError::dry_run());
        }
        let meters = context.gates.meters(&stream.key);
        let began = context.clock.now();
        let answer = input.get(context, (&stream, shard), &meters, iterator.offset).await;
        meters.called(&meters.get_records, &answer, context.clock.now().since(began));
        answer
    }
}

impl GetRecordsInput<'_> {
    async fn get(
        &self,
        context: &Context,
        (stream, shard): (&Stream, &Shard),
        meters: &StreamMeters,
        from: Offset,
    ) -> Result<Answer, ApiError> {
        if context.gates.admit_read(shard.log, context.clock.now()).is_err() {
            meters.read_throttled.increment(1);
            return Err(ApiError::throughput_exceeded(throttle_text(context, stream, shard)));
        }
        let limit =
            self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limits::GET_RECORDS_MAX);
        let page = read_page(context, stream, shard, from, limit).await?;
        let (records, bytes) = (page.records.len(), page.payload_bytes);
        let behind = millis_behind(context, shard, &page);
        context.gates.note_read(
            shard.log,
            (records, bytes),
            Duration::from_millis(behind),
            context.clock.now(),
        );
        meters.read(records, bytes);
        Ok(answer(context, stream, shard, page, behind))
    }

    fn stream(&self, context: &Context, iterator: &ShardIterator) -> Result<Arc<Stream>, ApiError> {
        let named = self.stream_arn.and_then(StreamArn::parse);
        let identity = &context.identity;
        let is_its = |arn: &StreamArn| {
            arn.name == iterator.stream && arn.account == identity.account && arn.region == identity.region
        };
        if named.is_some_and(|arn| !is_its(&arn)) {
            return Err(ApiError::invalid_argument(
                "StreamARN is not that of the stream the ShardIterator is for.",
            ));
        }
        let gone = || no_shard_to_read(context, &iterator.stream, iterator.shard);
        context.stream(&iterator.stream).ok_or_else(gone)
    }
}

/// Records from `from` on, within the call's bounds.
async fn read_page(
    context: &Context,
    stream: &Stream,
    shard: &Shard,
    from: Offset,
    limit: usize,
) -> Result<Page, ApiError> {
    let horizon = stream.trim_horizon(context.clock.wall());
    let mut page = Page::new(from, limit, limits::GET_RECORDS_BYTES_MAX);
    while !page.is_full() {
        let batches = match context.store.read(shard.log, From::Offset(page.next), page.bytes_left()).await {
            // What lies before a damaged place is served; who asks for the place itself is told.
            Err(_) if !page.records.is_empty() => break,
            // It went while it was read.
            Err(StorageError::NoSuchLog(_)) => return Err(no_shard_to_read(context, &stream.name, shard.id)),
            batches => batches?,
        };
        if batches.is_empty() {
            // Offsets left out at the tip hold nothing: the next call begins behind them.
            page.next = page.next.max(context.store.tip(shard.log).unwrap_or_default());
            break;
        }
        batches.iter().for_each(|batch| page.take(batch, horizon));
    }
    Ok(page)
}

/// How long ago the page's last record came, unless nothing follows it.
fn millis_behind(context: &Context, shard: &Shard, page: &Page) -> u64 {
    let tip = context.store.tip(shard.log).unwrap_or_default();
    match page.records.last() {
        Some(last) if page.next < tip => context.clock.wall().millis_since(last.arrival),
        _ => 0,
    }
}

fn answer(context: &Context, stream: &Stream, shard: &Shard, page: Page, millis_behind: u64) -> Answer {
    let tip = context.store.tip(shard.log).unwrap_or_default();
    // Told by the empty page behind the last records, as recorded from the service: Telegraf and Flink's
    // newer source cannot take records and a shard's end at once.
    let is_tip = page.records.is_empty() && page.next >= tip;
    let drained = is_tip && !shard.is_open() && !context.store.engine().has_uncommitted(shard.log);
    let next =
        if drained { Value::Null } else { Value::text(iterator_text(context, stream, shard, page.next)) };
    let children = if drained {
        Value::List(child_shards(stream, shard).iter().map(child_value).collect())
    } else {
        Value::Null
    };
    let rest = Value::map([
        ("NextShardIterator", next),
        ("MillisBehindLatest", Value::Integer(i128::from(millis_behind))),
        ("ChildShards", children),
    ]);
    Answer::Records(identity_of(shard), page.records, rest)
}

/// A child shard as readers see it.
fn child_value(child: &ChildShard) -> Value<'static> {
    let parents = child.parents.iter().map(|id| Value::text(id.to_string())).collect();
    Value::map([
        ("ShardId", Value::text(child.id.to_string())),
        ("ParentShards", Value::List(parents)),
        ("HashKeyRange", range_value(child.range)),
    ])
}
