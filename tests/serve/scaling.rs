//! What does `UpdateShardCount` do to a stream, and what does it refuse?

use serde_json::{Value, json};

use crate::refusal::{check, server};
use crate::support::kinesis::{Kinesis, Record, blob, text};

const STREAM: &str = "orders";
const EMPTY: &str = "nothing was put";

fn scale(kinesis: &Kinesis, target: u32) -> Value {
    let input = json!({"StreamName": STREAM, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    let answer = kinesis.ok("UpdateShardCount", &input);
    kinesis.wait_active(STREAM);
    answer
}

fn shards(kinesis: &Kinesis, filter: &str) -> Vec<Value> {
    let input = json!({"StreamName": STREAM, "ShardFilter": {"Type": filter}});
    kinesis.ok("ListShards", &input)["Shards"].as_array().expect("shards").clone()
}

fn hash_key(shard: &Value, end: &str) -> u128 {
    text(&shard["HashKeyRange"], end).parse().expect("a hash key")
}

/// The open shards are equal and cover every hash key once.
fn assert_uniform(kinesis: &Kinesis, count: u128) {
    let mut open = shards(kinesis, "AT_LATEST");
    open.sort_by_key(|shard| hash_key(shard, "StartingHashKey"));
    let width = u128::MAX / count + u128::from(u128::MAX % count == count - 1);
    assert_eq!(open.len() as u128, count);
    for (shard, at) in open.iter().zip(0..) {
        assert_eq!(hash_key(shard, "StartingHashKey"), width * at);
        let end = if at + 1 == count { u128::MAX } else { width * (at + 1) - 1 };
        assert_eq!(hash_key(shard, "EndingHashKey"), end);
    }
}

/// Everything of a shard, and the children its end names.
fn read_out(kinesis: &Kinesis, shard: &str) -> (Vec<Record>, Vec<Value>) {
    let start = json!({"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let mut iterator = text(&kinesis.ok("GetShardIterator", &start), "ShardIterator");
    let mut records = Vec::new();
    loop {
        let page = kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
        let is_empty = page["Records"] == json!([]);
        records.extend(Record::read_all(&page));
        match page["NextShardIterator"].as_str() {
            None => return (records, page["ChildShards"].as_array().expect(EMPTY).clone()),
            Some(_) if is_empty => return (records, Vec::new()),
            Some(next) => next.clone_into(&mut iterator),
        }
    }
}

#[test]
fn a_stream_scaled_up_and_down_keeps_every_key_in_order_for_who_follows_its_shards() {
    let (_server, kinesis) = server("off");
    kinesis.create(STREAM, 8);
    let keys: Vec<_> = (0..40).map(|at| format!("key-{at}")).collect();
    for (round, target) in [16, 9, 5, 3, 3].into_iter().enumerate() {
        for key in &keys {
            let data = blob(round.to_string().as_bytes());
            kinesis.ok("PutRecord", &json!({"StreamName": STREAM, "PartitionKey": key, "Data": data}));
        }
        let answer = scale(&kinesis, target);
        assert_eq!(answer["TargetShardCount"], json!(target));
        assert_uniform(&kinesis, u128::from(target));
    }
    let roots: Vec<_> = shards(&kinesis, "AT_TRIM_HORIZON");
    assert_eq!(roots.len(), 8, "what was open at the beginning");
    let mut due: std::collections::VecDeque<_> = roots.iter().map(|shard| text(shard, "ShardId")).collect();
    let (mut done, mut rounds) = (std::collections::BTreeSet::new(), std::collections::BTreeMap::new());
    while let Some(shard) = due.pop_front() {
        if !done.insert(shard.clone()) {
            continue;
        }
        let (records, children) = read_out(&kinesis, &shard);
        for record in records {
            rounds.entry(record.key).or_insert_with(Vec::new).push(record.data);
        }
        for child in children {
            let parents = child["ParentShards"].as_array().unwrap();
            assert!((1..=2).contains(&parents.len()));
            if parents.iter().all(|parent| done.contains(parent.as_str().unwrap())) {
                due.push_back(text(&child, "ShardId"));
            }
        }
    }
    let expected: Vec<_> = (0..5).map(|round: u8| round.to_string().into_bytes()).collect();
    assert_eq!(rounds.len(), keys.len());
    assert!(rounds.values().all(|seen| *seen == expected), "{rounds:?}");
}

#[test]
fn the_limits_of_the_service_apply_where_they_are_on() {
    let (server, kinesis) = server("aws");
    kinesis.create(STREAM, 4);
    let to = |target: u32| json!({"StreamName": STREAM, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    let cannot = |way: &str, target: u32| {
        format!(
            "UpdateShardCount cannot scale {way} your current open shard count. Current open shard count: 4 \
             Target shard count: {target}"
        )
    };
    check(
        server.address(),
        &[
            ("UpdateShardCount", to(9), "InvalidArgumentException", cannot("up over double", 9)),
            ("UpdateShardCount", to(1), "InvalidArgumentException", cannot("down below half", 1)),
        ],
    );
    for target in [8, 4, 8, 4, 8, 4, 8, 4, 8, 4] {
        scale(&kinesis, target);
    }
    let (code, _) = kinesis.refused("UpdateShardCount", &to(8));
    assert_eq!(code, "LimitExceededException");
    assert_eq!(scale(&kinesis, 4)["CurrentShardCount"], json!(4), "as many as there are is no change");
}

#[test]
fn shard_level_metrics_are_switched_one_by_one_and_described() {
    let (_server, kinesis) = server("off");
    let arn = kinesis.create(STREAM, 1);
    let named = |metrics: Value| json!({"StreamName": STREAM, "ShardLevelMetrics": metrics});
    kinesis.ok("EnableEnhancedMonitoring", &named(json!(["OutgoingBytes", "IncomingBytes"])));
    let off = kinesis.ok("DisableEnhancedMonitoring", &named(json!(["OutgoingBytes"])));
    let expected = json!({
        "StreamName": STREAM,
        "StreamARN": arn,
        "CurrentShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"],
        "DesiredShardLevelMetrics": ["IncomingBytes"],
    });
    assert_eq!(off, expected);
    let all = kinesis.ok("EnableEnhancedMonitoring", &named(json!(["ALL"])));
    assert_eq!(all["DesiredShardLevelMetrics"].as_array().map(Vec::len), Some(7));
    let described = kinesis.ok("DescribeStreamSummary", &json!({"StreamName": STREAM}));
    let metrics = &described["StreamDescriptionSummary"]["EnhancedMonitoring"][0]["ShardLevelMetrics"];
    assert_eq!(*metrics, all["DesiredShardLevelMetrics"]);
}
