//! Splitting and merging shards.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Shard, Stream, StreamMode};
use crate::limits;
use crate::types::{HashKey, ShardId};
use crate::wire::{Members, Pattern};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, no_such_shard, require_active};
use super::streams::may_have_shards;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<SplitShard>(), entry::<MergeShards>()];

struct SplitShard;

struct SplitShardInput<'v> {
    start: &'v str,
    shard: &'v str,
    stream: StreamRef<'v>,
}

impl<'v> Operation<'v> for SplitShard {
    const NAME: &'static str = "SplitShard";
    type Input = SplitShardInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> SplitShardInput<'v> {
        let start = m.text("NewStartingHashKey").pattern(Pattern::HashKey).required();
        let (stream, shard) =
            StreamRef::around(m, |m| m.text("ShardToSplit").length(1, 128).pattern(Pattern::Name).required());
        SplitShardInput { start, shard, stream }
    }

    async fn run(input: SplitShardInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |catalog: &Catalog| {
            let id = parse(context, &input.stream, input.shard)?;
            let stream = input.stream.resolve(context)?;
            let shard = eligible(context, &stream, id)?;
            may_have_shards(context, catalog, stream.open_shard_count(), 1)?;
            let start = split_start(context, &stream, shard, input.start)?;
            let (stream, at) = (stream.key.clone(), context.clock.wall());
            Ok(Command::Reshard { stream, at, parents: vec![id], starts: vec![shard.range.start, start] })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

/// The first hash key of the upper child: inside the shard, and not so low that the lower one is a point.
fn split_start(context: &Context, stream: &Stream, shard: &Shard, text: &str) -> Result<HashKey, ApiError> {
    let (range, id) = (shard.range, shard.id);
    let inside = |key: &HashKey| *key > HashKey(range.start.0.saturating_add(1)) && *key < range.end;
    HashKey::parse(text).ok().filter(inside).ok_or_else(|| {
        let (name, account) = (&stream.name, &context.identity.account);
        ApiError::invalid_argument(format!(
            "NewStartingHashKey {text} used in SplitShard() on shard {id} in stream {name} under account {account} \
             is not both greater than one plus the shard's StartingHashKey {} and less than the shard's \
             EndingHashKey {}.",
            range.start, range.end
        ))
    })
}

struct MergeShards;

struct MergeShardsInput<'v> {
    lower: &'v str,
    upper: &'v str,
    stream: StreamRef<'v>,
}

impl<'v> Operation<'v> for MergeShards {
    const NAME: &'static str = "MergeShards";
    type Input = MergeShardsInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> MergeShardsInput<'v> {
        MergeShardsInput {
            lower: m.text("ShardToMerge").length(1, 128).pattern(Pattern::Name).required(),
            upper: m.text("AdjacentShardToMerge").length(1, 128).pattern(Pattern::Name).required(),
            stream: StreamRef::read(m),
        }
    }

    async fn run(input: MergeShardsInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |_: &Catalog| {
            let lower = parse(context, &input.stream, input.lower)?;
            let upper = parse(context, &input.stream, input.upper)?;
            let stream = input.stream.resolve(context)?;
            let below = eligible(context, &stream, lower)?;
            let above = eligible(context, &stream, upper)?;
            if below.range.end.0.checked_add(1) != Some(above.range.start.0) {
                let (name, account) = (&stream.name, &context.identity.account);
                return Err(ApiError::invalid_argument(format!(
                    "Shards {lower} and {upper} in stream {name} under account {account} are not an adjacent pair \
                     of shards eligible for merging"
                )));
            }
            let (starts, at) = (vec![below.range.start], context.clock.wall());
            Ok(Command::Reshard { stream: stream.key.clone(), at, parents: vec![lower, upper], starts })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

fn parse(context: &Context, stream: &StreamRef<'_>, text: &str) -> Result<ShardId, ApiError> {
    let name = stream.name(context)?;
    ShardId::parse(text).ok_or_else(|| no_such_shard(context, &name, text))
}

/// The open shard of an active provisioned stream.
fn eligible<'s>(context: &Context, stream: &'s Stream, id: ShardId) -> Result<&'s Shard, ApiError> {
    let (name, account) = (&stream.name, &context.identity.account);
    require_active(context, stream)?;
    if stream.mode == StreamMode::OnDemand {
        return Err(ApiError::validation(format!(
            "Request is invalid. Stream {name} under account {account} is in On-Demand mode."
        )));
    }
    let shard = stream.shard(id).ok_or_else(|| no_such_shard(context, name, id))?;
    if !shard.is_open() {
        return Err(ApiError::invalid_argument(format!(
            "Shard {id} in stream {name} under account {account} has already been merged or split, and thus is not \
             eligible for merging or splitting."
        )));
    }
    Ok(shard)
}
