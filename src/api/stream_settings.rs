//! What a stream can be told about itself: who decides the number of shards, how large a record may be, who
//! finds each record's shard.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Recent, Stream, StreamMode};
use crate::limits;
use crate::wire::{Members, Pattern, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::{ApiError, Context, warm_throughput};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[
    entry::<UpdateStreamMode>(),
    entry::<UpdateMaxRecordSize>(),
    entry::<UpdateStreamRecordDistributionStrategy>(),
];

struct UpdateStreamMode;

struct ModeInput<'v> {
    stream: StreamRef<'v>,
    mode: StreamMode,
    warm_mibps: Option<u32>,
}

impl<'v> Operation<'v> for UpdateStreamMode {
    const NAME: &'static str = "UpdateStreamMode";
    type Input = ModeInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> ModeInput<'v> {
        let stream = StreamRef::read_arn(m);
        let mode = m
            .structure("StreamModeDetails")
            .required(|m| m.enumeration("StreamMode", &["PROVISIONED", "ON_DEMAND"]).required());
        let mode = if mode == "ON_DEMAND" { StreamMode::OnDemand } else { StreamMode::Provisioned };
        ModeInput { stream, mode, warm_mibps: warm_throughput::read(m) }
    }

    async fn run(input: ModeInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |catalog: &Catalog| {
            let stream = input.stream.resolve(context)?;
            require_active(context, &stream)?;
            may_change_mode(context, catalog, &stream, input.mode)?;
            let (at, mode) = (context.clock.wall(), input.mode);
            if let Some(mibps) = input.warm_mibps {
                warm_throughput::may_keep(context, catalog, (mode, stream.open_shard_count()), mibps)?;
            }
            let kept = stream.warm_mibps.filter(|_| mode == StreamMode::OnDemand);
            let warm_mibps = input.warm_mibps.or(kept);
            Ok(Command::SetMode { stream: stream.key.clone(), at, mode, warm_mibps })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

fn may_change_mode(
    context: &Context,
    catalog: &Catalog,
    stream: &Stream,
    mode: StreamMode,
) -> Result<(), ApiError> {
    if context.quotas.is_none() || mode == stream.mode {
        return Ok(());
    }
    let today = Recent::in_a_day(&stream.recent.modes, context.clock.wall());
    if today >= limits::MODE_CHANGES_PER_DAY_MAX {
        return Err(ApiError::limit_exceeded(format!(
            "The mode of stream {} was changed {today} times in the last 24 hours. Limit: {}",
            stream.name,
            limits::MODE_CHANGES_PER_DAY_MAX
        )));
    }
    may_have_another(context, catalog, mode)
}

/// Refuses a further stream of this mode where the account has as many as it may.
pub(super) fn may_have_another(
    context: &Context,
    catalog: &Catalog,
    mode: StreamMode,
) -> Result<(), ApiError> {
    let streams = catalog.streams_of(context.account());
    let on_demand = streams.filter(|stream| stream.mode == StreamMode::OnDemand).count();
    let is_full = mode == StreamMode::OnDemand && on_demand >= limits::ON_DEMAND_STREAMS_MAX;
    if context.quotas.is_none() || !is_full {
        return Ok(());
    }
    Err(ApiError::limit_exceeded(format!(
        "Account {} already has {on_demand} streams in On-Demand mode.",
        context.identity.account
    )))
}

struct UpdateMaxRecordSize;

impl<'v> Operation<'v> for UpdateMaxRecordSize {
    const NAME: &'static str = "UpdateMaxRecordSize";
    type Input = (StreamRef<'v>, i64);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        let arn = m.text("StreamARN").length(1, 2048).pattern(Pattern::StreamArn).optional();
        let stream = arn.map_or_else(StreamRef::absent, StreamRef::of_arn);
        (stream, m.integer("MaxRecordSizeInKiB").range(1024, 10_240).required())
    }

    async fn run((stream, kib): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let kib = u32::try_from(kib).map_err(|_| ApiError::internal())?;
        let decide = |_: &Catalog| {
            let stream = stream.resolve(context)?;
            require_active(context, &stream)?;
            Ok(Command::SetMaxRecord { stream: stream.key.clone(), at: context.clock.wall(), kib })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

/// The two ways to find a record's shard.
const STRATEGIES: &[&str] = &[AUTO, "USER_PARTITION_KEY"];
const AUTO: &str = "AUTO";

/// Reads a strategy: whether it is AUTO.
pub(super) fn read_strategy(m: &mut Members<'_, '_>) -> Option<bool> {
    m.enumeration("RecordDistributionStrategy", STRATEGIES).optional().map(|strategy| strategy == AUTO)
}

/// The strategy as descriptions tell it, for streams that can have either.
pub(super) fn strategy(stream: &Stream) -> Value<'static> {
    let text = if stream.auto_distribution { AUTO } else { "USER_PARTITION_KEY" };
    if stream.mode == StreamMode::OnDemand { Value::text(text) } else { Value::Null }
}

/// Refuses AUTO unless the stream is on demand.
pub(super) fn may_distribute(mode: StreamMode, auto: bool) -> Result<(), ApiError> {
    if !auto || mode == StreamMode::OnDemand {
        return Ok(());
    }
    let text = "RecordDistributionStrategy AUTO can only be given for a stream in On-Demand mode.";
    Err(ApiError::invalid_argument(text))
}

struct UpdateStreamRecordDistributionStrategy;

impl<'v> Operation<'v> for UpdateStreamRecordDistributionStrategy {
    const NAME: &'static str = "UpdateStreamRecordDistributionStrategy";
    type Input = (StreamRef<'v>, bool);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        let stream = StreamRef::read_arn(m);
        (stream, m.enumeration("RecordDistributionStrategy", STRATEGIES).required() == AUTO)
    }

    async fn run((stream, auto): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |_: &Catalog| {
            let stream = stream.resolve(context)?;
            require_active(context, &stream)?;
            may_distribute(stream.mode, auto)?;
            Ok(Command::SetDistribution { stream: stream.key.clone(), auto })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}
