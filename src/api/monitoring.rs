//! Which shard-level metrics of a stream are on.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::catalog::{Catalog, Command, Stream};
use crate::limits;
use crate::wire::{Members, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::resource_ref::{StreamRef, require_active};
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] =
    &[entry::<EnableEnhancedMonitoring>(), entry::<DisableEnhancedMonitoring>()];

/// Every metric there is, and the word for all of them.
const METRICS: &[&str] = &[
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
    ALL,
];
const ALL: &str = "ALL";

type MonitoringInput<'v> = (BTreeSet<String>, StreamRef<'v>);

fn read<'v>(m: &mut Members<'_, 'v>) -> MonitoringInput<'v> {
    let (stream, named) =
        StreamRef::around(m, |m| m.text_list("ShardLevelMetrics").length(1, 7).each_of(METRICS).required());
    let all = named.contains(&ALL);
    let chosen = METRICS.iter().filter(|&metric| *metric != ALL && (all || named.contains(metric)));
    (chosen.map(|&metric| metric.to_owned()).collect(), stream)
}

struct EnableEnhancedMonitoring;

impl<'v> Operation<'v> for EnableEnhancedMonitoring {
    const NAME: &'static str = "EnableEnhancedMonitoring";
    type Input = MonitoringInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        read(m)
    }

    async fn run((metrics, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        change(context, &stream, |current| current | &metrics).await
    }
}

struct DisableEnhancedMonitoring;

impl<'v> Operation<'v> for DisableEnhancedMonitoring {
    const NAME: &'static str = "DisableEnhancedMonitoring";
    type Input = MonitoringInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> Self::Input {
        read(m)
    }

    async fn run((metrics, stream): Self::Input, context: &Rc<Context>) -> Result<Answer, ApiError> {
        change(context, &stream, |current| current - &metrics).await
    }
}

/// Sets what `desired` makes of the metrics that are on; tells both.
async fn change(
    context: &Rc<Context>,
    stream: &StreamRef<'_>,
    desired: impl Fn(&BTreeSet<String>) -> BTreeSet<String>,
) -> Result<Answer, ApiError> {
    let mut answer = Answer::Empty;
    let decide = |_: &Catalog| {
        let stream: &Stream = &*stream.resolve(context)?;
        require_active(context, stream)?;
        let metrics = desired(&stream.metrics);
        answer = Answer::Output(Value::map([
            ("StreamName", Value::text(stream.name.clone())),
            ("CurrentShardLevelMetrics", list(&stream.metrics)),
            ("DesiredShardLevelMetrics", list(&metrics)),
            ("StreamARN", Value::text(context.stream_arn(&stream.name).to_string())),
        ]));
        Ok(Command::SetMonitoring { stream: stream.key.clone(), metrics })
    };
    context.control.change(decide).await?;
    Ok(answer)
}

/// Metrics as descriptions and answers list them.
pub(super) fn list(metrics: &BTreeSet<String>) -> Value<'static> {
    let in_order = METRICS.iter().filter(|&metric| metrics.contains(*metric));
    Value::List(in_order.map(|&metric| Value::text(metric)).collect())
}
