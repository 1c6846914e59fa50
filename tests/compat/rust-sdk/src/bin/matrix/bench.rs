//! What groups work with: the client, and how streams, consumers and records are made and read.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, Record, Shard, ShardFilter, ShardFilterType, ShardIteratorType, StartingPosition,
    StreamDescriptionSummary, StreamStatus,
};
use fanlight_compat_rust_sdk::{Failure, ensure, until};

/// The client, and how long the server lets a subscription live.
#[derive(Clone)]
pub struct Bench {
    pub kinesis: Client,
    pub life: Duration,
}

/// What a record must be when it comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    pub number: String,
    pub key: String,
    pub data: String,
}

impl Bench {
    /// Creates a stream, waits until it is active and answers its ARN.
    pub async fn stream(&self, name: &str, shards: i32) -> Result<String, Failure> {
        self.kinesis.create_stream().stream_name(name).shard_count(shards).send().await?;
        Ok(self.active(name).await?.stream_arn)
    }

    /// Waits until a stream is active and answers its summary.
    pub async fn active(&self, name: &str) -> Result<StreamDescriptionSummary, Failure> {
        until(name, || async { Ok(self.summary(name).await?.stream_status == StreamStatus::Active) }).await?;
        self.summary(name).await
    }

    pub async fn summary(&self, name: &str) -> Result<StreamDescriptionSummary, Failure> {
        let answer = self.kinesis.describe_stream_summary().stream_name(name).send().await?;
        Ok(answer.stream_description_summary.ok_or("no summary")?)
    }

    /// Registers a consumer, waits until it is active and answers its ARN.
    pub async fn consumer(&self, stream_arn: &str, name: &str) -> Result<String, Failure> {
        let register = self.kinesis.register_stream_consumer().stream_arn(stream_arn).consumer_name(name);
        let arn = register.send().await?.consumer.ok_or("no consumer")?.consumer_arn;
        until(name, || async {
            let answer = self.kinesis.describe_stream_consumer().consumer_arn(&arn).send().await?;
            Ok(answer.consumer_description.is_some_and(|it| it.consumer_status == ConsumerStatus::Active))
        })
        .await?;
        Ok(arn)
    }

    /// Puts a record whose key is its data; answers what must come back, and the shard it went to.
    pub async fn put(&self, stream: &str, data: &str) -> Result<(Put, String), Failure> {
        let call = self.kinesis.put_record().stream_name(stream).partition_key(data);
        let answer = call.data(Blob::new(data)).send().await?;
        let put = Put { number: answer.sequence_number, key: data.to_owned(), data: data.to_owned() };
        Ok((put, answer.shard_id))
    }

    /// A shard iterator; the position is as for a subscription.
    pub async fn iterator(
        &self,
        stream: &str,
        shard: &str,
        at: &StartingPosition,
    ) -> Result<String, Failure> {
        let call = self.kinesis.get_shard_iterator().stream_name(stream).shard_id(shard);
        let call = call.shard_iterator_type(at.r#type().clone()).set_timestamp(at.timestamp().copied());
        let call = call.set_starting_sequence_number(at.sequence_number().map(str::to_owned));
        Ok(call.send().await?.shard_iterator.ok_or("no iterator")?)
    }

    /// One GetRecords.
    pub async fn page(&self, iterator: &str) -> Result<GetRecordsOutput, Failure> {
        Ok(self.kinesis.get_records().shard_iterator(iterator).send().await?)
    }

    /// A stream's shards.
    pub async fn shards(&self, stream: &str) -> Result<Vec<Shard>, Failure> {
        self.shards_by(stream, ShardFilter::builder().r#type(ShardFilterType::FromTrimHorizon)).await
    }

    /// Those that a filter lets through.
    pub async fn shards_by(
        &self,
        stream: &str,
        filter: aws_sdk_kinesis::types::builders::ShardFilterBuilder,
    ) -> Result<Vec<Shard>, Failure> {
        let call = self.kinesis.list_shards().stream_name(stream).shard_filter(filter.build()?);
        let answer = call.send().await?;
        ensure!(answer.next_token.is_none(), "a second page");
        Ok(answer.shards.unwrap_or_default())
    }
}

/// Records as they are expected.
pub fn taken(records: &[Record]) -> Vec<Put> {
    let plain = |it: &Record| Put {
        number: it.sequence_number.clone(),
        key: it.partition_key.clone().unwrap_or_default(),
        data: String::from_utf8_lossy(it.data.as_ref()).into_owned(),
    };
    records.iter().map(plain).collect()
}

/// A starting position without a number or a time.
pub fn from(kind: ShardIteratorType) -> StartingPosition {
    StartingPosition::builder().r#type(kind).build().expect("a type is all it needs")
}

/// The position behind a sequence number, or at it.
pub fn numbered(kind: ShardIteratorType, number: &str) -> StartingPosition {
    let position = StartingPosition::builder().r#type(kind).sequence_number(number);
    position.build().expect("a type is all it needs")
}

/// First and last hash key of a shard.
pub fn hash_keys(shard: &Shard) -> Result<(u128, u128), Failure> {
    let range = shard.hash_key_range().ok_or("no hash key range")?;
    Ok((range.starting_hash_key().parse()?, range.ending_hash_key().parse()?))
}
