//! A record pushed the moment it is put.

use std::{env, error::Error, time::Duration};

use aws_sdk_kinesis::config::{Config, Credentials, Region};
use aws_sdk_kinesis::types::{ConsumerStatus::Active, ShardIteratorType, StartingPosition};
use aws_sdk_kinesis::{Client, client::Waiters, primitives::Blob};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "quickstart"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(env::var("AWS_ENDPOINT_URL_KINESIS").unwrap_or("http://127.0.0.1:4567".into()))
        .build();
    let (kinesis, name) = (Client::from_conf(config), "quickstart-rust");

    kinesis.create_stream().stream_name(name).shard_count(1).send().await?;
    tokio::time::sleep(Duration::from_millis(500)).await; // The waiter asks at once, then every ten seconds.
    let exists = kinesis.wait_until_stream_exists().stream_name(name).wait(Duration::from_secs(60)).await?;
    let stream = exists.into_result()?.stream_description.ok_or("no description")?.stream_arn;
    let register = kinesis.register_stream_consumer().stream_arn(stream).consumer_name("me");
    let consumer = register.send().await?.consumer.ok_or("no consumer")?.consumer_arn;
    let describe = kinesis.describe_stream_consumer().consumer_arn(&consumer);
    while describe.clone().send().await?.consumer_description.is_none_or(|it| it.consumer_status != Active) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let latest = StartingPosition::builder().r#type(ShardIteratorType::Latest).build()?;
    let subscribe = kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id("shardId-000000000000");
    let mut events = subscribe.starting_position(latest).send().await?.event_stream;
    kinesis.put_record().stream_name(name).partition_key("key").data(Blob::new("hello")).send().await?;
    while let Some(event) = events.recv().await? {
        let records = event.as_subscribe_to_shard_event().map_or(&[][..], |it| it.records());
        if let Some(record) = records.first() {
            println!("pushed: {}", str::from_utf8(record.data().as_ref())?);
            break;
        }
    }
    Ok(())
}
