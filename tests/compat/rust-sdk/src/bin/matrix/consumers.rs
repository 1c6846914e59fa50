//! The life of registered consumers, and who wins when one subscribes twice.

use std::time::Duration;

use aws_sdk_kinesis::types::{ConsumerStatus, ShardIteratorType};
use fanlight_compat_rust_sdk::{Failure, ensure, until};
use tokio::time::{Instant, sleep, sleep_until};

use crate::bench::{Bench, from};
use crate::check::{Attempts, equal, equal_lists, refused};
use crate::streams::recent;
use crate::subscription::Subscription;

/// How long a new subscription cannot be taken over, and a moment.
const GUARDED: Duration = Duration::from_millis(5100);

pub async fn consumers(bench: &Bench) -> Result<(), Failure> {
    let stream = bench.stream("matrix-consumers", 1).await?;
    let names = ["one", "three", "two"];
    let first = bench.consumer(&stream, names[0]).await?;
    for name in &names[1..] {
        bench.consumer(&stream, name).await?;
    }
    let describe = || bench.kinesis.describe_stream_consumer();
    let by_name = describe().stream_arn(&stream).consumer_name("one").send().await?;
    let by_name = by_name.consumer_description.ok_or("no description")?;
    equal("ARN by name", &by_name.consumer_arn, &first)?;
    recent(&by_name.consumer_creation_timestamp)?;
    let by_arn = describe().consumer_arn(first).send().await?.consumer_description.ok_or("no description")?;
    equal("name by ARN", &*by_arn.consumer_name, "one")?;
    equal("stream by ARN", &by_arn.stream_arn, &stream)?;

    let mut listed = Vec::new();
    let call = bench.kinesis.list_stream_consumers().stream_arn(&stream).max_results(1);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let consumers = page?.consumers.unwrap_or_default();
        ensure!(consumers.len() <= 1, "{} consumers on a page of one", consumers.len());
        listed.extend(consumers.into_iter().map(|it| it.consumer_name));
    }
    listed.sort();
    equal_lists("listed", &listed, &names.map(str::to_owned))?;
    deregister(bench, &stream, "two").await
}

/// Waits until the consumer is not found, which has to be said by the modelled error.
async fn deregister(bench: &Bench, stream: &str, name: &str) -> Result<(), Failure> {
    bench.kinesis.deregister_stream_consumer().stream_arn(stream).consumer_name(name).send().await?;
    let describe = bench.kinesis.describe_stream_consumer().stream_arn(stream).consumer_name(name);
    until("deregistered", || async {
        match describe.clone().send().await {
            Ok(answer) => {
                let status = answer.consumer_description.map(|it| it.consumer_status);
                equal("status", status, Some(ConsumerStatus::Deleting)).map(|()| false)
            }
            Err(error) => {
                refused::<(), _, _>("describe", Err(error), |it| it.is_resource_not_found_exception())?;
                Ok(true)
            }
        }
    })
    .await
}

/// Subscribes the same consumer to the same shard again: refused at first, later it ends the other.
pub async fn takeover(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-takeover";
    let stream = bench.stream(name, 1).await?;
    let consumer = bench.consumer(&stream, "takeover").await?;
    let shard = bench.shards(name).await?.remove(0).shard_id;
    let latest = || from(ShardIteratorType::Latest);
    let mut old = Subscription::new(bench, &consumer, &shard, latest()).await?;
    let accepted = Instant::now();
    ensure!(bench.life > GUARDED, "subscriptions of {:?} end by themselves first", bench.life);

    // More than a second later, so that the rate of one call a second is not what is met.
    sleep(Duration::from_millis(1100)).await;
    let attempts = Attempts::default();
    let call = bench.kinesis.subscribe_to_shard().consumer_arn(&consumer).shard_id(&shard);
    let again = call.starting_position(latest()).customize().interceptor(attempts.clone()).send().await;
    refused("the second", again, |it| it.is_resource_in_use_exception())?;
    equal("attempts", attempts.take(), 1)?;
    let (first, _) = bench.put(name, "for the old one").await?;
    equal_lists("old", &old.records(1).await?, &[first])?;

    sleep_until(accepted + GUARDED).await;
    let mut taker = Subscription::new(bench, &consumer, &shard, latest()).await?;
    equal_lists("old at its end", &old.ended_by_another().await?, &[])?;
    let (second, _) = bench.put(name, "for the new one").await?;
    equal_lists("new", &taker.records(1).await?, &[second])
}
