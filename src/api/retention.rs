//! How long a stream keeps its records.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Stream};
use crate::limits;
use crate::wire::Members;

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] =
    &[entry::<IncreaseStreamRetentionPeriod>(), entry::<DecreaseStreamRetentionPeriod>()];

struct IncreaseStreamRetentionPeriod;

impl<'v> Operation<'v> for IncreaseStreamRetentionPeriod {
    const NAME: &'static str = "IncreaseStreamRetentionPeriod";
    type Input = (i64, StreamRef<'v>);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (m.integer("RetentionPeriodHours").required(), StreamRef::read(m))
    }

    async fn run((hours, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        set(context, hours, &stream, |hours, existing| {
            (hours < existing).then_some(("shorter", "DecreaseRetentionPeriod"))
        })
        .await
    }
}

struct DecreaseStreamRetentionPeriod;

impl<'v> Operation<'v> for DecreaseStreamRetentionPeriod {
    const NAME: &'static str = "DecreaseStreamRetentionPeriod";
    type Input = (i64, StreamRef<'v>);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        (m.integer("RetentionPeriodHours").required(), StreamRef::read(m))
    }

    async fn run((hours, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        set(context, hours, &stream, |hours, existing| {
            (hours > existing).then_some(("longer", "IncreaseRetentionPeriod"))
        })
        .await
    }
}

/// Sets the retention, unless `wrong_way` names the adjective and the operation that would fit. An equal
/// value succeeds.
async fn set(
    context: &Rc<Context>,
    hours: i64,
    stream: &StreamRef<'_>,
    wrong_way: impl Fn(u32, u32) -> Option<(&'static str, &'static str)>,
) -> Result<Answer, ApiError> {
    let decide = |_: &Catalog| {
        let stream: &Stream = &*stream.resolve(context)?;
        let hours = in_range(hours)?;
        require_active(context, stream)?;
        let (name, existing) = (stream.name.clone(), stream.retention_hours);
        match wrong_way(hours, existing) {
            None => Ok(Command::SetRetention { stream: stream.key.clone(), at: context.clock.wall(), hours }),
            Some((adjective, other)) => Err(ApiError::invalid_argument(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be {adjective} than existing \
                 retention period ({existing} hours). Use {other} API."
            ))),
        }
    };
    context.control.change(decide).await?;
    Ok(Answer::Empty)
}

fn in_range(hours: i64) -> Result<u32, ApiError> {
    let (low, high) = (limits::RETENTION_HOURS_DEFAULT, limits::RETENTION_HOURS_MAX);
    if hours < i64::from(low) {
        return Err(ApiError::invalid_argument(format!(
            "Minimum allowed retention period is {low} hours. Requested retention period ({hours} hours) is too \
             short."
        )));
    }
    u32::try_from(hours).ok().filter(|&hours| hours <= high).ok_or_else(|| {
        ApiError::invalid_argument(format!(
            "Maximum allowed retention period is {high} hours. Requested retention period ({hours} hours) is too \
             long."
        ))
    })
}
