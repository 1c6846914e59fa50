//! The life of a stream: made, waited for, described, listed, deleted.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::StreamMode;
use fanlight_compat_rust_sdk::{Failure, ensure, until};

use crate::bench::Bench;
use crate::check::equal;

/// Of what was just created: a time in wrong units or zones lies further off.
const AGE_MAX_SECS: f64 = 600.0;
/// The SDK's waiters ask at once and then every ten seconds; they are to find all done.
const WAIT_MAX: Duration = Duration::from_secs(15);

pub async fn streams(bench: &Bench) -> Result<(), Failure> {
    let names = ["matrix-streams", "matrix-streams-2", "matrix-streams-3"];
    for name in names {
        bench.stream(name, 2).await?;
    }
    bench.kinesis.wait_until_stream_exists().stream_name(names[0]).wait(WAIT_MAX).await?.into_result()?;
    described(bench, names[0]).await?;
    let limits = bench.kinesis.describe_limits().send().await?;
    ensure!(limits.open_shard_count >= 6, "{} open shards", limits.open_shard_count);
    ensure!(limits.shard_limit > limits.open_shard_count, "no more than {} shards", limits.shard_limit);
    let listed = one_by_one(bench).await?;
    ensure!(names.iter().all(|name| listed.contains(*name)), "listed are {listed:?}");

    bench.kinesis.delete_stream().stream_name(names[0]).send().await?;
    until("deleted", || async { Ok(!one_by_one(bench).await?.contains(names[0])) }).await?;
    let gone = bench.kinesis.wait_until_stream_not_exists().stream_name(names[0]).wait(WAIT_MAX).await?;
    ensure!(gone.into_result().is_err(), "it can still be described");
    Ok(())
}

/// Holds both descriptions of a stream of two shards against each other and against the clock.
async fn described(bench: &Bench, name: &str) -> Result<(), Failure> {
    let answer = bench.kinesis.describe_stream().stream_name(name).send().await?;
    let (whole, short) = (answer.stream_description.ok_or("no description")?, bench.summary(name).await?);
    equal("shards", whole.shards.len(), 2)?;
    equal("more shards", whole.has_more_shards, false)?;
    equal("open shards", short.open_shard_count, 2)?;
    equal("name", &*short.stream_name, name)?;
    equal("ARN", &short.stream_arn, &whole.stream_arn)?;
    equal("hours", short.retention_period_hours, 24)?;
    equal("mode", short.stream_mode_details.map(|it| it.stream_mode), Some(StreamMode::Provisioned))?;
    recent(&short.stream_creation_timestamp)?;
    let by_arn = bench.kinesis.describe_stream_summary().stream_arn(short.stream_arn).send().await?;
    equal("by ARN", by_arn.stream_description_summary.map(|it| it.stream_name).as_deref(), Some(name))
}

/// Holds the time of what was just created against the clock.
pub fn recent(created: &DateTime) -> Result<(), Failure> {
    let age = DateTime::from(SystemTime::now()).as_secs_f64() - created.as_secs_f64();
    ensure!(age.abs() < AGE_MAX_SECS, "created at {created}");
    Ok(())
}

/// Lists all streams by the SDK's paginator, one a page.
async fn one_by_one(bench: &Bench) -> Result<BTreeSet<String>, Failure> {
    let mut listed = BTreeSet::new();
    let mut pages = bench.kinesis.list_streams().limit(1).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page?;
        ensure!(page.stream_names.len() <= 1, "{:?} on a page of one", page.stream_names);
        equal("summaries", page.stream_summaries().len(), page.stream_names.len())?;
        for name in page.stream_names {
            ensure!(listed.insert(name.clone()), "{name} is listed twice");
        }
    }
    Ok(listed)
}
