//! Changing a stream's number of shards in one call.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Recent, Stream, StreamMode};
use crate::limits;
use crate::types::hash_key::even_ranges;
use crate::wire::{Members, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<UpdateShardCount>()];

struct UpdateShardCount;

struct UpdateInput<'v> {
    target: i64,
    stream: StreamRef<'v>,
}

impl<'v> Operation<'v> for UpdateShardCount {
    const NAME: &'static str = "UpdateShardCount";
    type Input = UpdateInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::FREQUENT_CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> UpdateInput<'v> {
        let (stream, target) = StreamRef::around(m, |m| {
            let target = m.integer("TargetShardCount").at_least(1).required();
            m.enumeration("ScalingType", &["UNIFORM_SCALING"]).required();
            target
        });
        UpdateInput { target, stream }
    }

    async fn run(input: UpdateInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream.resolve(context)?;
        require_scalable(context, &stream)?;
        let mut current = stream.open_shard_count();
        let target = u32::try_from(input.target).unwrap_or(u32::MAX);
        // A stream that has as many shards already keeps them.
        if current != target as usize {
            let decide = |catalog: &Catalog| {
                let stream = input.stream.resolve(context)?;
                may_scale(context, catalog, &stream, target)?;
                current = stream.open_shard_count();
                let starts = even_ranges(target).iter().map(|range| range.start).collect();
                Ok(Command::Rescale { stream: stream.key.clone(), at: context.clock.wall(), starts })
            };
            context.control.change(decide).await?;
        }
        Ok(Answer::Output(Value::map([
            ("StreamName", Value::text(stream.name.clone())),
            ("CurrentShardCount", Value::Integer(current as i128)),
            ("TargetShardCount", Value::Integer(i128::from(target))),
            ("StreamARN", Value::text(context.stream_arn(&stream.name).to_string())),
        ])))
    }
}

/// Refuses unless the stream is ACTIVE and its number of shards its user's to choose.
fn require_scalable(context: &Context, stream: &Stream) -> Result<(), ApiError> {
    let (name, account) = (&stream.name, &context.identity.account);
    require_active(context, stream)?;
    if stream.mode == StreamMode::OnDemand {
        return Err(ApiError::validation(format!(
            "Request is invalid. Stream {name} under account {account} is in On-Demand mode."
        )));
    }
    Ok(())
}

fn may_scale(context: &Context, catalog: &Catalog, stream: &Stream, target: u32) -> Result<(), ApiError> {
    require_scalable(context, stream)?;
    if target > limits::SHARDS_PER_STREAM_MAX {
        return Err(ApiError::limit_exceeded(format!(
            "UpdateShardCount cannot scale to more than {} shards. Target shard count: {target}",
            limits::SHARDS_PER_STREAM_MAX
        )));
    }
    if context.quotas.is_some() { within_limits(context, catalog, stream, target) } else { Ok(()) }
}

/// The service's own bounds: double or half at once, so many times a day, so many shards.
fn within_limits(context: &Context, catalog: &Catalog, stream: &Stream, target: u32) -> Result<(), ApiError> {
    let open = stream.open_shard_count();
    let wrong_way = if target as usize > 2 * open {
        Some("up over double")
    } else if (target as usize) < open.div_ceil(2) {
        Some("down below half")
    } else {
        None
    };
    if let Some(way) = wrong_way {
        return Err(ApiError::invalid_argument(format!(
            "UpdateShardCount cannot scale {way} your current open shard count. Current open shard count: \
             {open} Target shard count: {target}"
        )));
    }
    let others = catalog.open_shard_count(context.account()) - open;
    let (stream_max, account_max) = (limits::SHARDS_BY_SCALING_MAX, limits::SHARDS_PER_ACCOUNT_MAX);
    // Who has more already may go down.
    if target > stream_max || others + target as usize > account_max.max(others + open) {
        return Err(ApiError::limit_exceeded(format!(
            "UpdateShardCount cannot scale over {stream_max} shards of a stream or {account_max} of an account. \
             Target shard count: {target}"
        )));
    }
    let today = Recent::in_a_day(&stream.recent.scalings, context.clock.wall());
    if today >= limits::SCALINGS_PER_DAY_MAX {
        return Err(ApiError::limit_exceeded(format!(
            "The shard count of stream {} was updated {today} times in the last 24 hours. Limit: {}",
            stream.name,
            limits::SCALINGS_PER_DAY_MAX
        )));
    }
    Ok(())
}
