//! One registered consumer of a stream, and a task for each shard it reads.

use std::error::Error;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::Config;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{ChildShard, ConsumerStatus, ShardIteratorType, StartingPosition};
use fanlight_compat_rust_sdk::{Failure, until};
use tokio::task::JoinSet;

use crate::family::Family;

/// Paces what is tried again after an error.
const TRY_EVERY: Duration = Duration::from_millis(250);
/// How long a shard may be without any event: a restart of the server, and some more.
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Reader {
    kinesis: Client,
    consumer: String,
    family: Family,
}

impl Reader {
    /// Registers the consumer, waits until it is active, and learns of the shards there are.
    pub async fn register(kinesis: Client, stream: &str, name: &str) -> Result<Self, Failure> {
        let about = kinesis.describe_stream_summary().stream_name(stream).send().await?;
        let arn = about.stream_description_summary.ok_or("no summary")?.stream_arn;
        let answer = kinesis.register_stream_consumer().stream_arn(arn).consumer_name(name).send().await?;
        let consumer = answer.consumer.ok_or("no consumer")?.consumer_arn;
        let describe = kinesis.describe_stream_consumer().consumer_arn(&consumer);
        until("the consumer is active", || async {
            let about = describe.clone().send().await?.consumer_description;
            Ok(about.is_some_and(|it| it.consumer_status == ConsumerStatus::Active))
        })
        .await?;
        let mut reader = Reader { kinesis, consumer, family: Family::default() };
        reader.list(stream).await?;
        Ok(reader)
    }

    async fn list(&mut self, stream: &str) -> Result<(), Failure> {
        let mut request = self.kinesis.list_shards().stream_name(stream);
        loop {
            let page = request.send().await?;
            for shard in page.shards() {
                let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
                self.family
                    .learn(shard.shard_id(), parents.into_iter().flatten().map(str::to_owned).collect());
            }
            let Some(token) = page.next_token else { return Ok(()) };
            request = self.kinesis.list_shards().next_token(token);
        }
    }

    /// Reads every shard, and the children of those that end, for ever.
    pub async fn run(mut self) -> Result<(), Failure> {
        say("ready");
        let mut tasks = JoinSet::new();
        loop {
            for shard in self.family.begin() {
                let (kinesis, consumer) = (self.kinesis.clone(), self.consumer.clone());
                tasks.spawn(async move {
                    let children = follow(&kinesis, &consumer, &shard).await;
                    children.map(|children| (shard, children))
                });
            }
            let (shard, children) = tasks.join_next().await.ok_or("no shard is left to be read")???;
            self.family.end(&shard);
            for child in children {
                self.family.learn(&child.shard_id, child.parent_shards);
            }
        }
    }
}

/// Reads a shard to its end, subscription after subscription; answers its children.
async fn follow(kinesis: &Client, consumer: &str, shard: &str) -> Result<Vec<ChildShard>, Failure> {
    let position = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
    let mut place = Place { shard, position, heard: Instant::now() };
    // The SDK would pause longer and longer between its own tries.
    let once = Config::builder().retry_config(RetryConfig::disabled());
    loop {
        let call = kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id(shard);
        let call = call.starting_position(place.position.clone()).customize().config_override(once.clone());
        match call.send().await {
            Ok(answer) => {
                say(&format!("subscribed {shard}"));
                if let Some(children) = place.read(answer).await? {
                    say(&format!("end {shard}"));
                    return Ok(children);
                }
            }
            Err(error) => place.trouble(error).await?,
        }
    }
}

/// How far a shard has been read.
struct Place<'a> {
    shard: &'a str,
    position: StartingPosition,
    /// When the last event came.
    heard: Instant,
}

impl Place<'_> {
    /// Reads a subscription until it ends or breaks; answers the children if the shard ended.
    async fn read(&mut self, mut from: SubscribeToShardOutput) -> Result<Option<Vec<ChildShard>>, Failure> {
        loop {
            let event = match from.event_stream.recv().await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(error) => return self.trouble(error).await.map(|()| None),
            };
            let event = event.as_subscribe_to_shard_event().map_err(|_| "an event of an unknown kind")?;
            self.heard = Instant::now();
            for record in event.records() {
                let text = str::from_utf8(record.data().as_ref())?;
                say(&format!("record {} {} {text}", self.shard, record.sequence_number()));
            }
            if !event.child_shards().is_empty() {
                return Ok(Some(event.child_shards().to_vec()));
            }
            let next = StartingPosition::builder().r#type(ShardIteratorType::AfterSequenceNumber);
            self.position = next.sequence_number(event.continuation_sequence_number()).build()?;
        }
    }

    /// Tells of an error and pauses; gives up when nothing has been heard for too long.
    async fn trouble<E, R>(&self, error: SdkError<E, R>) -> Result<(), Failure>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        say(&format!("trouble {} {}", self.shard, class(&error)));
        if self.heard.elapsed() > PATIENCE {
            return Err(error.into());
        }
        tokio::time::sleep(TRY_EVERY).await;
        Ok(())
    }
}

/// The service's exception, or what kind of trouble the transport had.
fn class<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    match error {
        SdkError::ServiceError(refusal) => refusal.err().code().unwrap_or("ServiceError"),
        SdkError::DispatchFailure(_) => "DispatchFailure",
        SdkError::ResponseError(_) => "ResponseError",
        SdkError::TimeoutError(_) => "TimeoutError",
        _ => "SdkError",
    }
}

/// One line, flushed by its end.
fn say(line: &str) {
    println!("{line}");
}
