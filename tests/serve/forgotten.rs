//! What becomes of a closed shard once all its records are past retention? It leaves the catalog and the
//! disk; its children stay, and know where they came from. In simulated time.

use std::time::Duration;

use fanlight::platform::sim::{SimDisk, SimHandle};
use fanlight::types::Timestamp;
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::simulated_server::{Received, STEP, Simulated};
use crate::support::kinesis::{shard_id, text};

/// When the records are put and the shard is split.
const SPLIT_MILLIS: u64 = 1_421_889_722_000;
const DAY_MILLIS: u64 = 24 * 3_600_000;
const MINUTE_MILLIS: u64 = 60_000;
/// Long enough for the disk.
const MOMENT: Duration = Duration::from_secs(2);
const STREAM: &str = "s";

/// Runs a test on a stream whose only shard, with a segment's worth of records, was split.
fn after_a_split(test: impl AsyncFnOnce(Simulated, String, SimHandle)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let disk = SimDisk::new(7);
        let handle = disk.handle();
        let server = Simulated::on(disk, Duration::ZERO).await;
        let arn = server.create(STREAM).await;
        set_wall(&server, SPLIT_MILLIS);
        for _ in 0..40 {
            put(&server).await;
        }
        scale(&server, 2).await;
        test(server, arn, handle).await;
    });
}

fn set_wall(server: &Simulated, millis: u64) {
    server.time.set_wall(Timestamp::from_millis(millis));
}

async fn put(server: &Simulated) {
    let data = "A".repeat(2000);
    server.ok("PutRecord", json!({"StreamName": STREAM, "PartitionKey": "k", "Data": data})).await;
}

async fn scale(server: &Simulated, target: u32) {
    let input = json!({"StreamName": STREAM, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    server.ok("UpdateShardCount", input).await;
    sleep(STEP).await;
}

async fn maintain(server: &Simulated) {
    server.maintain();
    // Files go one at a time.
    sleep(MOMENT).await;
}

fn position(kind: &str) -> Value {
    json!({"StreamName": STREAM, "ShardId": "0", "ShardIteratorType": kind})
}

/// Ids with those of the parents, as listed with a filter.
async fn listed(server: &Simulated, filter: &str) -> Vec<(String, Option<String>)> {
    let input = json!({"StreamName": STREAM, "ShardFilter": {"Type": filter}});
    let shards = server.ok("ListShards", input).await["Shards"].clone();
    let parent = |shard: &Value| shard["ParentShardId"].as_str().map(str::to_owned);
    shards.as_array().expect("shards").iter().map(|it| (text(it, "ShardId"), parent(it))).collect()
}

fn halves() -> Vec<(String, Option<String>)> {
    [1, 2].map(|child| (shard_id(child), Some(shard_id(0)))).to_vec()
}

fn segments_of_the_shard(handle: &SimHandle) -> usize {
    // The catalog has log 0, the first shard of the first stream log 1.
    let of_log = |path: &&String| path.starts_with("segments/") && path.contains("0000000000000001-");
    handle.paths().iter().filter(of_log).count()
}

#[test]
fn does_a_closed_shard_go_with_its_last_record_and_not_before() {
    after_a_split(async |server, _, handle| {
        let of_the_shard = segments_of_the_shard(&handle);
        assert!(of_the_shard > 0, "{:?}", handle.paths());
        set_wall(&server, SPLIT_MILLIS + DAY_MILLIS - MINUTE_MILLIS);
        maintain(&server).await;
        assert_eq!(listed(&server, "FROM_TRIM_HORIZON").await.len(), 3);
        let iterator = server.ok("GetShardIterator", position("TRIM_HORIZON")).await["ShardIterator"].clone();
        set_wall(&server, SPLIT_MILLIS + DAY_MILLIS + MINUTE_MILLIS);
        // Until it has gone, it ends as it did.
        let page = server.ok("GetRecords", json!({"ShardIterator": iterator})).await;
        assert_eq!(page["ChildShards"].as_array().map(Vec::len), Some(2));
        assert_eq!(page["Records"], json!([]));
        maintain(&server).await;
        let gone = format!("Shard {} in stream s under account 000000000000 does not exist", shard_id(0));
        let gone = (400, json!({"__type": "ResourceNotFoundException", "message": gone}));
        assert_eq!(server.call("GetRecords", json!({"ShardIterator": iterator})).await, gone);
        assert_eq!(server.call("GetShardIterator", position("LATEST")).await, gone);
        assert_eq!(segments_of_the_shard(&handle), 0, "{:?}", handle.paths());
        for filter in ["FROM_TRIM_HORIZON", "AT_TRIM_HORIZON", "AT_LATEST"] {
            assert_eq!(listed(&server, filter).await, halves(), "{filter}");
        }
        scale(&server, 1).await;
        let ids: Vec<_> = listed(&server, "FROM_TRIM_HORIZON").await.into_iter().map(|it| it.0).collect();
        assert_eq!(ids, [1, 2, 3].map(shard_id), "no id is given twice");
    });
}

#[test]
fn does_it_stay_gone_after_a_restart_and_when_retention_grows() {
    after_a_split(async |server, _, handle| {
        let past = SPLIT_MILLIS + DAY_MILLIS + MINUTE_MILLIS;
        set_wall(&server, past);
        maintain(&server).await;
        let server = Simulated::on(handle.restart(), Duration::ZERO).await;
        set_wall(&server, past);
        assert_eq!(listed(&server, "FROM_TRIM_HORIZON").await, halves());
        assert_eq!(server.call("GetShardIterator", position("LATEST")).await.0, 400);
        let hours = json!({"StreamName": STREAM, "RetentionPeriodHours": 100});
        server.ok("IncreaseStreamRetentionPeriod", hours).await;
        for filter in ["FROM_TRIM_HORIZON", "AT_TRIM_HORIZON"] {
            assert_eq!(listed(&server, filter).await, halves(), "{filter}: all hash keys, once");
        }
        put(&server).await;
    });
}

#[test]
fn is_a_consumer_that_is_slow_told_what_follows_before_the_shard_goes() {
    after_a_split(async |server, arn, handle| {
        set_wall(&server, SPLIT_MILLIS + DAY_MILLIS - MINUTE_MILLIS);
        let consumer = server.register(&arn, "slow").await;
        let slow = Received::shut(server.accept_from(&consumer, "TRIM_HORIZON").await.expect("accepted"));
        set_wall(&server, SPLIT_MILLIS + DAY_MILLIS + MINUTE_MILLIS);
        maintain(&server).await;
        assert!(segments_of_the_shard(&handle) > 0, "somebody is subscribed to it");
        slow.open();
        // It passes over what has expired, block by block.
        sleep(MOMENT * 10).await;
        let (_, last) = slow.messages().pop().expect("messages");
        assert_eq!(last["ChildShards"].as_array().map(Vec::len), Some(2), "{last}");
        assert!(slow.is_finished());
        maintain(&server).await;
        assert_eq!(segments_of_the_shard(&handle), 0);
    });
}
