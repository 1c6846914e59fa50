//! Consumers of enhanced fan-out: register, deregister, describe, list, and subscribe.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::{Catalog, Command, Consumer, ConsumerStatus, Shard, Stream, StreamMode, StreamStatus};
use crate::limits;
use crate::push::{Accept, NotAccepted, SubscribeResult};
use crate::types::{ConsumerArn, StreamKey, Timestamp};
use crate::wire::{Members, Pattern, Value};

use super::control::child_shards;
use super::operation::{Answer, CallRate, Entry, Operation, entry};
use super::page_token::PageToken;
use super::position::{KINDS, Position, identity_of};
use super::resource_ref::{StreamRef, no_stream, require_active, shard_to_read};
use super::streams::timestamp;
use super::tags::require_valid;
use super::warm_throughput::is_committed;
use super::{ApiError, Context};

/// This resource's operations.
pub(super) const OPERATIONS: &[Entry] = &[
    entry::<RegisterStreamConsumer>(),
    entry::<DeregisterStreamConsumer>(),
    entry::<DescribeStreamConsumer>(),
    entry::<ListStreamConsumers>(),
    entry::<SubscribeToShard>(),
];

const PAGE_MAX: usize = 100;

/// How inputs name a consumer: by ARN, or by the stream's ARN and its name, or by all in agreement.
struct ConsumerRef<'v> {
    stream: Option<&'v str>,
    name: Option<&'v str>,
    arn: Option<&'v str>,
}

impl<'v> ConsumerRef<'v> {
    fn read(m: &mut Members<'_, 'v>) -> Self {
        Self {
            stream: m.text("StreamARN").length(1, 2048).pattern(Pattern::StreamArn).optional(),
            name: m.text("ConsumerName").length(1, 128).pattern(Pattern::Name).optional(),
            arn: m.text("ConsumerARN").length(1, 2048).pattern(Pattern::ConsumerArn).optional(),
        }
    }

    /// The name of the stream it is said to be a consumer of.
    fn stream_name(&self, context: &Context) -> Option<String> {
        match self.arn.and_then(ConsumerArn::parse) {
            Some(arn) => StreamRef::of_arn(&arn.stream.to_string()).name(context).ok(),
            None => StreamRef::of_arn(self.stream?).name(context).ok(),
        }
    }

    fn resolve(&self, context: &Context) -> Result<(Arc<Stream>, Consumer), ApiError> {
        let Some(text) = self.arn else {
            let (Some(stream), Some(name)) = (self.stream, self.name) else {
                return Err(ApiError::invalid_argument(
                    "Either ConsumerARN, or both StreamARN and ConsumerName must be provided.",
                ));
            };
            return by_name(context, stream, name);
        };
        let (stream, consumer) = by_arn(context, text)?;
        let other_stream = self.stream.is_some_and(|arn| arn != context.stream_arn(&stream.name).to_string());
        if other_stream || self.name.is_some_and(|name| name != consumer.name) {
            return Err(ApiError::invalid_argument("ConsumerARN, StreamARN and ConsumerName do not agree."));
        }
        Ok((stream, consumer))
    }
}

fn by_name(context: &Context, stream_arn: &str, name: &str) -> Result<(Arc<Stream>, Consumer), ApiError> {
    let stream = StreamRef::of_arn(stream_arn).resolve(context)?;
    let consumer = stream.consumers.get(name).cloned();
    let consumer = consumer.ok_or_else(|| no_consumer(context, &stream.name, name))?;
    Ok((stream, consumer))
}

pub(super) fn by_arn(context: &Context, text: &str) -> Result<(Arc<Stream>, Consumer), ApiError> {
    let arn = ConsumerArn::parse(text)
        .ok_or_else(|| ApiError::invalid_argument(format!("ConsumerARN {text} is not a consumer's ARN.")))?;
    let identity = &context.identity;
    let ours = arn.stream.account == identity.account && arn.stream.region == identity.region;
    let stream = context.stream(&arn.stream.name).filter(|_| ours);
    let stream = stream.ok_or_else(|| no_stream(context, &arn.stream.name))?;
    let consumer =
        stream.consumers.get(&arn.name).filter(|c| c.created.as_secs() == arn.created_secs).cloned();
    let consumer = consumer.ok_or_else(|| no_consumer(context, &stream.name, &arn.name))?;
    Ok((stream, consumer))
}

