//! What do readers see when shards are split and merged? The last event and the last page name the children.

use serde_json::{Value, json};

use crate::refusal::server;
use crate::support::block_on;
use crate::support::efo::{Connection, Subscription, Windows, at, at_number};
use crate::support::kinesis::{Kinesis, Record, hash_key, shard_id, text};

const STREAM: &str = "trades";

/// Half of the hash keys, and the rest.
fn halves() -> [Value; 2] {
    let middle = 1_u128 << 127;
    [(0, middle - 1), (middle, u128::MAX)]
        .map(|(start, end)| json!({"StartingHashKey": start.to_string(), "EndingHashKey": end.to_string()}))
}

fn child(id: u32, parents: &[u32], range: &Value) -> Value {
    let parents: Vec<_> = parents.iter().map(|&parent| shard_id(parent)).collect();
    json!({"ShardId": shard_id(id), "ParentShards": parents, "HashKeyRange": range})
}

/// Reads a subscription to its end; answers its records and the last event.
async fn read_out(mut subscription: Subscription) -> (Vec<Record>, Value) {
    let mut records = Vec::new();
    loop {
        let event = subscription.event().await;
        records.extend(Record::read_all(&event));
        if event.get("ContinuationSequenceNumber").is_none() {
            assert_eq!(subscription.next().await, None, "the stream ends cleanly after the last event");
            return (records, event);
        }
        assert!(event.get("ChildShards").is_none(), "{event}");
    }
}

fn split(kinesis: &Kinesis) {
    let middle = (1_u128 << 127).to_string();
    let input = json!({"StreamName": STREAM, "ShardToSplit": shard_id(0), "NewStartingHashKey": middle});
    kinesis.ok("SplitShard", &input);
    kinesis.wait_active(STREAM);
}

fn merge(kinesis: &Kinesis) {
    let input =
        json!({"StreamName": STREAM, "ShardToMerge": shard_id(1), "AdjacentShardToMerge": shard_id(2)});
    kinesis.ok("MergeShards", &input);
    kinesis.wait_active(STREAM);
}

#[test]
fn how_does_a_subscription_end_when_its_shard_is_split_or_merged() {
    let (server, kinesis) = server("off");
    let arn = kinesis.create(STREAM, 1);
    let [live, late, last] = ["live", "late", "last"].map(|name| kinesis.register(&arn, name));
    let [lower, upper] = halves();
    let whole = json!({"StartingHashKey": "0", "EndingHashKey": u128::MAX.to_string()});
    block_on(async {
        let connection = Connection::open(server.address(), Windows::default()).await;
        let subscription = connection.subscribe(&live, &shard_id(0), at("LATEST")).await;
        let number = kinesis.put(STREAM, "0", b"before the split");
        split(&kinesis);
        let split_children = json!([child(1, &[0], &lower), child(2, &[0], &upper)]);
        let (records, event) = read_out(subscription).await;
        assert_eq!((&records[0].number, records.len()), (&number, 1));
        assert_eq!(event["ChildShards"], split_children);
        // Whoever comes later gets the same, from the beginning and from LATEST.
        let subscription = connection.subscribe(&late, &shard_id(0), at("TRIM_HORIZON")).await;
        let (records, event) = read_out(subscription).await;
        assert_eq!((records.len(), &event["ChildShards"]), (1, &split_children));
        let subscription = connection.subscribe(&last, &shard_id(0), at("LATEST")).await;
        let (records, event) = read_out(subscription).await;
        assert_eq!((records.len(), &event["ChildShards"]), (0, &split_children));
        // Merging: both parents end, each naming both.
        let (left, right) = (
            connection.subscribe(&live, &shard_id(1), at("TRIM_HORIZON")).await,
            connection.subscribe(&live, &shard_id(2), at("TRIM_HORIZON")).await,
        );
        kinesis.put(STREAM, &hash_key(0, 2), b"left");
        kinesis.put(STREAM, &hash_key(1, 2), b"right");
        merge(&kinesis);
        for (subscription, data) in [(left, b"left".to_vec()), (right, b"right".to_vec())] {
            let (records, event) = read_out(subscription).await;
            assert_eq!(records.iter().map(|it| &it.data).collect::<Vec<_>>(), [&data]);
            assert_eq!(event["ChildShards"], json!([child(3, &[1, 2], &whole)]));
        }
        let after = at_number("AFTER_SEQUENCE_NUMBER", &number);
        let late = kinesis.register(&arn, "very-late");
        let (records, event) = read_out(connection.subscribe(&late, &shard_id(0), after).await).await;
        assert_eq!((records.len(), &event["ChildShards"]), (0, &split_children));
    });
}

#[test]
fn does_get_records_end_with_the_children_too() {
    let (_server, kinesis) = server("off");
    kinesis.create(STREAM, 1);
    kinesis.put(STREAM, "0", b"only");
    let oldest = json!({"ShardIteratorType": "TRIM_HORIZON"});
    let iterator = kinesis.iterator(STREAM, &shard_id(0), oldest);
    split(&kinesis);
    let [lower, upper] = halves();
    let output = kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
    assert_eq!(Record::read_all(&output).len(), 1);
    assert!(output.get("ChildShards").is_none(), "{output}");
    let output = kinesis.ok("GetRecords", &json!({"ShardIterator": text(&output, "NextShardIterator")}));
    assert_eq!(output["Records"], json!([]));
    assert!(output.get("NextShardIterator").is_none(), "{output}");
    assert_eq!(output["ChildShards"], json!([child(1, &[0], &lower), child(2, &[0], &upper)]));
    let latest = kinesis.iterator(STREAM, &shard_id(0), json!({"ShardIteratorType": "LATEST"}));
    let output = kinesis.ok("GetRecords", &json!({"ShardIterator": latest}));
    assert_eq!((&output["Records"], output["ChildShards"].as_array().map(Vec::len)), (&json!([]), Some(2)));
}

/// Subscriptions accepted while their shard is split must not be left waiting on a shard that has ended.
#[test]
fn does_a_subscription_that_races_with_a_split_still_end() {
    let (server, kinesis) = server("off");
    let arn = kinesis.create(STREAM, 1);
    let consumers: Vec<_> = (0..5).map(|index| kinesis.register(&arn, &format!("c{index}"))).collect();
    let address = server.address();
    std::thread::scope(|scope| {
        let readers: Vec<_> = consumers
            .iter()
            .map(|consumer| {
                scope.spawn(move || {
                    block_on(async {
                        let connection = Connection::open(address, Windows::default()).await;
                        read_out(connection.subscribe(consumer, &shard_id(0), at("TRIM_HORIZON")).await).await
                    })
                })
            })
            .collect();
        split(&kinesis);
        for reader in readers {
            let (_, event) = reader.join().expect("a reader reads to the end");
            let first = &event["ChildShards"][0];
            assert_eq!(text(first, "ShardId"), shard_id(1));
        }
    });
}
