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
    let (server, kinesis) = server("aws");
    let arn = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&arn, "app");
    let data: Vec<u8> = (0..10 * MIB).map(|index| (index.wrapping_mul(31) >> 3).to_le_bytes()[0]).collect();
    let put = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(&data)});
    assert_eq!(kinesis.refused("PutRecord", &put).0, "ValidationException", "1 MiB unless told otherwise");
    kinesis.ok("UpdateMaxRecordSize", &json!({"StreamARN": arn, "MaxRecordSizeInKiB": 10_240}));
    kinesis.wait_active(STREAM);
    kinesis.ok("PutRecord", &put);
    let start = json!({"StreamName": STREAM, "ShardId": shard_id(0), "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = text(&kinesis.ok("GetShardIterator", &start), "ShardIterator");
    let page = kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
    assert!(Record::read_all(&page).first().is_some_and(|record| record.data == data));
    block_on(async {
        let connection = Connection::open(server.address(), Windows::default()).await;
        let mut subscription = connection.subscribe(&consumer, &shard_id(0), at("TRIM_HORIZON")).await;
        loop {
            let records = Record::read_all(&subscription.event().await);
            if let Some(record) = records.first() {
                assert!(record.data == data);
                break;
            }
        }
    });
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