/// Refuses unless the stream is there to stay.
fn require_served(context: &Context, stream: &Stream) -> Result<(), ApiError> {
    if stream.takes_data() && stream.status != StreamStatus::Deleting {
        return Ok(());
    }
    require_active(context, stream)
}

/// The consumer, if it may subscribe.
fn active_by_arn(context: &Context, text: &str) -> Result<(Arc<Stream>, Consumer), ApiError> {
    let (stream, consumer) = by_arn(context, text)?;
    require_active_consumer(context, &stream, &consumer)?;
    require_served(context, &stream)?;
    Ok((stream, consumer))
}

/// Refuses unless the consumer is ACTIVE.
pub(super) fn require_active_consumer(
    context: &Context,
    stream: &Stream,
    consumer: &Consumer,
) -> Result<(), ApiError> {
    if consumer.status == ConsumerStatus::Active {
        return Ok(());
    }
    Err(ApiError::in_use(format!(
        "Consumer {} with creation timestamp {} under stream {} and account {} is not in ACTIVE status.",
        consumer.name,
        consumer.created.as_secs(),
        stream.name,
        context.identity.account
    )))
}

fn no_consumer(context: &Context, stream: &str, name: &str) -> ApiError {
    let account = &context.identity.account;
    ApiError::not_found(format!("Consumer {name} under stream {stream} and account {account} not found."))
}

fn consumer_arn(context: &Context, stream: &Stream, consumer: &Consumer) -> String {
    let stream = context.stream_arn(&stream.name);
    ConsumerArn { stream, name: consumer.name.clone(), created_secs: consumer.created.as_secs() }.to_string()
}

fn consumer_value(
    context: &Context,
    stream: &Stream,
    consumer: &Consumer,
    with_stream: bool,
) -> Value<'static> {
    let stream_arn = with_stream.then(|| context.stream_arn(&stream.name).to_string());
    Value::map([
        ("ConsumerName", Value::text(consumer.name.clone())),
        ("ConsumerARN", Value::text(consumer_arn(context, stream, consumer))),
        ("ConsumerStatus", Value::text(consumer.status.as_str())),
        ("ConsumerCreationTimestamp", timestamp(consumer.created)),
        ("StreamARN", stream_arn.map_or(Value::Null, Value::text)),
    ])
}

struct RegisterStreamConsumer;

struct RegisterInput<'v> {
    stream: StreamRef<'v>,
    name: &'v str,
    tags: BTreeMap<&'v str, &'v str>,
}

impl<'v> Operation<'v> for RegisterStreamConsumer {
    const NAME: &'static str = "RegisterStreamConsumer";
    type Input = RegisterInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::PerAccount(limits::CONTROL_CALLS_PER_SEC);

    fn read(m: &mut Members<'_, 'v>) -> RegisterInput<'v> {
        RegisterInput {
            stream: StreamRef::read_arn(m),
            name: m.text("ConsumerName").length(1, 128).pattern(Pattern::Name).required(),
            tags: m
                .text_map("Tags")
                .length(1, 200)
                .keys(1, 128)
                .values(0, 256)
                .optional()
                .unwrap_or_default(),
        }
    }

    async fn run(input: RegisterInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let name = input.stream.name(context)?;
        let tags = input.tags.iter().map(|(&key, &value)| (key.to_owned(), value.to_owned())).collect();
        let decide = |catalog: &Catalog| {
            let stream = input.stream.resolve(context)?;
            may_register(context, catalog, &stream, input.name)?;
            require_valid(context, &stream.name, &input.tags, &BTreeMap::new())?;
            let (stream, at) = (stream.key.clone(), context.clock.wall());
            Ok(Command::RegisterConsumer { stream, consumer: input.name.to_owned(), at, tags })
        };
        context.control.change(decide).await?;
        let stream = context.stream(&name).ok_or_else(|| no_stream(context, &name))?;
        let consumer =
            stream.consumers.get(input.name).ok_or_else(|| no_consumer(context, &name, input.name))?;
        Ok(Answer::Output(Value::map([("Consumer", consumer_value(context, &stream, consumer, false))])))
    }
}

