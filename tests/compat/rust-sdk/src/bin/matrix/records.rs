//! Records put, alone and 500 at a time, and read from all five positions.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Record, Shard, ShardIteratorType, StartingPosition};
use fanlight_compat_rust_sdk::{Failure, ensure};
use md5::{Digest, Md5};

use crate::bench::{Bench, Put, from, hash_keys, numbered, taken};
use crate::check::{equal, equal_lists};

const ENTRIES_MAX: usize = 500;

/// Each record has to land in the shard that its key's MD5 or its hash key says.
pub async fn put(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-put";
    bench.stream(name, 4).await?;
    let shards = bench.shards(name).await?;
    equal("shards", shards.len(), 4)?;

    let (_, shard) = bench.put(name, "alone").await?;
    equal("shard of a key", &*shard, predicted(&shards, "alone")?)?;
    let last = &shards[3];
    ensure!(predicted(&shards, "a")? != last.shard_id, "the key alone would do");
    let call = bench.kinesis.put_record().stream_name(name).partition_key("a").data(Blob::new("explicit"));
    let explicit = call.explicit_hash_key(hash_keys(last)?.1.to_string()).send().await?;
    equal("shard of a hash key", &explicit.shard_id, &last.shard_id)?;
    put_in_order(bench, name).await?;
    put_many(bench, name, &shards).await
}

/// Chains puts by SequenceNumberForOrdering.
async fn put_in_order(bench: &Bench, name: &str) -> Result<(), Failure> {
    let mut previous: Option<String> = None;
    for step in 0..5 {
        let call =
            bench.kinesis.put_record().stream_name(name).partition_key("ordered").data(Blob::new([step]));
        let number = call.set_sequence_number_for_ordering(previous.clone()).send().await?.sequence_number;
        // Numbers without leading zeros: the longer one is the larger one.
        let size = |it: &String| (it.len(), it.clone());
        ensure!(previous.as_ref().is_none_or(|it| size(it) < size(&number)), "{number} after {previous:?}");
        previous = Some(number);
    }
    Ok(())
}

async fn put_many(bench: &Bench, name: &str, shards: &[Shard]) -> Result<(), Failure> {
    let keys: Vec<_> = (0..ENTRIES_MAX).map(|number| format!("key {number}")).collect();
    let mut call = bench.kinesis.put_records().stream_name(name);
    for key in &keys {
        call = call
            .records(PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(&**key)).build()?);
    }
    let answer = call.send().await?;
    equal("failed", answer.failed_record_count, Some(0))?;
    equal("results", answer.records.len(), ENTRIES_MAX)?;
    let mut used = BTreeSet::new();
    for (result, key) in answer.records.iter().zip(&keys) {
        ensure!(result.sequence_number.is_some() && result.error_code.is_none(), "{key}: {result:?}");
        let shard = result.shard_id.as_deref().ok_or("no shard")?;
        equal(key, shard, predicted(shards, key)?)?;
        used.insert(shard);
    }
    equal("shards used", used.len(), shards.len())
}

/// The shard whose range of hash keys a key falls into.
fn predicted<'a>(shards: &'a [Shard], key: &str) -> Result<&'a str, Failure> {
    let hash = u128::from_be_bytes(Md5::digest(key).into());
    for shard in shards {
        let (first, last) = hash_keys(shard)?;
        if (first..=last).contains(&hash) {
            return Ok(&shard.shard_id);
        }
    }
    Err(format!("no shard takes {hash}").into())
}

pub async fn get(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-get";
    bench.stream(name, 1).await?;
    let shard = bench.shards(name).await?.remove(0).shard_id;
    let began = DateTime::from(SystemTime::now()).as_secs_f64();
    let tip = bench.iterator(name, &shard, &from(ShardIteratorType::Latest)).await?;
    let put = put_spread(bench, name, 5).await?;
    let all = bench.page(&bench.iterator(name, &shard, &from(ShardIteratorType::TrimHorizon)).await?).await?;
    equal_lists("TRIM_HORIZON", &taken(&all.records), &put)?;
    for record in &all.records {
        let arrived = record.approximate_arrival_timestamp.ok_or("no time of arrival")?.as_secs_f64();
        let now = DateTime::from(SystemTime::now()).as_secs_f64();
        ensure!((began - 1.0..now + 1.0).contains(&arrived), "arrived at {arrived}, put after {began}");
    }
    equal_lists("LATEST of before", &taken(&bench.page(&tip).await?.records), &put)?;
    for (at, skipped) in positions(&all.records)? {
        let answer = bench.page(&bench.iterator(name, &shard, &at).await?).await?;
        equal_lists(at.r#type().as_str(), &taken(&answer.records), &put[skipped..])?;
        equal("behind", answer.millis_behind_latest, Some(0))?;
        let open = answer.next_shard_iterator.is_some() && answer.child_shards.is_none();
        ensure!(open, "an open shard ends");
    }
    limited(bench, name, &shard, &put).await
}

/// Puts records whose times of arrival differ.
pub async fn put_spread(bench: &Bench, stream: &str, count: usize) -> Result<Vec<Put>, Failure> {
    let mut put = Vec::new();
    for number in 0..count {
        tokio::time::sleep(Duration::from_millis(20)).await;
        put.push(bench.put(stream, &format!("record {number}")).await?.0);
    }
    Ok(put)
}

/// Reads two at a time to the tip, where a page is empty and nothing is behind.
async fn limited(bench: &Bench, stream: &str, shard: &str, put: &[Put]) -> Result<(), Failure> {
    let mut next = bench.iterator(stream, shard, &from(ShardIteratorType::TrimHorizon)).await?;
    for pair in put.chunks(2) {
        let page = bench.kinesis.get_records().shard_iterator(next).limit(2).send().await?;
        equal_lists("two at a time", &taken(&page.records), pair)?;
        next = page.next_shard_iterator.ok_or("an open shard ends")?;
    }
    let page = bench.page(&next).await?;
    equal("at the tip", page.records.len(), 0)?;
    equal("behind", page.millis_behind_latest, Some(0))
}

/// The five positions around the third of the records that were read, and how many records each skips.
pub fn positions(read: &[Record]) -> Result<[(StartingPosition, usize); 5], Failure> {
    let third = &read[2];
    let since = StartingPosition::builder().r#type(ShardIteratorType::AtTimestamp);
    let since = since.set_timestamp(third.approximate_arrival_timestamp).build()?;
    Ok([
        (from(ShardIteratorType::TrimHorizon), 0),
        (from(ShardIteratorType::Latest), read.len()),
        (numbered(ShardIteratorType::AtSequenceNumber, &third.sequence_number), 2),
        (numbered(ShardIteratorType::AfterSequenceNumber, &third.sequence_number), 3),
        (since, 2),
    ])
}
