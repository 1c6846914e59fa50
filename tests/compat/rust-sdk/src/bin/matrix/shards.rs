//! Shards split, merged and doubled; listed by page and by filter; read to a closed one's end.

use std::collections::BTreeMap;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ChildShard, ScalingType, Shard, ShardFilter, ShardFilterType, ShardIteratorType,
};
use fanlight_compat_rust_sdk::{Failure, ensure};

use crate::bench::{Bench, from, hash_keys, taken};
use crate::check::{equal, equal_lists};

pub async fn shards(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-shards";
    bench.stream(name, 2).await?;
    let first = pages_of_one(bench, name).await?;
    equal("shards", first.len(), 2)?;
    let parent = &first[0];
    let call = bench.kinesis.put_record().stream_name(name).partition_key("last").data(Blob::new("last"));
    let put = call.explicit_hash_key(hash_keys(parent)?.0.to_string()).send().await?;
    equal("shard", &put.shard_id, &parent.shard_id)?;

    split(bench, name, parent).await?;
    let children = children_of(bench, name, &parent.shard_id).await?;
    equal("children", children.len(), 2)?;
    let merge = bench.kinesis.merge_shards().stream_name(name).shard_to_merge(&children[0].shard_id);
    merge.adjacent_shard_to_merge(&children[1].shard_id).send().await?;
    bench.active(name).await?;
    let merged = children_of(bench, name, &children[0].shard_id).await?;
    equal("merged into", merged.len(), 1)?;
    equal("other parent", merged[0].adjacent_parent_shard_id(), Some(children[1].shard_id()))?;

    let ids: Vec<_> =
        [&first[0], &first[1], &children[0], &children[1], &merged[0]].map(Shard::shard_id).to_vec();
    filtered(bench, name, &ids).await?;
    for shard in bench.shards(name).await? {
        let ended = shard.sequence_number_range().is_some_and(|it| it.ending_sequence_number().is_some());
        let closed = [ids[0], ids[2], ids[3]].contains(&&*shard.shard_id);
        equal(&format!("{} has an ending number", shard.shard_id), ended, closed)?;
    }
    read_to_its_end(bench, name, parent.shard_id(), &put.sequence_number, &children).await
}

async fn pages_of_one(bench: &Bench, stream: &str) -> Result<Vec<Shard>, Failure> {
    let mut all = Vec::new();
    let mut call = bench.kinesis.list_shards().stream_name(stream);
    for _ in 0..10 {
        let page = call.max_results(1).send().await?;
        equal("shards on a page", page.shards().len(), 1)?;
        all.extend(page.shards.unwrap_or_default());
        let Some(token) = page.next_token else { return Ok(all) };
        call = bench.kinesis.list_shards().next_token(token);
    }
    Err("the list does not come to an end".into())
}

/// Splits a shard in its middle and waits until the stream is active.
pub async fn split(bench: &Bench, stream: &str, shard: &Shard) -> Result<(), Failure> {
    let (first, last) = hash_keys(shard)?;
    let middle = first + (last - first) / 2;
    let call = bench.kinesis.split_shard().stream_name(stream).shard_to_split(shard.shard_id());
    call.new_starting_hash_key(middle.to_string()).send().await?;
    bench.active(stream).await?;
    Ok(())
}

/// The shards that name one as their parent.
pub async fn children_of(bench: &Bench, stream: &str, parent: &str) -> Result<Vec<Shard>, Failure> {
    let all = bench.shards(stream).await?;
    Ok(all.into_iter().filter(|it| it.parent_shard_id() == Some(parent)).collect())
}

/// Lists by each filter; of all shards, in order, the second and the last are open.
async fn filtered(bench: &Bench, stream: &str, ids: &[&str]) -> Result<(), Failure> {
    let filter = |kind| ShardFilter::builder().r#type(kind);
    for (filter, due) in [
        (filter(ShardFilterType::AtLatest), vec![ids[1], ids[4]]),
        (filter(ShardFilterType::FromTrimHorizon), ids.to_vec()),
        (filter(ShardFilterType::AfterShardId).shard_id(ids[2]), ids[3..].to_vec()),
    ] {
        let found = bench.shards_by(stream, filter.clone()).await?;
        equal_lists(&format!("{filter:?}"), &found.iter().map(Shard::shard_id).collect::<Vec<_>>(), &due)?;
    }
    Ok(())
}

/// Polls a closed shard until it has no next iterator; what comes then is held against the children listed.
async fn read_to_its_end(
    bench: &Bench,
    stream: &str,
    shard: &str,
    last: &str,
    children: &[Shard],
) -> Result<(), Failure> {
    let mut next = bench.iterator(stream, shard, &from(ShardIteratorType::TrimHorizon)).await?;
    let mut got = Vec::new();
    for _ in 0..10 {
        let page = bench.page(&next).await?;
        got.extend(taken(&page.records).into_iter().map(|it| it.number));
        match page.next_shard_iterator {
            Some(iterator) => next = iterator,
            None => {
                equal_lists("records", &got, &[last.to_owned()])?;
                return equal_children(&page.child_shards.unwrap_or_default(), shard, children);
            }
        }
        ensure!(page.child_shards.is_none(), "children before the end");
    }
    Err("the shard does not come to its end".into())
}

/// Holds the children told at a shard's end against those listed.
pub fn equal_children(told: &[ChildShard], parent: &str, listed: &[Shard]) -> Result<(), Failure> {
    equal("children told", told.len(), listed.len())?;
    for (told, listed) in told.iter().zip(listed) {
        equal("child", told.shard_id(), listed.shard_id())?;
        equal_lists("parents", told.parent_shards(), &[parent.to_owned()])?;
        equal("hash keys", told.hash_key_range(), listed.hash_key_range())?;
    }
    Ok(())
}

/// Doubles the shards; those open then cover every hash key once.
pub async fn scaling(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-scaling";
    bench.stream(name, 2).await?;
    let call = bench.kinesis.update_shard_count().stream_name(name).target_shard_count(4);
    let answer = call.scaling_type(ScalingType::UniformScaling).send().await?;
    equal("before", answer.current_shard_count, Some(2))?;
    equal("after", answer.target_shard_count, Some(4))?;
    equal("open", bench.active(name).await?.open_shard_count, 4)?;

    let open = bench.shards_by(name, ShardFilter::builder().r#type(ShardFilterType::AtLatest)).await?;
    let ranges: BTreeMap<_, _> = open.iter().map(hash_keys).collect::<Result<_, _>>()?;
    equal("ranges", ranges.len(), 4)?;
    let mut due = Some(0);
    for (first, last) in ranges {
        equal("first hash key", Some(first), due)?;
        due = last.checked_add(1);
    }
    equal("beyond the last", due, None)
}
