//! The Rust SDK as a judge: enhanced fan-out over TLS and HTTP/2, puts that go on across resubscriptions.
//!
//! Endpoint, certificate and subscription time come from `FANLIGHT_*` variables, keys and region from the
//! usual `AWS_*` ones. Prints one JSON object; exits non-zero when anything is lost, doubled or out of order.

mod client;
mod producer;
mod subscriber;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use tokio::task::JoinHandle;

use producer::Ledger;
use subscriber::{Subscriber, Subscription};

/// Any failure, with its text.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const STREAM: &str = "fan-out-rust";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (verdict, code) = match run().await {
        Ok(facts) => (facts, ExitCode::SUCCESS),
        Err(failure) => {
            let text = format!("{failure:?}");
            (serde_json::json!({"program": "fan_out", "ok": false, "error": text}), ExitCode::FAILURE)
        }
    };
    println!("{verdict}");
    code
}

/// The whole scenario.
async fn run() -> Result<serde_json::Value, Failure> {
    let (client, subscription) = (client::connect()?, client::subscription_time()?);
    let stream_arn = client::create_stream(&client, STREAM, 2).await?;
    let mut ledger = Ledger::new(client.clone(), STREAM);
    ledger.put_batch().await?;
    let stopping = Arc::new(AtomicBool::new(false));
    let running = subscribe_all(&client, &stream_arn, &ledger, &stopping).await?;
    ledger.put_for(subscription * 2 + Duration::from_secs(2)).await?;
    stopping.store(true, Ordering::Relaxed);
    let mut subscriptions = 0;
    for (shard, from, subscriber) in running {
        let done = tokio::time::timeout(subscription * 4, subscriber).await???;
        subscriptions += compare(&shard, &done, &ledger.records(&shard)[from..])?;
    }
    Ok(serde_json::json!({
        "program": "fan_out", "ok": true, "records": ledger.count(), "subscriptions": subscriptions,
    }))
}

/// A running subscriber, its shard, and how many of the shard's records its position skips.
type Running = (String, usize, JoinHandle<Result<Subscription, Failure>>);

/// One subscriber for each shard and starting position, all accepted.
async fn subscribe_all(
    client: &Client,
    stream_arn: &str,
    ledger: &Ledger,
    stopping: &Arc<AtomicBool>,
) -> Result<Vec<Running>, Failure> {
    let mut running = Vec::new();
    for start in [ShardIteratorType::TrimHorizon, ShardIteratorType::Latest] {
        let name = start.as_str().to_lowercase();
        let consumer = client::register_consumer(client, stream_arn, &name).await?;
        for shard in ledger.shards() {
            let from = if start == ShardIteratorType::Latest { ledger.records(&shard).len() } else { 0 };
            let subscriber =
                Subscriber::new(client.clone(), &consumer, &shard, start.clone(), stopping.clone());
            let accepted = subscriber.accept().await?;
            running.push((shard, from, tokio::spawn(accepted.run())));
        }
    }
    Ok(running)
}

/// Each record once, in order, nothing else; answers the number of subscriptions it took.
fn compare(shard: &str, done: &Subscription, expected: &[String]) -> Result<usize, Failure> {
    if done.count < 3 {
        return Err(format!("{shard}: only {} subscriptions", done.count).into());
    }
    if done.records != expected {
        let lost: Vec<_> = expected.iter().filter(|each| !done.records.contains(each)).take(3).collect();
        let counts = format!("{} of {} records came", done.records.len(), expected.len());
        return Err(format!("{shard}: {counts}, first lost: {lost:?}").into());
    }
    Ok(done.count)
}
