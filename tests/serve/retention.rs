//! When is a record past its retention, and does anybody still see it? In simulated, paused time, to the
//! millisecond.

use std::time::Duration;

use fanlight::types::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::simulated_server::{Received, STEP, Simulated, simulated};

const PUT_MILLIS: u64 = 1_421_889_722_000;
const DAY_MILLIS: u64 = 24 * 3_600_000;
const MINUTE_MILLIS: u64 = 60_000;

/// Data of the records, base64.
const OLD: &str = "b2xk";
const YOUNG: &str = "eW91bmc=";

async fn put(server: &Simulated, data: &str) {
    server.ok("PutRecord", json!({"StreamName": "s", "PartitionKey": "k", "Data": data})).await;
}

async fn iterator(server: &Simulated) -> Value {
    let position = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
    server.ok("GetShardIterator", position).await["ShardIterator"].clone()
}

async fn pulled(server: &Simulated, iterator: &Value) -> Vec<String> {
    let page = server.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    data_of(&page["Records"])
}

fn data_of(records: &Value) -> Vec<String> {
    let records = records.as_array().expect("records");
    records.iter().map(|record| record["Data"].as_str().expect("data").to_owned()).collect()
}

fn pushed(received: &Received) -> Vec<String> {
    let events = received.messages();
    events.iter().skip(1).flat_map(|(_, event)| data_of(&event["Records"])).collect()
}

#[test]
fn is_a_record_read_for_its_retention_and_not_a_millisecond_longer() {
    simulated(async |server| {
        server.create("s").await;
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS));
        put(&server, OLD).await;
        let hours = json!({"StreamName": "s", "RetentionPeriodHours": 25});
        let at = |millis| server.time.set_wall(Timestamp::from_millis(PUT_MILLIS + millis));
        at(DAY_MILLIS);
        let first = iterator(&server).await;
        assert_eq!(pulled(&server, &first).await, [OLD], "at its last moment");
        server.ok("IncreaseStreamRetentionPeriod", hours).await;
        at(DAY_MILLIS + 1);
        assert_eq!(pulled(&server, &first).await, [OLD], "retention grew before it expired");
        at(DAY_MILLIS + 60 * MINUTE_MILLIS);
        let second = iterator(&server).await;
        assert_eq!(pulled(&server, &second).await, [OLD], "at its last moment");
        at(DAY_MILLIS + 60 * MINUTE_MILLIS + 1);
        assert_eq!(pulled(&server, &second).await, [""; 0], "past it, through an iterator from before");
    });
}

/// Neither by retention that grows too late, nor by one that shrinks and grows again.
#[test]
fn does_what_has_expired_stay_so() {
    simulated(async |server| {
        server.create("s").await;
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS));
        put(&server, OLD).await;
        let set = async |operation, hours| {
            server.ok(operation, json!({"StreamName": "s", "RetentionPeriodHours": hours})).await
        };
        set("IncreaseStreamRetentionPeriod", 48).await;
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS + DAY_MILLIS + 1));
        let iterator = iterator(&server).await;
        assert_eq!(pulled(&server, &iterator).await, [OLD], "within two days");
        set("DecreaseStreamRetentionPeriod", 24).await;
        assert_eq!(pulled(&server, &iterator).await, [""; 0]);
        set("IncreaseStreamRetentionPeriod", 48).await;
        assert_eq!(pulled(&server, &iterator).await, [""; 0], "retention grew after it expired");
    });
}

#[test]
fn does_a_subscription_pass_over_what_expires_before_it_is_sent() {
    simulated(async |server| {
        let arn = server.create("s").await;
        let (slow, fast) = (server.register(&arn, "slow").await, server.register(&arn, "fast").await);
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS));
        put(&server, OLD).await;
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS + DAY_MILLIS - MINUTE_MILLIS));
        let fast = Received::of(server.accept_from(&fast, "TRIM_HORIZON").await.expect("accepted"));
        let slow = Received::shut(server.accept_from(&slow, "TRIM_HORIZON").await.expect("accepted"));
        put(&server, YOUNG).await;
        sleep(STEP).await;
        assert_eq!(pushed(&fast), [OLD, YOUNG]);
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS + DAY_MILLIS + MINUTE_MILLIS));
        slow.open();
        sleep(STEP).await;
        assert_eq!(pushed(&slow), [YOUNG]);
    });
}

#[test]
fn does_a_subscription_whose_whole_backlog_expires_come_to_the_tip() {
    simulated(async |server| {
        let arn = server.create("s").await;
        let consumer = server.register(&arn, "c").await;
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS));
        for _ in 0..100 {
            put(&server, OLD).await;
        }
        let received = Received::shut(server.accept_from(&consumer, "TRIM_HORIZON").await.expect("accepted"));
        server.time.set_wall(Timestamp::from_millis(PUT_MILLIS + DAY_MILLIS + MINUTE_MILLIS));
        received.open();
        sleep(Duration::from_secs(6)).await;
        assert_eq!(pushed(&received), [""; 0]);
        assert!(received.messages().len() > 1, "it says where it stands");
        put(&server, YOUNG).await;
        sleep(STEP).await;
        assert_eq!(pushed(&received), [YOUNG]);
    });
}
