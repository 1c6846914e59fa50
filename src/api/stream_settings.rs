//! What a stream can be told about itself: who decides the number of shards, how large a record may be.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Recent, Stream, StreamMode};
use crate::limits;
use crate::wire::{Members, Pattern};

use super::operation::{Answer, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::streams::warm_throughput;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[entry::<UpdateStreamMode>(), entry::<UpdateMaxRecordSize>()];

struct UpdateStreamMode;

struct ModeInput<'v> {
    stream: StreamRef<'v>,
    mode: StreamMode,
    warm_throughput: bool,
}

impl<'v> Operation<'v> for UpdateStreamMode {
    const NAME: &'static str = "UpdateStreamMode";
    type Input = ModeInput<'v>;

    fn read(m: &mut Members<'_, 'v>) -> ModeInput<'v> {
        let stream = StreamRef::read_arn(m);
        let mode = m
            .structure("StreamModeDetails")
            .required(|m| m.enumeration("StreamMode", &["PROVISIONED", "ON_DEMAND"]).required());
        let mode = if mode == "ON_DEMAND" { StreamMode::OnDemand } else { StreamMode::Provisioned };
        let warm_throughput = m.integer("WarmThroughputMiBps").at_least(0).optional().is_some();
        ModeInput { stream, mode, warm_throughput }
    }

    async fn run(input: ModeInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |catalog: &Catalog| {
            let stream = input.stream.resolve(context)?;
            require_active(context, &stream)?;
            may_change_mode(context, catalog, &stream, input.mode)?;
            let (at, mode) = (context.clock.wall(), input.mode);
            if input.warm_throughput {
                return Err(warm_throughput(context));
            }
            Ok(Command::SetMode { stream: stream.key.clone(), at, mode, warm_mibps: None })
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
    let on_demand =
        catalog.streams_of(context.account()).filter(|it| it.mode == StreamMode::OnDemand).count();
    if mode == StreamMode::OnDemand && on_demand >= limits::ON_DEMAND_STREAMS_MAX {
        return Err(ApiError::limit_exceeded(format!(
            "Account {} already has {on_demand} streams in On-Demand mode.",
            context.identity.account
        )));
    }
    Ok(())
}

struct UpdateMaxRecordSize;

impl<'v> Operation<'v> for UpdateMaxRecordSize {
    const NAME: &'static str = "UpdateMaxRecordSize";
    type Input = (StreamRef<'v>, i64);

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