fn may_register(context: &Context, catalog: &Catalog, stream: &Stream, name: &str) -> Result<(), ApiError> {
    let account = &context.identity.account;
    require_served(context, stream)?;
    if stream.consumers.contains_key(name) {
        return Err(ApiError::in_use(format!(
            "Consumer {name} under stream {} and account {account} already exists.",
            stream.name
        )));
    }
    let Some(quotas) = context.quotas else { return Ok(()) };
    let is_committed = stream.mode == StreamMode::OnDemand && is_committed(context, catalog);
    let most = if is_committed { quotas.consumers_per_committed_stream } else { quotas.consumers_per_stream };
    let creating = stream.consumers.values().filter(|c| c.status == ConsumerStatus::Creating).count();
    if stream.consumers.len() >= most || creating >= limits::CONSUMERS_CREATING_MAX {
        return Err(ApiError::limit_exceeded(format!(
            "Stream {} under account {account} has {} consumers, {creating} of them in state CREATING; the limits \
             are {} and {}.",
            stream.name,
            stream.consumers.len(),
            most,
            limits::CONSUMERS_CREATING_MAX
        )));
    }
    Ok(())
}

struct DeregisterStreamConsumer;

impl<'v> Operation<'v> for DeregisterStreamConsumer {
    const NAME: &'static str = "DeregisterStreamConsumer";
    type Input = ConsumerRef<'v>;
    const RATE: CallRate<Self::Input> =
        CallRate::PerStream(limits::CONTROL_CALLS_PER_SEC, ConsumerRef::stream_name);

    fn read(m: &mut Members<'_, 'v>) -> ConsumerRef<'v> {
        ConsumerRef::read(m)
    }

    async fn run(input: ConsumerRef<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let decide = |_: &Catalog| {
            let (stream, consumer) = input.resolve(context)?;
            if consumer.status == ConsumerStatus::Deleting {
                require_active_consumer(context, &stream, &consumer)?;
            }
            let (stream, at) = (stream.key.clone(), context.clock.wall());
            Ok(Command::DeregisterConsumer { stream, consumer: consumer.name, at })
        };
        context.control.change(decide).await?;
        Ok(Answer::Empty)
    }
}

struct DescribeStreamConsumer;

impl<'v> Operation<'v> for DescribeStreamConsumer {
    const NAME: &'static str = "DescribeStreamConsumer";
    type Input = ConsumerRef<'v>;
    const RATE: CallRate<Self::Input> =
        CallRate::PerStream(limits::POLLING_CALLS_PER_SEC, ConsumerRef::stream_name);

    fn read(m: &mut Members<'_, 'v>) -> ConsumerRef<'v> {
        ConsumerRef::read(m)
    }

    async fn run(input: ConsumerRef<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let (stream, consumer) = input.resolve(context)?;
        let description = consumer_value(context, &stream, &consumer, true);
        Ok(Answer::Output(Value::map([("ConsumerDescription", description)])))
    }
}

struct ListStreamConsumers;

struct ListConsumersInput<'v> {
    stream: StreamRef<'v>,
    token: Option<&'v str>,
    limit: Option<i64>,
    created: Option<Timestamp>,
}

impl<'v> Operation<'v> for ListStreamConsumers {
    const NAME: &'static str = "ListStreamConsumers";
    type Input = ListConsumersInput<'v>;
    const RATE: CallRate<Self::Input> =
        CallRate::PerStream(limits::CONTROL_CALLS_PER_SEC, |input, context| input.stream.name(context).ok());

    fn read(m: &mut Members<'_, 'v>) -> ListConsumersInput<'v> {
        ListConsumersInput {
            stream: StreamRef::read_arn(m),
            token: m.text("NextToken").length(1, 1_048_576).optional(),
            limit: m.integer("MaxResults").range(1, 10_000).optional(),
            created: m.timestamp("StreamCreationTimestamp").optional(),
        }
    }

    async fn run(input: ListConsumersInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let stream = input.stream.resolve(context)?;
        if input.created.is_some_and(|created| created.as_secs() != stream.created.as_secs()) {
            return Err(no_stream(context, &stream.name));
        }
        let after = match input.token {
            Some(token) => Some(PageToken::open(context, Self::NAME, token)?),
            None => None,
        };
        if after.as_ref().is_some_and(|token| token.of != stream.name) {
            return Err(ApiError::invalid_argument("The NextToken is for another stream."));
        }
        let limit =
            input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let due = |c: &&Consumer| after.as_ref().is_none_or(|token| c.name > token.after);
        let mut page: Vec<_> = stream.consumers.values().filter(due).take(limit + 1).collect();
        let has_more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().filter(|_| has_more);
        let token = last.map(|last| PageToken::text(context, Self::NAME, &stream.name, "", &last.name));
        let consumers = page.into_iter().map(|c| consumer_value(context, &stream, c, false)).collect();
        Ok(Answer::Output(Value::map([
            ("Consumers", Value::List(consumers)),
            ("NextToken", token.map_or(Value::Null, Value::text)),
        ])))
    }
}

