//! What an account may have, has, and has agreed to.

use std::rc::Rc;

use crate::catalog::{Catalog, Command, Commitment, CommitmentStatus, StreamMode};
use crate::limits;
use crate::wire::{Members, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::streams::timestamp;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] =
    &[entry::<DescribeLimits>(), entry::<DescribeAccountSettings>(), entry::<UpdateAccountSettings>()];

struct DescribeLimits;

impl<'v> Operation<'v> for DescribeLimits {
    const NAME: &'static str = "DescribeLimits";
    type Input = ();
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::DESCRIBE_LIMITS_CALLS_PER_SEC);

    fn read(_: &mut Members<'_, 'v>) {}

    async fn run((): (), context: &Rc<Context>) -> Result<Answer, ApiError> {
        let catalog = context.control.catalog();
        let streams = catalog.streams_of(context.account());
        let on_demand = streams.filter(|stream| stream.mode == StreamMode::OnDemand).count();
        let number = |number: usize| Value::Integer(number as i128);
        Ok(Answer::Output(Value::map([
            ("ShardLimit", number(limits::SHARDS_PER_ACCOUNT_MAX)),
            ("OpenShardCount", number(catalog.open_shard_count(context.account()))),
            ("OnDemandStreamCount", number(on_demand)),
            ("OnDemandStreamCountLimit", number(limits::ON_DEMAND_STREAMS_MAX)),
            // There are no channels here, and there can be none.
            ("ChannelCount", number(0)),
            ("ChannelCountLimit", number(0)),
        ])))
    }
}

struct DescribeAccountSettings;

impl<'v> Operation<'v> for DescribeAccountSettings {
    const NAME: &'static str = "DescribeAccountSettings";
    type Input = ();
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(_: &mut Members<'_, 'v>) {}

    async fn run((): (), context: &Rc<Context>) -> Result<Answer, ApiError> {
        Ok(settings(context))
    }
}

struct UpdateAccountSettings;

impl<'v> Operation<'v> for UpdateAccountSettings {
    const NAME: &'static str = "UpdateAccountSettings";
    type Input = CommitmentStatus;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> CommitmentStatus {
        let status = m
            .structure("MinimumThroughputBillingCommitment")
            .required(|m| m.enumeration("Status", &["ENABLED", "DISABLED"]).required());
        if status == "ENABLED" { CommitmentStatus::Enabled } else { CommitmentStatus::Disabled }
    }

    async fn run(status: CommitmentStatus, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let account = context.account().map(str::to_owned);
        let decide = |_: &Catalog| Ok(Command::SetCommitment { account, at: context.clock.wall(), status });
        context.control.change(decide).await?;
        Ok(settings(context))
    }
}

fn settings(context: &Context) -> Answer {
    let catalog = context.control.catalog();
    let commitment = catalog.commitment(context.account());
    Answer::Output(Value::map([(
        "MinimumThroughputBillingCommitment",
        commitment_value(context, commitment),
    )]))
}

fn commitment_value(context: &Context, commitment: Option<&Commitment>) -> Value<'static> {
    let Some(commitment) = commitment else { return Value::map([("Status", Value::text("DISABLED"))]) };
    let now = context.clock.wall();
    let ended = commitment.ends.filter(|_| !commitment.holds(now));
    let earliest = commitment.holds(now).then(|| commitment.earliest_end());
    let time = |time: Option<crate::types::Timestamp>| time.map_or(Value::Null, timestamp);
    Value::map([
        ("Status", Value::text(commitment.status(now))),
        ("StartedAt", timestamp(commitment.started)),
        ("EndedAt", time(ended)),
        ("EarliestAllowedEndAt", time(earliest)),
    ])
}
