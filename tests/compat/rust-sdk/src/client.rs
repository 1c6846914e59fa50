//! The SDK's client with one certificate more in its trust, and what must exist before records flow.

use std::env;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Credentials, Region};
use aws_sdk_kinesis::types::{ConsumerStatus, StreamStatus};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};

use crate::Failure;

const POLL: Duration = Duration::from_millis(100);
const POLLS_MAX: usize = 150;

/// A client of the server under test, over TLS; the SDK offers `h2` by ALPN.
pub fn connect() -> Result<Client, Failure> {
    let pem = std::fs::read(env::var("FANLIGHT_CERTIFICATE")?)?;
    let trust = tls::TrustStore::empty().with_pem_certificate(pem);
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls::TlsContext::builder().with_trust_store(trust).build()?)
        .build_https();
    let keys = Credentials::new(
        env::var("AWS_ACCESS_KEY_ID")?,
        env::var("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "env",
    );
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version_latest()
        .region(Region::new(env::var("AWS_REGION")?))
        .credentials_provider(keys)
        .endpoint_url(env::var("FANLIGHT_ENDPOINT")?)
        .http_client(http)
        .build();
    Ok(Client::from_conf(config))
}

/// How long the server lets a subscription live.
pub fn subscription_time() -> Result<Duration, Failure> {
    Ok(Duration::from_secs(env::var("FANLIGHT_SUBSCRIPTION_SECS")?.parse()?))
}

/// Creates a stream, waits until it is active and returns its ARN.
pub async fn create_stream(client: &Client, name: &str, shards: i32) -> Result<String, Failure> {
    client.create_stream().stream_name(name).shard_count(shards).send().await?;
    for _ in 0..POLLS_MAX {
        let answer = client.describe_stream_summary().stream_name(name).send().await?;
        let summary = answer.stream_description_summary.ok_or("no summary")?;
        if summary.stream_status == StreamStatus::Active {
            return Ok(summary.stream_arn);
        }
        tokio::time::sleep(POLL).await;
    }
    Err("the stream did not become active".into())
}

/// Registers a consumer, waits until it is active and returns its ARN.
pub async fn register_consumer(client: &Client, stream_arn: &str, name: &str) -> Result<String, Failure> {
    let answer = client.register_stream_consumer().stream_arn(stream_arn).consumer_name(name).send().await?;
    let arn = answer.consumer.ok_or("no consumer")?.consumer_arn;
    for _ in 0..POLLS_MAX {
        let answer = client.describe_stream_consumer().consumer_arn(&arn).send().await?;
        if answer.consumer_description.is_some_and(|it| it.consumer_status == ConsumerStatus::Active) {
            return Ok(arn);
        }
        tokio::time::sleep(POLL).await;
    }
    Err(format!("{name} did not become active").into())
}