/// How the service refuses who subscribes again too soon, or too much.
const TOO_OFTEN: [&str; 2] = ["ResourceInUseException", "LimitExceededException"];

struct SubscribeToShard;

struct SubscribeInput<'v> {
    consumer: &'v str,
    shard: &'v str,
    position: Position<'v>,
    dry_run: bool,
}

impl<'v> Operation<'v> for SubscribeToShard {
    const NAME: &'static str = "SubscribeToShard";
    type Input = SubscribeInput<'v>;
    const RATE: CallRate<Self::Input> = CallRate::OfShards;

    fn read(m: &mut Members<'_, 'v>) -> SubscribeInput<'v> {
        SubscribeInput {
            consumer: m.text("ConsumerARN").length(1, 2048).pattern(Pattern::ConsumerArn).required(),
            shard: m.text("ShardId").length(1, 128).pattern(Pattern::Name).required(),
            position: m.structure("StartingPosition").required(|m| Position {
                kind: m.enumeration("Type", KINDS).required(),
                sequence_number: m.text("SequenceNumber").pattern(Pattern::SequenceNumber).optional(),
                timestamp: m.timestamp("Timestamp").optional(),
                operation: Self::NAME,
            }),
            dry_run: m.boolean("DryRun").optional().unwrap_or(false),
        }
    }

    async fn run(input: SubscribeInput<'v>, context: &Rc<Context>) -> Result<Answer, ApiError> {
        let (stream, consumer) = active_by_arn(context, input.consumer)?;
        let answer = input.subscribe(context, &stream).await;
        let result = match &answer {
            Ok(_) => SubscribeResult::Success,
            Err(error) if TOO_OFTEN.contains(&error.code) => SubscribeResult::RateExceeded,
            Err(_) => SubscribeResult::Failure,
        };
        context.hub.count_subscribe(consumer.id, stream.key.as_str(), &consumer.name, result);
        answer
    }
}

impl SubscribeInput<'_> {
    async fn subscribe(&self, context: &Rc<Context>, stream: &Stream) -> Result<Answer, ApiError> {
        let shard = shard_to_read(context, stream, self.shard)?;
        let start = self.position.resolve(context, stream, shard).await?;
        // Finding the place may have taken a while: what it is in must still be there, and may be closed now.
        let (stream, consumer) = active_by_arn(context, self.consumer)?;
        let shard = shard_to_read(context, &stream, self.shard)?;
        if self.dry_run {
            return Err(ApiError::dry_run());
        }
        let accept = accept(context, &stream, &consumer, shard, start);
        let label = accept.label.clone();
        let events = context.hub.accept(accept).map_err(|refusal| {
            context.gates.meters(&stream.key).subscribe_throttled.increment(1);
            match refusal {
                NotAccepted::TooSoon => {
                    ApiError::in_use(format!("Another active subscription exists for this consumer: {label}"))
                }
                NotAccepted::TooMany => {
                    ApiError::limit_exceeded("Too many subscriptions are open on this server.")
                }
            }
        })?;
        Ok(Answer::Events(Box::new(events)))
    }
}

fn accept(
    context: &Rc<Context>,
    stream: &Stream,
    consumer: &Consumer,
    shard: &Shard,
    start: crate::types::Offset,
) -> Accept {
    Accept {
        consumer: consumer.id,
        log: shard.log,
        identity: identity_of(shard),
        children: (!shard.is_open()).then(|| child_shards(stream, shard)),
        start,
        horizon: horizon(context, stream.key.clone()),
        traffic: context.gates.traffic(shard.log, context.clock.now()),
        stream: stream.key.to_string(),
        consumer_name: consumer.name.clone(),
        label: format!("{}:{}:{}:{}", context.identity.account, stream.name, shard.id, consumer.name),
    }
}

/// A stream's horizon as it passes: its retention may change while a subscription lasts.
fn horizon(context: &Rc<Context>, stream: StreamKey) -> Box<dyn Fn() -> Timestamp> {
    let context = context.clone();
    Box::new(move || {
        let now = context.clock.wall();
        context.control.catalog().stream(&stream).map_or(now, |stream| stream.trim_horizon(now))
    })
}
