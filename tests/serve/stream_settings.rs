//! What does a stream take once its settings have changed?

use serde_json::json;

use crate::refusal::server;
use crate::support::block_on;
use crate::support::efo::{Connection, Windows, at};
use crate::support::kinesis::{Kinesis, Record, blob, shard_id, text};

const STREAM: &str = "orders";
const MIB: usize = 1 << 20;

#[test]
fn a_record_of_ten_mebibytes_comes_out_as_it_went_in_by_push_and_by_pull() {
    let (mut server, mut kinesis) = server("aws");
    let arn = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&arn, "app");
    let data: Vec<u8> = (0..10 * MIB).map(|index| (index.wrapping_mul(31) >> 3).to_le_bytes()[0]).collect();
    let put = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(&data)});
    assert_eq!(kinesis.refused("PutRecord", &put).0, "ValidationException", "1 MiB unless told otherwise");
    kinesis.ok("UpdateMaxRecordSize", &json!({"StreamARN": arn, "MaxRecordSizeInKiB": 10_240}));
    kinesis.wait_active(STREAM);
    kinesis.ok("PutRecord", &put);
    let again = kinesis.refused("PutRecord", &put).0;
    assert_eq!(again, "ProvisionedThroughputExceededException", "ten seconds' worth is spent");
    for _ in 0..2 {
        assert!(only(pulled(&kinesis)) == data);
        assert!(block_on(pushed(&kinesis, &consumer)) == data);
        server.kill_9();
        server.restart();
        kinesis = Kinesis { address: server.address() };
    }
}

/// The stream's records, in one call: a second one so large a read would have to wait for.
fn pulled(kinesis: &Kinesis) -> Vec<Record> {
    let start = json!({"StreamName": STREAM, "ShardId": shard_id(0), "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = text(&kinesis.ok("GetShardIterator", &start), "ShardIterator");
    let page = kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
    Record::read_all(&page)
}

async fn pushed(kinesis: &Kinesis, consumer: &str) -> Vec<u8> {
    let connection = Connection::open(kinesis.address, Windows::default()).await;
    let mut subscription = connection.subscribe(consumer, &shard_id(0), at("TRIM_HORIZON")).await;
    only(subscription.records(1).await.0)
}

fn only(mut records: Vec<Record>) -> Vec<u8> {
    assert_eq!(records.len(), 1);
    records.remove(0).data
}

#[test]
fn a_larger_limit_lets_large_records_in_at_the_rate_of_small_ones() {
    let (_server, kinesis) = server("aws");
    let arn = kinesis.create(STREAM, 1);
    let put =
        |bytes: usize| json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(&vec![7; bytes])});
    kinesis.ok("UpdateMaxRecordSize", &json!({"StreamARN": arn, "MaxRecordSizeInKiB": 4096}));
    kinesis.wait_active(STREAM);
    // A burst of as much as one record may have, in smaller ones, and then no more.
    (0..3).for_each(|_| drop(kinesis.ok("PutRecord", &put(MIB))));
    assert_eq!(kinesis.refused("PutRecord", &put(4 * MIB)).0, "ProvisionedThroughputExceededException");
    assert_eq!(kinesis.refused("PutRecord", &put(4 * MIB + 1)).0, "ValidationException");
    kinesis.ok("UpdateMaxRecordSize", &json!({"StreamARN": arn, "MaxRecordSizeInKiB": 1024}));
    assert_eq!(kinesis.refused("PutRecord", &put(MIB + 1)).0, "ValidationException", "at once");
    assert_eq!(pulled(&kinesis).len(), 3);
}

#[test]
fn the_mode_of_a_stream_changes_twice_a_day_and_its_shards_stay() {
    let (mut server, kinesis) = server("aws");
    let arn = kinesis.create(STREAM, 3);
    let to = |mode: &str| json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": mode}});
    for mode in ["ON_DEMAND", "PROVISIONED"] {
        kinesis.ok("UpdateStreamMode", &to(mode));
        kinesis.wait_active(STREAM);
    }
    assert_eq!(kinesis.refused("UpdateStreamMode", &to("ON_DEMAND")).0, "LimitExceededException");
    server.kill_9();
    server.restart();
    let kinesis = Kinesis { address: server.address() };
    assert_eq!(kinesis.refused("UpdateStreamMode", &to("ON_DEMAND")).0, "LimitExceededException");
    let described = kinesis.ok("DescribeStreamSummary", &json!({"StreamName": STREAM}));
    let summary = &described["StreamDescriptionSummary"];
    assert_eq!(summary["StreamModeDetails"]["StreamMode"], json!("PROVISIONED"));
    assert_eq!(summary["OpenShardCount"], json!(3));
}
