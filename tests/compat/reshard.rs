//! Shards split and merged while others look: the widest open one in halves, the two narrowest neighbours
//! into one.

use serde_json::{Value, json};

use crate::support::kinesis::{Kinesis, text};

/// A shard as `ListShards` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Its id.
    pub(crate) id: String,
    /// Its parents: none, one or two.
    pub(crate) parents: Vec<String>,
    /// Whether it takes records still.
    pub(crate) is_open: bool,
    first: u128,
    last: u128,
}

impl Shard {
    /// One whose hash keys do not matter.
    pub(crate) fn new(id: &str, parents: &[&str], is_open: bool) -> Shard {
        let parents = parents.iter().map(|&id| id.to_owned()).collect();
        Shard { id: id.to_owned(), parents, is_open, first: 0, last: 0 }
    }

    fn read(value: &Value) -> Shard {
        let parents = ["ParentShardId", "AdjacentParentShardId"];
        let key = |name: &str| text(&value["HashKeyRange"], name).parse().expect("a hash key");
        Shard {
            id: text(value, "ShardId"),
            parents: parents.iter().filter_map(|it| value[it].as_str().map(str::to_owned)).collect(),
            is_open: value["SequenceNumberRange"]["EndingSequenceNumber"].is_null(),
            first: key("StartingHashKey"),
            last: key("EndingHashKey"),
        }
    }

    fn width(&self) -> u128 {
        self.last - self.first
    }
}

/// All shards of a stream, closed ones too.
pub(crate) fn shards(kinesis: Kinesis, stream: &str) -> Vec<Shard> {
    let output = kinesis.ok("ListShards", &json!({"StreamName": stream}));
    assert!(output["NextToken"].is_null(), "more shards than a page holds");
    output["Shards"].as_array().expect("shards").iter().map(Shard::read).collect()
}

fn open_shards(kinesis: Kinesis, stream: &str) -> Vec<Shard> {
    let mut open: Vec<_> = shards(kinesis, stream).into_iter().filter(|it| it.is_open).collect();
    open.sort_by_key(|it| it.first);
    open
}

/// Splits the widest open shard in halves, and waits until the stream is active again.
pub(crate) fn split(kinesis: Kinesis, stream: &str) {
    let shard = open_shards(kinesis, stream).into_iter().max_by_key(Shard::width).expect("an open shard");
    let middle = shard.first + shard.width() / 2 + 1;
    let input = json!({"StreamName": stream, "ShardToSplit": shard.id,
        "NewStartingHashKey": middle.to_string()});
    kinesis.ok("SplitShard", &input);
    kinesis.wait_active(stream);
}

/// Merges the two neighbours that are narrowest together, and waits until the stream is active again.
pub(crate) fn merge(kinesis: Kinesis, stream: &str) {
    let open = open_shards(kinesis, stream);
    let pair = open.windows(2).min_by_key(|pair| pair[0].width() + pair[1].width()).expect("two open shards");
    let input = json!({"StreamName": stream, "ShardToMerge": pair[0].id,
        "AdjacentShardToMerge": pair[1].id});
    kinesis.ok("MergeShards", &input);
    kinesis.wait_active(stream);
}
