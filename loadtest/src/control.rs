//! What must stand before the load: a stream, its shards, its consumers.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{Client, Failure};

/// Polls before something that should become ACTIVE is given up.
const MAX_POLLS: u32 = 600;
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// Calls refused for their rate are tried again this often; the service allows 5 a second.
const MAX_RATE_TRIES: u32 = 120;
const RATE_PAUSE: Duration = Duration::from_millis(250);

/// What a stream is like.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: String,
    /// Shards that take records.
    #[serde(default)]
    pub(crate) open_shard_count: u32,
}

/// A shard and where its hash range begins.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Its id.
    pub(crate) id: String,
    /// A hash key inside it.
    pub(crate) hash_key: String,
}

/// A stream made for this run.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Its shards, by id.
    pub(crate) shards: Vec<Shard>,
}

/// Creates a stream, on demand unless shards are given, and waits until it takes records.
pub(crate) async fn create_stream(
    client: &Client,
    name: &str,
    shards: Option<u16>,
) -> Result<Stream, Failure> {
    let shards = shards.map_or_else(String::new, |shards| format!(r#","ShardCount":{shards}"#));
    call_paced(client, "CreateStream", &format!(r#"{{"StreamName":"{name}"{shards}}}"#)).await?;
    let arn = active_stream(client, name).await?.stream_arn;
    let shards = list_shards(client, &format!(r#"{{"StreamName":"{name}"}}"#)).await?;
    Ok(Stream { name: name.into(), arn, shards })
}

/// Waits until the stream is ACTIVE.
pub(crate) async fn active_stream(client: &Client, name: &str) -> Result<Summary, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Described {
        stream_description_summary: Summary,
    }
    let body = format!(r#"{{"StreamName":"{name}"}}"#);
    for _ in 0..MAX_POLLS {
        let reply: Described = parse(&call_paced(client, "DescribeStreamSummary", &body).await?)?;
        let summary = reply.stream_description_summary;
        if summary.stream_status == "ACTIVE" {
            return Ok(summary);
        }
        tokio::time::sleep(POLL_PAUSE).await;
    }
    Err(Failure::Connection(format!("stream {name} did not become ACTIVE")))
}

/// Asks for another number of shards.
pub(crate) async fn update_shard_count(client: &Client, name: &str, target: u16) -> Result<(), Failure> {
    let body =
        format!(r#"{{"StreamName":"{name}","TargetShardCount":{target},"ScalingType":"UNIFORM_SCALING"}}"#);
    call_paced(client, "UpdateShardCount", &body).await.map(drop)
}

async fn list_shards(client: &Client, body: &str) -> Result<Vec<Shard>, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reply {
        shards: Vec<Listed>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        shard_id: String,
        hash_key_range: Range,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Range {
        starting_hash_key: String,
    }
    // At most 1000 shards per run, which is one page.
    let reply: Reply = parse(&call_paced(client, "ListShards", body).await?)?;
    let shard =
        |listed: Listed| Shard { id: listed.shard_id, hash_key: listed.hash_key_range.starting_hash_key };
    Ok(reply.shards.into_iter().map(shard).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Consumer {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    consumer_status: String,
}

/// Registers one consumer and waits until it may subscribe; returns its ARN.
pub(crate) async fn register_consumer(
    client: &Client,
    stream_arn: &str,
    name: &str,
) -> Result<String, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Registered {
        consumer: Consumer,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Described {
        consumer_description: Consumer,
    }
    let body = format!(r#"{{"StreamARN":"{stream_arn}","ConsumerName":"{name}"}}"#);
    let reply: Registered = parse(&call_paced(client, "RegisterStreamConsumer", &body).await?)?;
    let mut consumer = reply.consumer;
    let body = format!(r#"{{"ConsumerARN":"{}"}}"#, consumer.consumer_arn);
    for _ in 0..MAX_POLLS {
        if consumer.consumer_status == "ACTIVE" {
            return Ok(consumer.consumer_arn);
        }
        tokio::time::sleep(POLL_PAUSE).await;
        let reply: Described = parse(&call_paced(client, "DescribeStreamConsumer", &body).await?)?;
        consumer = reply.consumer_description;
    }
    Err(Failure::Connection(format!("consumer {name} did not become ACTIVE")))
}

/// Removes the stream and its consumers again.
pub(crate) async fn delete_stream(client: &Client, name: &str) -> Result<(), Failure> {
    let body = format!(r#"{{"StreamName":"{name}","EnforceConsumerDeletion":true}}"#);
    call_paced(client, "DeleteStream", &body).await.map(drop)
}

/// A call that waits its turn when the control plane's own rate is reached.
async fn call_paced(client: &Client, operation: &str, body: &str) -> Result<bytes::Bytes, Failure> {
    let mut tries = 0;
    loop {
        match client.call(operation, body.to_owned()).await {
            Err(failure) if failure.is("LimitExceededException") && tries < MAX_RATE_TRIES => {
                tries += 1;
                tokio::time::sleep(RATE_PAUSE).await;
            }
            reply => return reply,
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::Connection(format!("a reply does not parse: {error}")))
}
