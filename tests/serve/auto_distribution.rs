//! What becomes of records whose shard the service chooses?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::refusal::{check, server};
use crate::support::block_on;
use crate::support::efo::{Connection, Windows, at};
use crate::support::kinesis::{Kinesis, blob, shard_id, text};

const STREAM: &str = "orders";
const SHARDS: u32 = 4;

fn create(kinesis: &Kinesis) -> String {
    let on_demand = json!({"StreamMode": "ON_DEMAND"});
    kinesis.ok("CreateStream", &json!({"StreamName": STREAM, "StreamModeDetails": on_demand}));
    kinesis.wait_active(STREAM)
}

fn distribute(kinesis: &Kinesis, arn: &str, strategy: &str) {
    let input = json!({"StreamARN": arn, "RecordDistributionStrategy": strategy});
    kinesis.ok("UpdateStreamRecordDistributionStrategy", &input);
}

fn strategy(kinesis: &Kinesis) -> Value {
    let described = kinesis.ok("DescribeStreamSummary", &json!({"StreamName": STREAM}));
    described["StreamDescriptionSummary"]["RecordDistributionStrategy"].clone()
}

fn put_one(kinesis: &Kinesis, key: Option<&str>) -> String {
    let record =
        json!({"StreamName": STREAM, "PartitionKey": key, "ExplicitHashKey": "0", "Data": blob(b"one")});
    text(&kinesis.ok("PutRecord", &record), "ShardId")
}

fn put_many(kinesis: &Kinesis, count: usize) -> Vec<String> {
    let entry = json!({"Data": blob(b"many")});
    let output = kinesis.ok("PutRecords", &json!({"StreamName": STREAM, "Records": vec![entry; count]}));
    assert_eq!(output["FailedRecordCount"], json!(0));
    output["Records"].as_array().expect("entries").iter().map(|entry| text(entry, "ShardId")).collect()
}

fn counts(shards: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    shards.into_iter().for_each(|shard| *counts.entry(shard).or_default() += 1);
    counts
}

/// The partition keys of all shards' records, pulled; `None` where the member is absent.
fn keys(kinesis: &Kinesis) -> Vec<Option<String>> {
    let mut keys = Vec::new();
    for shard in 0..SHARDS {
        let oldest = json!({"ShardIteratorType": "TRIM_HORIZON"});
        let iterator = kinesis.iterator(STREAM, &shard_id(shard), oldest);
        let page = kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
        keys.extend(page["Records"].as_array().expect("records").iter().map(key));
    }
    keys.sort();
    keys
}

fn key(record: &Value) -> Option<String> {
    record.get("PartitionKey").map(|key| key.as_str().expect("a key that is there is text").to_owned())
}

/// The same of one shard, pushed.
async fn keys_pushed(kinesis: &Kinesis, consumer: &str, count: usize) -> Vec<Option<String>> {
    let connection = Connection::open(kinesis.address, Windows::default()).await;
    let mut subscription = connection.subscribe(consumer, &shard_id(0), at("TRIM_HORIZON")).await;
    let mut keys = Vec::new();
    while keys.len() < count {
        keys.extend(subscription.event().await["Records"].as_array().expect("records").iter().map(key));
    }
    keys
}

#[test]
fn records_are_spread_evenly_and_come_back_with_the_keys_they_had() {
    let (mut server, mut kinesis) = server("aws");
    let arn = create(&kinesis);
    let consumer = kinesis.register(&arn, "app");
    assert_eq!(strategy(&kinesis), json!("USER_PARTITION_KEY"));
    assert_eq!(put_one(&kinesis, Some("before")), shard_id(0), "hash key 0");
    distribute(&kinesis, &arn, "AUTO");
    let each: BTreeMap<_, _> = (0..SHARDS).map(|shard| (shard_id(shard), 2)).collect();
    assert_eq!(counts((0..8).map(|_| put_one(&kinesis, None))), each, "one by one, whatever their hash key");
    assert_eq!(counts(put_many(&kinesis, 8)), each, "in one call");
    let kept = (0..SHARDS).map(|_| put_one(&kinesis, Some("kept")));
    assert_eq!(counts(kept).len(), SHARDS as usize, "a key does not decide");
    let mut expected = vec![None; 16];
    expected.extend([Some("before".to_owned())]);
    expected.extend(vec![Some("kept".to_owned()); SHARDS as usize]);
    for _ in 0..2 {
        assert_eq!(keys(&kinesis), expected);
        let first = [Some("before".to_owned()), None, None, None, None, Some("kept".to_owned())];
        assert_eq!(block_on(keys_pushed(&kinesis, &consumer, first.len())), first);
        server.kill_9();
        server.restart();
        kinesis = Kinesis { address: server.address() };
        assert_eq!(strategy(&kinesis), json!("AUTO"));
    }
    distribute(&kinesis, &arn, "USER_PARTITION_KEY");
    assert_eq!(keys(&kinesis), expected, "what was written without a key stays readable");
}

#[test]
fn what_is_refused_with_and_without_auto() {
    let (server, kinesis) = server("aws");
    let arn = create(&kinesis);
    let provisioned = kinesis.create("counted", 1);
    let (invalid, broken) = ("InvalidArgumentException", "ValidationException");
    let auto = |arn: &str| json!({"StreamARN": arn, "RecordDistributionStrategy": "AUTO"});
    let only = "RecordDistributionStrategy AUTO can only be given for a stream in On-Demand mode.";
    let null = |at: &str| {
        format!(
            "1 validation error detected: Value null at '{at}' failed to satisfy constraint: Member must not be null"
        )
    };
    let keyless = json!({"StreamName": STREAM, "Data": blob(b"x")});
    let second = json!([{"PartitionKey": "k", "Data": blob(b"x")}, {"Data": blob(b"x")}]);
    let listed = json!({"StreamName": STREAM, "Records": second});
    let created = json!({"StreamName": "new", "ShardCount": 1, "RecordDistributionStrategy": "AUTO"});
    check(
        server.address(),
        &[
            ("UpdateStreamRecordDistributionStrategy", auto(&provisioned), invalid, only.to_owned()),
            ("CreateStream", created, invalid, only.to_owned()),
            ("PutRecord", keyless.clone(), broken, null("partitionKey")),
            ("PutRecords", listed.clone(), broken, null("records.2.member.partitionKey")),
        ],
    );
    let iterator = kinesis.iterator(STREAM, &shard_id(0), json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let page = kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
    assert_eq!(page["Records"], json!([]), "one bad record refuses the whole call");
    distribute(&kinesis, &arn, "AUTO");
    kinesis.ok("PutRecord", &keyless);
    kinesis.ok("PutRecords", &listed);
    let mut ordered = keyless.clone();
    ordered["SequenceNumberForOrdering"] = json!("0");
    let text =
        "SequenceNumberForOrdering cannot be used on a stream whose RecordDistributionStrategy is AUTO.";
    check(server.address(), &[("PutRecord", ordered, invalid, text.to_owned())]);
}

#[test]
fn a_stream_that_leaves_on_demand_mode_asks_for_keys_again() {
    let (_server, kinesis) = server("aws");
    let arn = create(&kinesis);
    distribute(&kinesis, &arn, "AUTO");
    let mode = json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": "PROVISIONED"}});
    kinesis.ok("UpdateStreamMode", &mode);
    kinesis.wait_active(STREAM);
    assert_eq!(strategy(&kinesis), Value::Null, "told of streams on demand alone");
    let keyless = json!({"StreamName": STREAM, "Data": blob(b"x")});
    assert_eq!(kinesis.refused("PutRecord", &keyless).0, "ValidationException");
}
