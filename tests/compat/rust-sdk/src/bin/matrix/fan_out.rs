//! Enhanced fan-out from all positions, across ends of subscriptions, and through the end of a shard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType;
use fanlight_compat_rust_sdk::{Failure, ensure};

use crate::bench::{Bench, Put, from, taken};
use crate::check::{equal, equal_lists};
use crate::records::{positions, put_spread};
use crate::shards::{children_of, equal_children, split};
use crate::subscription::Subscription;

const PUT_EVERY: Duration = Duration::from_millis(50);
/// How much earlier or later than due a subscription may end, on a loaded machine.
const LIFE_EARLY: Duration = Duration::from_millis(500);
const LIFE_LATE: Duration = Duration::from_secs(5);
/// The ends each subscriber lives through.
const RESUBSCRIPTIONS: usize = 2;
const LAST_RECORD: &str = "the last record";

/// Subscribes from all five positions at once while records are put, each with a consumer of its own, across
/// two ends of its subscription. Each has to get exactly what is due to it, in order.
pub async fn fan_out(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-fan-out";
    let stream = bench.stream(name, 1).await?;
    let shard = bench.shards(name).await?.remove(0).shard_id;
    let mut put = put_spread(bench, name, 5).await?;
    let read =
        bench.page(&bench.iterator(name, &shard, &from(ShardIteratorType::TrimHorizon)).await?).await?;
    equal_lists("put", &taken(&read.records), &put)?;

    let starts = positions(&read.records)?;
    let before_last = Arc::new(AtomicUsize::new(starts.len()));
    let mut running = Vec::new();
    for (number, (at, skipped)) in starts.into_iter().enumerate() {
        let consumer = bench.consumer(&stream, &format!("fan-out-{number}")).await?;
        let kind = at.r#type().clone();
        let first = Subscription::new(bench, &consumer, &shard, at).await?;
        let (bench, shard, before_last) = (bench.clone(), shard.clone(), before_last.clone());
        let task = tokio::spawn(async move { follow(&bench, &consumer, &shard, first, &before_last).await });
        running.push((kind, skipped, task));
    }
    let mut number = 0;
    while before_last.load(Ordering::Relaxed) > 0 && running.iter().any(|(_, _, task)| !task.is_finished()) {
        put.push(bench.put(name, &format!("while subscribed {number}")).await?.0);
        number += 1;
        tokio::time::sleep(PUT_EVERY).await;
    }
    put.push(bench.put(name, LAST_RECORD).await?.0);
    for (kind, skipped, task) in running {
        equal_lists(kind.as_str(), &task.await??, &put[skipped..])?;
    }
    Ok(())
}

/// Reads subscriptions to their ends, each from where the one before stopped, and the last one to the record
/// put last.
async fn follow(
    bench: &Bench,
    consumer: &str,
    shard: &str,
    mut it: Subscription,
    before_last: &AtomicUsize,
) -> Result<Vec<Put>, Failure> {
    let mut got = Vec::new();
    for _ in 0..RESUBSCRIPTIONS {
        got.extend(it.rest().await?);
        let lived = it.began.elapsed();
        let due = bench.life - LIFE_EARLY..bench.life + LIFE_LATE;
        ensure!(due.contains(&lived), "a subscription ended after {lived:?}");
        // Records are put meanwhile, and due to the next subscription.
        tokio::time::sleep(PUT_EVERY * 3).await;
        it = Subscription::new(bench, consumer, shard, it.next).await?;
    }
    before_last.fetch_sub(1, Ordering::Relaxed);
    while got.last().is_none_or(|it| it.data != LAST_RECORD) {
        got.extend(it.records(1).await?);
    }
    Ok(got)
}

/// Is subscribed while the shard is split: to the parent's end, then to both children.
pub async fn shard_end(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-shard-end";
    let stream = bench.stream(name, 1).await?;
    let consumer = bench.consumer(&stream, "shard-end").await?;
    let parent = bench.shards(name).await?.remove(0);
    let horizon = || from(ShardIteratorType::TrimHorizon);
    let mut it = Subscription::new(bench, &consumer, parent.shard_id(), horizon()).await?;
    let mut put = BTreeMap::new();
    put_by_shard(bench, name, "before", &mut put).await?;
    equal("shards before", put.len(), 1)?;
    split(bench, name, &parent).await?;
    put_by_shard(bench, name, "after", &mut put).await?;
    equal("shards after", put.len(), 3)?;

    equal_lists("parent", &it.rest().await?, &put[parent.shard_id()])?;
    let end = it.end.ok_or("the parent did not tell its end")?;
    let children = children_of(bench, name, parent.shard_id()).await?;
    equal_children(end.child_shards(), parent.shard_id(), &children)?;
    for child in end.child_shards() {
        let due = &put[child.shard_id()];
        let mut of = Subscription::new(bench, &consumer, child.shard_id(), horizon()).await?;
        equal_lists(child.shard_id(), &of.records(due.len()).await?, due)?;
    }
    Ok(())
}

/// Puts records under many keys and notes where they went.
async fn put_by_shard(
    bench: &Bench,
    stream: &str,
    prefix: &str,
    put: &mut BTreeMap<String, Vec<Put>>,
) -> Result<(), Failure> {
    for number in 0..20 {
        let (record, shard) = bench.put(stream, &format!("{prefix} {number}")).await?;
        put.entry(shard).or_default().push(record);
    }
    Ok(())
}
