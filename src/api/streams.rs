//! Streams: create, delete, describe, list.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::catalog::{Catalog, Command, ShardFilter, Stream, StreamMode, StreamStatus};
use crate::limits;
use crate::types::ShardId;
use crate::wire::{Members, Pattern, Value};

use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::page_token::PageToken;
use super::resource_ref::StreamRef;
use super::shards::shard_value;
use super::stream_settings::{may_distribute, may_have_another, read_strategy, strategy};
use super::tags::require_valid;
use super::{ApiError, Context, encryption, monitoring, warm_throughput};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[
    entry::<CreateStream>(),
    entry::<DeleteStream>(),
    entry::<DescribeStream>(),
    entry::<DescribeStreamSummary>(),
    entry::<ListStreams>(),
];

/// Items of one page of shards or names.
const PAGE_MAX: usize = 100;

struct CreateStream;

struct CreateStreamInput<'v> {
    shards: Option<i64>,
    name: &'v str,
    mode: Option<&'static str>,
    tags: BTreeMap<&'v str, &'v str>,
    max_record_kib: Option<i64>,
    auto_distribution: bool,
    warm_mibps: Option<u32>,
}

impl<'v> Operation<'v> for CreateStream {
    const NAME: &'static str = "CreateStream";
    type Input = CreateStreamInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> CreateStreamInput<'v> {
        CreateStreamInput {
            shards: m.integer("ShardCount").at_least(1).optional(),
            name: m.text("StreamName").length(1, 128).pattern(Pattern::Name).required(),
            mode: m
                .structure("StreamModeDetails")
                .optional(|m| m.enumeration("StreamMode", &["PROVISIONED", "ON_DEMAND"]).required()),
            tags: m
                .text_map("Tags")
                .length(1, 200)
                .keys(1, 128)
                .values(0, 256)
                .optional()
                .unwrap_or_default(),
            warm_mibps: warm_throughput::read(m),
            max_record_kib: m.integer("MaxRecordSizeInKiB").range(1024, 10_240).optional(),
            auto_distribution: read_strategy(m).unwrap_or(false),
        }
    }

    async fn run(input: CreateStreamInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let (mode, shards) = input.mode_and_shards()?;
        require_valid(context, input.name, &input.tags, &BTreeMap::new())?;
        may_distribute(mode, input.auto_distribution)?;
        let command = Command::CreateStream {
            stream: context.key(input.name),
            at: context.clock.wall(),
            mode,
            shards,
            max_record_kib: u32::try_from(input.max_record_kib.unwrap_or(1024)).unwrap_or(1024),
            tags: input.tags.iter().map(|(&key, &value)| (key.to_owned(), value.to_owned())).collect(),
            auto_distribution: input.auto_distribution,
            warm_mibps: input.warm_mibps,
        };
        let decide = |catalog: &Catalog| {
            if let Some(mibps) = input.warm_mibps {
                warm_throughput::may_keep(context, catalog, (mode, 0), mibps)?;
            }
            may_create(context, catalog, input.name, (mode, shards)).map(|()| command)
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

impl CreateStreamInput<'_> {
    fn mode_and_shards(&self) -> Result<(StreamMode, u32), ApiError> {
        let null_count = "1 validation error detected: Value null at 'shardCount' failed to satisfy constraint: \
                          Member must not be null";
        match (self.mode, self.shards) {
            (Some("ON_DEMAND"), Some(_)) => {
                Err(ApiError::validation("ShardCount must not be given for a stream in On-Demand mode."))
            }
            (Some("ON_DEMAND"), None) | (None, None) => {
                let warm = self.warm_mibps.unwrap_or_default().min(limits::WARM_MIBPS_MAX);
                Ok((StreamMode::OnDemand, warm.max(limits::ON_DEMAND_SHARDS_MIN)))
            }
            (_, None) => Err(ApiError::validation(null_count)),
            (_, Some(count)) => Ok((StreamMode::Provisioned, u32::try_from(count).unwrap_or(u32::MAX))),
        }
    }
}

fn may_create(
    context: &Context,
    catalog: &Catalog,
    name: &str,
    (mode, shards): (StreamMode, u32),
) -> Result<(), ApiError> {
    let account = &context.identity.account;
    if catalog.stream(&context.key(name)).is_some() {
        return Err(ApiError::in_use(format!("Stream {name} under account {account} already exists.")));
    }
    may_have_shards(context, catalog, 0, shards as usize)?;
    let creating = catalog
        .streams_of(context.account())
        .filter(|stream| stream.status == StreamStatus::Creating)
        .count();
    if context.quotas.is_some() && creating >= limits::STREAMS_CREATING_MAX {
        return Err(ApiError::limit_exceeded(format!(
            "Account {account} already has {creating} streams in state CREATING."
        )));
    }
    may_have_another(context, catalog, mode)
}

/// Refuses `more` shards beyond what the account may have or, without quotas, a stream that has `open`.
pub(super) fn may_have_shards(
    context: &Context,
    catalog: &Catalog,
    open: usize,
    more: usize,
) -> Result<(), ApiError> {
    let (current, limit) = match context.quotas {
        Some(_) => (catalog.open_shard_count(context.account()), limits::SHARDS_PER_ACCOUNT_MAX),
        None => (open, limits::SHARDS_PER_STREAM_MAX as usize),
    };
    if current + more <= limit {
        return Ok(());
    }
    Err(ApiError::limit_exceeded(format!(
        "This request would exceed the shard limit for the account {} in {}. Current shard count for the account: \
         {current}. Limit: {limit}. Number of additional shards that would have resulted from this request: {more}. \
         Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
         request higher limits.",
        context.identity.account, context.identity.region
    )))
}

struct DeleteStream;

impl<'v> Operation<'v> for DeleteStream {
    const NAME: &'static str = "DeleteStream";
    type Input = (StreamRef<'v>, bool);
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> (StreamRef<'v>, bool) {
        let (stream, enforce) = StreamRef::around(m, |m| m.boolean("EnforceConsumerDeletion").optional());
        (stream, enforce.unwrap_or(false))
    }

    async fn run(
        (stream, enforce): (StreamRef<'_>, bool),
        context: &Rc<Context>,
    ) -> Result<Answer, ApiError> {
        let decide = |_: &Catalog| {
            let stream = stream.resolve(context)?;
            may_delete(context, &stream, enforce)?;
            Ok(Command::DeleteStream { stream: stream.key.clone(), at: context.clock.wall() })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

fn may_delete(context: &Context, stream: &Stream, enforce: bool) -> Result<(), ApiError> {
    let (name, account) = (&stream.name, &context.identity.account);
    if stream.status == StreamStatus::Deleting {
        return Err(ApiError::in_use(format!(
            "Stream {name} under account {account} not ACTIVE, instead in state DELETING"
        )));
    }
    if !enforce && !stream.consumers.is_empty() {
        return Err(ApiError::in_use(format!(
            "DeleteStream can't delete {account}:{name} because there are consumers associated with this data \
             stream. To delete {name} anyway, set the EnforceConsumerDeletion parameter to true."
        )));
    }
    Ok(())
}

struct DescribeStream;

struct DescribeStreamInput<'v> {
    limit: Option<i64>,
    after: Option<&'v str>,
    stream: StreamRef<'v>,
}

impl<'v> Operation<'v> for DescribeStream {
    const NAME: &'static str = "DescribeStream";
    type Input = DescribeStreamInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::FREQUENT_CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> DescribeStreamInput<'v> {
        DescribeStreamInput {
            limit: m.integer("Limit").range(1, 10_000).optional(),
            after: m.text("ExclusiveStartShardId").length(1, 128).pattern(Pattern::Name).optional(),
            stream: StreamRef::read(m),
        }
    }

    async fn run(input: DescribeStreamInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream.resolve(context)?;
        let after = input.after.map(|text| {
            ShardId::parse(text)
                .ok_or_else(|| super::resource_ref::no_such_shard(context, &stream.name, text))
        });
        let after = after.transpose()?;
        let limit = page_len(input.limit);
        let mut page: Vec<_> = if stream.takes_data() {
            stream
                .view(ShardFilter::FromTrimHorizon, context.clock.wall())
                .shards(&stream)
                .filter(|shard| after.is_none_or(|after| shard.id > after))
                .take(limit + 1)
                .collect()
        } else {
            Vec::new()
        };
        let has_more = page.len() > limit;
        page.truncate(limit);
        let shards: Vec<_> = page.into_iter().map(shard_value).collect();
        let mut members = common_members(context, &stream);
        members.push(("Shards".into(), Value::List(shards)));
        members.push(("HasMoreShards".into(), Value::Bool(has_more)));
        Ok(Answer::Output(Value::map([("StreamDescription", Value::Map(members))])))
    }
}

struct DescribeStreamSummary;

impl<'v> Operation<'v> for DescribeStreamSummary {
    const NAME: &'static str = "DescribeStreamSummary";
    type Input = StreamRef<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::POLLING_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> StreamRef<'v> {
        StreamRef::read(m)
    }

    async fn run(stream: StreamRef<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = stream.resolve(context)?;
        let open = if stream.takes_data() { stream.open_shard_count() } else { 0 };
        let mut members = common_members(context, &stream);
        members.push(("OpenShardCount".into(), Value::Integer(open as i128)));
        members.push(("ConsumerCount".into(), Value::Integer(stream.consumers.len() as i128)));
        members.push(("WarmThroughput".into(), warm_throughput::described(context, &stream)));
        members.push(("MaxRecordSizeInKiB".into(), Value::Integer(i128::from(stream.max_record_kib))));
        // There are no channels and no queues here, and there can be none.
        members.push(("ChannelCount".into(), Value::Integer(0)));
        members.push(("RecordDistributionStrategy".into(), strategy(&stream)));
        members.push(("QueueCount".into(), Value::Integer(0)));
        Ok(Answer::Output(Value::map([("StreamDescriptionSummary", Value::Map(members))])))
    }
}

type MemberList = Vec<(std::borrow::Cow<'static, str>, Value<'static>)>;

/// What both descriptions tell. Never a `StreamId`: SDKs that see one stop honouring a custom endpoint.
fn common_members(context: &Context, stream: &Stream) -> MemberList {
    let mode = Value::map([("StreamMode", Value::text(stream.mode.as_str()))]);
    let monitoring = Value::map([("ShardLevelMetrics", monitoring::list(&stream.metrics))]);
    vec![
        ("StreamName".into(), Value::text(stream.name.clone())),
        ("StreamARN".into(), Value::text(context.stream_arn(&stream.name).to_string())),
        ("StreamStatus".into(), Value::text(stream.status.as_str())),
        ("StreamModeDetails".into(), mode),
        ("RetentionPeriodHours".into(), Value::Integer(i128::from(stream.retention_hours))),
        ("StreamCreationTimestamp".into(), timestamp(stream.created)),
        ("EnhancedMonitoring".into(), Value::List(vec![monitoring])),
        (
            "EncryptionType".into(),
            Value::text(stream.encryption_key.as_ref().map_or("NONE", |_| encryption::KMS)),
        ),
        ("KeyId".into(), stream.encryption_key.clone().map_or(Value::Null, Value::text)),
    ]
}

/// A timestamp member.
pub(super) fn timestamp(time: crate::types::Timestamp) -> Value<'static> {
    Value::Timestamp(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn page_len(limit: Option<i64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).map_or(PAGE_MAX, |limit| limit.min(PAGE_MAX))
}

struct ListStreams;

struct ListStreamsInput<'v> {
    limit: Option<i64>,
    after: Option<&'v str>,
    token: Option<&'v str>,
}

impl<'v> Operation<'v> for ListStreams {
    const NAME: &'static str = "ListStreams";
    type Input = ListStreamsInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> ListStreamsInput<'v> {
        ListStreamsInput {
            limit: m.integer("Limit").range(1, 10_000).optional(),
            after: m.text("ExclusiveStartStreamName").length(1, 128).pattern(Pattern::Name).optional(),
            token: m.text("NextToken").length(1, 1_048_576).optional(),
        }
    }

    async fn run(input: ListStreamsInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let after = match input.token {
            Some(token) => PageToken::open(context, Self::NAME, token)?.after,
            None => input.after.unwrap_or_default().to_owned(),
        };
        let limit = page_len(input.limit);
        let mut page: Vec<_> = context
            .control
            .catalog()
            .streams_after(context.account(), &after)
            .take(limit + 1)
            .cloned()
            .collect();
        let has_more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().filter(|_| has_more);
        let token = last.map(|last| PageToken::text(context, Self::NAME, "", "", &last.name));
        let names = page.iter().map(|stream| Value::text(stream.name.clone())).collect();
        let summaries = page.iter().map(|stream| summary(context, stream)).collect();
        Ok(Answer::Output(Value::map([
            ("StreamNames", Value::List(names)),
            ("HasMoreStreams", Value::Bool(has_more)),
            ("NextToken", token.map_or(Value::Null, Value::text)),
            ("StreamSummaries", Value::List(summaries)),
        ])))
    }
}

fn summary(context: &Context, stream: &Stream) -> Value<'static> {
    Value::map([
        ("StreamName", Value::text(stream.name.clone())),
        ("StreamARN", Value::text(context.stream_arn(&stream.name).to_string())),
        ("StreamStatus", Value::text(stream.status.as_str())),
        ("StreamModeDetails", Value::map([("StreamMode", Value::text(stream.mode.as_str()))])),
        ("StreamCreationTimestamp", timestamp(stream.created)),
    ])
}
