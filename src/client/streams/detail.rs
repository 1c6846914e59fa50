//! One stream in full: shards with ranges and lineage, consumers, tags.

use std::io::{Write as _, stdout};

use serde_json::{Value, json};

use crate::types::HashKey;

use super::super::failure::Outcome;
use super::super::kinesis::Kinesis;
use super::super::{StreamsOutput, table};
use super::age;

/// Everything there is to tell of a stream.
struct Stream {
    summary: Value,
    shards: Vec<Value>,
    consumers: Vec<Value>,
    tags: Vec<Value>,
}

/// Asks and prints.
pub(super) async fn show(name: &str, output: &StreamsOutput) -> Outcome<()> {
    let kinesis = Kinesis::new(&output.connect)?;
    let stream = ask(&kinesis, name).await?;
    let mut out = stdout().lock();
    if output.json {
        let Stream { mut summary, shards, consumers, tags } = stream;
        (summary["Shards"], summary["Consumers"]) = (shards.into(), consumers.into());
        summary["Tags"] = tags.into();
        return Ok(writeln!(out, "{summary}")?);
    }
    Ok(write!(out, "{}", text(&stream, |created| age(&kinesis, created)))?)
}

async fn ask(kinesis: &Kinesis, name: &str) -> Outcome<Stream> {
    let summary = kinesis.summary(name).await?;
    let shards = kinesis.pages("ListShards", json!({"StreamName": name}), "Shards").await?;
    let of_stream = json!({"StreamARN": summary["StreamARN"]});
    let consumers = kinesis.pages("ListStreamConsumers", of_stream, "Consumers").await?;
    let input = json!({"StreamName": name, "Limit": 50});
    let mut tags = kinesis.call_patiently("ListTagsForStream", &input).await?;
    let tags = tags["Tags"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(Stream { summary, shards, consumers, tags })
}

fn text(stream: &Stream, age: impl Fn(&Value) -> String) -> String {
    let summary = &stream.summary;
    let said = |name: &str| summary[name].as_str().unwrap_or("-");
    let mut text = format!(
        "{}  {}  {}  kept {}  made {} ago\n{}\n",
        said("StreamName"),
        said("StreamStatus"),
        table::mode(summary),
        table::retention(summary["RetentionPeriodHours"].as_u64().unwrap_or_default()),
        age(&summary["StreamCreationTimestamp"]),
        said("StreamARN")
    );
    if said("EncryptionType") != "NONE" {
        text += &format!("encrypted with {}\n", said("KeyId"));
    }
    let shards: Vec<_> = stream.shards.iter().map(|shard| shard_row(shard, &stream.shards)).collect();
    text += "\n";
    text +=
        &table::render(&["SHARD", "STATE", "SHARE", "FIRST HASH KEY", "LAST HASH KEY", "LINEAGE"], &shards);
    if !stream.consumers.is_empty() {
        let row = |it: &Value| {
            let said = |name: &str| it[name].as_str().unwrap_or("-").to_owned();
            [said("ConsumerName"), said("ConsumerStatus"), age(&it["ConsumerCreationTimestamp"])]
        };
        text += "\n";
        text += &table::render(
            &["CONSUMER", "STATUS", "AGE"],
            &stream.consumers.iter().map(row).collect::<Vec<_>>(),
        );
    }
    if !stream.tags.is_empty() {
        let row = |it: &Value| ["Key", "Value"].map(|name| it[name].as_str().unwrap_or_default().to_owned());
        text += "\n";
        text += &table::render(&["TAG", "VALUE"], &stream.tags.iter().map(row).collect::<Vec<_>>());
    }
    text
}

fn shard_row(shard: &Value, all: &[Value]) -> [String; 6] {
    let (id, range) = (shard["ShardId"].as_str().unwrap_or("-"), &shard["HashKeyRange"]);
    let key = |name: &str| range[name].as_str().unwrap_or("0");
    let is_closed = shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string();
    [
        id.to_owned(),
        if is_closed { "closed" } else { "open" }.to_owned(),
        share(key("StartingHashKey"), key("EndingHashKey")),
        key("StartingHashKey").to_owned(),
        key("EndingHashKey").to_owned(),
        lineage(shard, id, all),
    ]
}

/// How much of all hash keys a range holds.
fn share(start: &str, end: &str) -> String {
    let parse = |text| HashKey::parse(text).map_or(0, |key| key.0);
    let span = parse(end).saturating_sub(parse(start));
    // A tenth of a percent is shown; thousandths of the whole are counted exactly.
    let per_mille = span / (u128::MAX / 1000);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// Where a shard comes from, and where it went.
fn lineage(shard: &Value, id: &str, all: &[Value]) -> String {
    let parents: Vec<_> =
        ["ParentShardId", "AdjacentParentShardId"].iter().filter_map(|name| shard[*name].as_str()).collect();
    let is_child = |it: &&Value| it["ParentShardId"] == id || it["AdjacentParentShardId"] == id;
    let children: Vec<_> = all.iter().filter(is_child).filter_map(|it| it["ShardId"].as_str()).collect();
    let named = |word: &str, ids: &[&str]| match ids {
        [] => String::new(),
        ids => format!("{word} {}", ids.join(" + ")),
    };
    let parts = [named("from", &parents), named("to", &children)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_hash_keys() {
        let half = (u128::MAX / 2).to_string();
        assert_eq!(share("0", &u128::MAX.to_string()), "100.0 %");
        assert_eq!(share("0", &half), "50.0 %");
        assert_eq!(share("5", "5"), "0.0 %");
    }

    #[test]
    fn lineage_goes_both_ways() {
        let shard = |id: &str, parents: &[&str]| {
            let mut it = json!({"ShardId": id});
            for (name, parent) in ["ParentShardId", "AdjacentParentShardId"].iter().zip(parents) {
                it[*name] = (*parent).into();
            }
            it
        };
        let all = [shard("a", &[]), shard("b", &[]), shard("c", &["a", "b"]), shard("d", &["c"])];
        let told: Vec<_> = all.iter().map(|it| lineage(it, it["ShardId"].as_str().unwrap(), &all)).collect();
        assert_eq!(told, ["to c", "to c", "from a + b, to d", "from c"]);
    }
}
