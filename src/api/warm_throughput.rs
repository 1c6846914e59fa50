//! Capacity kept ready for a stream on demand: as many shards as it takes, from the moment it is asked for.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Stream, StreamMode};
use crate::limits;
use crate::wire::{Members, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<UpdateStreamWarmThroughput>()];

/// Reads what is to be kept ready, in MiB/s.
pub(super) fn read(m: &mut Members<'_, '_>) -> Option<u32> {
    let mibps = m.integer("WarmThroughputMiBps").at_least(0).optional();
    mibps.map(|mibps| u32::try_from(mibps).unwrap_or(u32::MAX))
}

struct UpdateStreamWarmThroughput;

impl<'v> Operation<'v> for UpdateStreamWarmThroughput {
    const NAME: &'static str = "UpdateStreamWarmThroughput";
    type Input = (u32, StreamRef<'v>);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        let stream = StreamRef::read_arn_first(m);
        let mibps = m.integer("WarmThroughputMiBps").at_least(0).required();
        (u32::try_from(mibps).unwrap_or(u32::MAX), stream)
    }

    async fn run((mibps, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |catalog: &Catalog| {
            let stream = stream.resolve(context)?;
            require_active(context, &stream)?;
            may_keep(context, catalog, (stream.mode, stream.open_shard_count()), mibps)?;
            Ok(Command::SetWarmThroughput { stream: stream.key.clone(), at: context.clock.wall(), mibps })
        };
        context.control.change(decide).await?;
        let stream = stream.resolve(context)?;
        Ok(Answer::Output(Value::map([
            ("StreamARN", Value::text(context.stream_arn(&stream.name).to_string())),
            ("StreamName", Value::text(stream.name.clone())),
            ("WarmThroughput", value(&stream)),
        ])))
    }
}

/// Refuses unless a stream of this mode, with so many open shards already, may have `mibps` kept ready.
pub(super) fn may_keep(
    context: &Context,
    catalog: &Catalog,
    (mode, open): (StreamMode, usize),
    mibps: u32,
) -> Result<(), ApiError> {
    if mode != StreamMode::OnDemand {
        let text = "WarmThroughputMiBps can only be given for a stream in On-Demand mode.";
        return Err(ApiError::invalid_argument(text));
    }
    if !is_committed(context, catalog) {
        return Err(ApiError::invalid_argument(
            "WarmThroughputMiBps needs the account's minimum throughput billing commitment to be ENABLED.",
        ));
    }
    if mibps > limits::WARM_MIBPS_MAX {
        return Err(ApiError::invalid_argument(format!(
            "WarmThroughputMiBps {mibps} is more than {} MiB per second.",
            limits::WARM_MIBPS_MAX
        )));
    }
    let others = catalog.open_shard_count(context.account()) - open;
    let shards_max = limits::SHARDS_PER_ACCOUNT_MAX;
    if context.quotas.is_some() && others + mibps as usize > shards_max.max(others + open) {
        return Err(ApiError::limit_exceeded(format!(
            "WarmThroughputMiBps {mibps} would take more than the account's {shards_max} shards."
        )));
    }
    Ok(())
}

/// Whether the account is committed to a minimum throughput now.
pub(super) fn is_committed(context: &Context, catalog: &Catalog) -> bool {
    let now = context.clock.wall();
    catalog.commitment(context.account()).is_some_and(|commitment| commitment.holds(now))
}

/// What is asked for and what is there, for streams that can have it.
pub(super) fn described(context: &Context, stream: &Stream) -> Value<'static> {
    let applies = stream.mode == StreamMode::OnDemand && is_committed(context, &context.control.catalog());
    if applies { value(stream) } else { Value::Null }
}

fn value(stream: &Stream) -> Value<'static> {
    let target = stream.warm_mibps.unwrap_or_default();
    Value::map([
        ("TargetMiBps", Value::Integer(target.into())),
        ("CurrentMiBps", Value::Integer(stream.warm_mibps_now().into())),
    ])
}
