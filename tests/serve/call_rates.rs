//! How often can the control plane be called? A burst of one second's worth, then the rate; counted for each
//! operation and account, or stream; and nothing is done by a call that is refused. Mostly in paused time.

use std::time::Duration;

use fanlight::throttle::Quotas;
use serde_json::{Value, json};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::accounts;
use crate::simulated_server::{STEP, Simulated, simulated, simulated_under};
use crate::support::http::{Client, is_rate_exceeded};
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};

const STREAM: &str = "s";
const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const OTHER_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/other";
const CONSUMER_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1";

/// Operations, the input of a call that reaches the throttle, and how often a second it may.
fn table() -> Vec<(&'static str, Value, usize)> {
    let stream = json!({"StreamName": STREAM});
    let arn = json!({"StreamARN": STREAM_ARN});
    let consumer = json!({"ConsumerARN": CONSUMER_ARN});
    let resource = json!({"ResourceARN": STREAM_ARN});
    let hours = json!({"StreamName": STREAM, "RetentionPeriodHours": 24});
    let metrics = json!({"StreamName": STREAM, "ShardLevelMetrics": ["ALL"]});
    let key = json!({"StreamName": STREAM, "EncryptionType": "KMS", "KeyId": "alias/a"});
    let mode = json!({"StreamARN": STREAM_ARN, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    let split = json!({"StreamName": STREAM, "ShardToSplit": "0", "NewStartingHashKey": "9"});
    let merge = json!({"StreamName": STREAM, "ShardToMerge": "0", "AdjacentShardToMerge": "1"});
    let count = json!({"StreamName": STREAM, "TargetShardCount": 1, "ScalingType": "UNIFORM_SCALING"});
    let commitment = json!({"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}});
    let policy = json!({"ResourceARN": STREAM_ARN, "Policy": "{}"});
    vec![
        ("CreateStream", json!({"StreamName": STREAM, "ShardCount": 1}), 5),
        ("DeleteStream", stream.clone(), 5),
        ("ListStreams", json!({}), 5),
        ("SplitShard", split, 5),
        ("MergeShards", merge, 5),
        ("AddTagsToStream", json!({"StreamName": STREAM, "Tags": {"a": "b"}}), 5),
        ("RemoveTagsFromStream", json!({"StreamName": STREAM, "TagKeys": ["a"]}), 5),
        ("ListTagsForStream", stream.clone(), 5),
        ("RegisterStreamConsumer", json!({"StreamARN": STREAM_ARN, "ConsumerName": "c"}), 5),
        ("StartStreamEncryption", key.clone(), 5),
        ("StopStreamEncryption", key, 5),
        ("IncreaseStreamRetentionPeriod", hours.clone(), 5),
        ("DecreaseStreamRetentionPeriod", hours, 5),
        ("EnableEnhancedMonitoring", metrics.clone(), 5),
        ("DisableEnhancedMonitoring", metrics, 5),
        ("UpdateStreamMode", mode, 5),
        ("UpdateMaxRecordSize", json!({"StreamARN": STREAM_ARN, "MaxRecordSizeInKiB": 1024}), 5),
        (
            "UpdateStreamRecordDistributionStrategy",
            json!({"StreamARN": STREAM_ARN, "RecordDistributionStrategy": "USER_PARTITION_KEY"}),
            5,
        ),
        ("UpdateStreamWarmThroughput", json!({"StreamName": STREAM, "WarmThroughputMiBps": 1}), 5),
        ("DescribeAccountSettings", json!({}), 5),
        ("UpdateAccountSettings", commitment, 5),
        ("TagResource", json!({"ResourceARN": STREAM_ARN, "Tags": {"a": "b"}}), 5),
        ("UntagResource", json!({"ResourceARN": STREAM_ARN, "TagKeys": ["a"]}), 5),
        ("ListTagsForResource", resource.clone(), 5),
        ("PutResourcePolicy", policy, 5),
        ("GetResourcePolicy", resource.clone(), 5),
        ("DeleteResourcePolicy", resource, 5),
        ("DeregisterStreamConsumer", consumer.clone(), 5),
        ("ListStreamConsumers", arn, 5),
        ("DescribeStream", stream.clone(), 10),
        ("UpdateShardCount", count, 10),
        ("DescribeStreamSummary", stream.clone(), 20),
        ("DescribeStreamConsumer", consumer, 20),
        ("ListShards", stream, 1000),
        ("DescribeLimits", json!({}), 1),
    ]
}

/// Operations whose shards and subscriptions have quotas of their own.
const OF_SHARDS: [&str; 5] =
    ["PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "SubscribeToShard"];

fn aws(test: impl AsyncFnOnce(Simulated)) {
    simulated_under(Some(Quotas::aws()), test);
}

/// Calls until one is refused for its rate; tells how many were not.
async fn burst(server: &Simulated, operation: &str, input: &Value) -> usize {
    let mut passed = 0;
    while !is_rate_exceeded(&server.call(operation, input.clone()).await) {
        passed += 1;
        assert!(passed <= 2000, "{operation} is never refused");
    }
    passed
}

#[test]
fn every_operation_that_is_built_is_in_the_table_or_has_quotas_of_its_own() {
    let mut expected: Vec<_> = table().iter().map(|row| row.0).chain(OF_SHARDS).collect();
    let mut built: Vec<_> = fanlight::api::operations().map(|entry| entry.name).collect();
    expected.sort_unstable();
    built.sort_unstable();
    assert_eq!(built, expected);
}

/// What the calls are about does not exist, which changes nothing: they are counted before that is looked up.
#[test]
fn is_a_second_worth_of_calls_taken_at_once_and_then_the_rate() {
    for (operation, input, per_sec) in table() {
        aws(async |server| {
            // Writes take time on the simulated disk, in which tokens come back.
            let most = |whole_secs: f64, began: Instant| {
                per_sec as f64 * (whole_secs + (began.elapsed() + STEP).as_secs_f64())
            };
            let began = Instant::now();
            let passed = burst(&server, operation, &input).await;
            assert!(passed >= per_sec && passed as f64 <= most(1.0, began), "{operation}: {passed} at once");
            let (began, mut steady) = (Instant::now(), 0);
            for _ in 0..2 {
                sleep(Duration::from_secs(1) + STEP).await;
                steady += burst(&server, operation, &input).await;
            }
            assert!(steady >= 2 * per_sec, "{operation}: {steady} in over two seconds");
            assert!(
                steady as f64 <= most(0.0, began) + 1.0,
                "{operation}: {steady} in {:?}",
                began.elapsed()
            );
        });
    }
}

#[test]
fn does_a_call_come_through_again_as_soon_as_its_token_is_there() {
    aws(async |server| {
        assert_eq!(burst(&server, "ListStreams", &json!({})).await, 5);
        sleep(Duration::from_millis(200) - 2 * STEP).await;
        assert_eq!(burst(&server, "ListStreams", &json!({})).await, 0);
        sleep(3 * STEP).await;
        assert_eq!(burst(&server, "ListStreams", &json!({})).await, 1);
    });
}

#[test]
fn do_streams_not_share_and_names_and_arns_of_one_do() {
    aws(async |server| {
        let by_name = |name: &str| json!({"StreamName": name});
        assert_eq!(burst(&server, "ListShards", &by_name(STREAM)).await, 1000);
        assert_eq!(burst(&server, "ListShards", &json!({"StreamARN": STREAM_ARN})).await, 0);
        assert_eq!(burst(&server, "ListShards", &by_name("other")).await, 1000);
        assert_eq!(burst(&server, "ListStreamConsumers", &json!({"StreamARN": STREAM_ARN})).await, 5);
        assert_eq!(burst(&server, "ListStreamConsumers", &json!({"StreamARN": OTHER_ARN})).await, 5);
        let named = json!({"StreamARN": STREAM_ARN, "ConsumerName": "d"});
        assert_eq!(burst(&server, "DescribeStreamConsumer", &json!({"ConsumerARN": CONSUMER_ARN})).await, 20);
        assert_eq!(burst(&server, "DescribeStreamConsumer", &named).await, 0);
        assert_eq!(burst(&server, "DeregisterStreamConsumer", &named).await, 5);
    });
}

/// One account shares between its streams, operations do not share.
#[test]
fn do_all_streams_of_an_account_share_where_the_rate_is_the_accounts() {
    aws(async |server| {
        assert_eq!(burst(&server, "DescribeStream", &json!({"StreamName": STREAM})).await, 10);
        assert_eq!(burst(&server, "DescribeStream", &json!({"StreamName": "other"})).await, 0);
        assert_eq!(burst(&server, "DescribeStreamSummary", &json!({"StreamName": "other"})).await, 20);
    });
}

#[test]
fn are_calls_that_are_not_valid_not_counted() {
    aws(async |server| {
        for _ in 0..20 {
            let (_, output) = server.call("DescribeStream", json!({"StreamName": ""})).await;
            assert_eq!(output["__type"], "ValidationException");
        }
        assert_eq!(burst(&server, "DescribeStream", &json!({"StreamName": STREAM})).await, 10);
    });
}

#[test]
fn do_refused_calls_change_nothing() {
    aws(async |server| {
        let create = |name: String| {
            let (server, input) = (server.clone(), json!({"StreamName": name, "ShardCount": 1}));
            spawn_local(async move { server.call("CreateStream", input).await })
        };
        // All at once: a write takes time on the simulated disk.
        let streams: Vec<_> = (0..5).map(|number| create(format!("s{number}"))).collect();
        let late = create("late".to_owned());
        for created in streams {
            assert_eq!(created.await.expect("it ends"), (200, Value::Null));
        }
        assert!(is_rate_exceeded(&late.await.expect("it ends")));
        let names = server.ok("ListStreams", json!({})).await["StreamNames"].clone();
        assert_eq!(names, json!(["s0", "s1", "s2", "s3", "s4"]));
        sleep(Duration::from_secs(1)).await;
        server.ok("CreateStream", json!({"StreamName": "late", "ShardCount": 1})).await;
    });
}

#[test]
fn does_nothing_limit_calls_where_limits_are_off() {
    simulated(async |server| {
        for (operation, input, _) in table() {
            for _ in 0..25 {
                assert!(!is_rate_exceeded(&server.call(operation, input.clone()).await), "{operation}");
            }
        }
    });
}

#[test]
fn does_the_factor_scale_the_rates_and_leave_at_least_one() {
    for (factor, list, describe, shards) in [(1.5, 7, 15, 1500), (0.1, 1, 1, 100)] {
        simulated_under(Some(Quotas::aws().scaled(factor)), async |server| {
            assert_eq!(burst(&server, "ListStreams", &json!({})).await, list);
            assert_eq!(burst(&server, "DescribeStream", &json!({"StreamName": STREAM})).await, describe);
            assert_eq!(burst(&server, "ListShards", &json!({"StreamName": STREAM})).await, shards);
        });
    }
}

#[test]
fn do_accounts_not_share_and_does_a_metric_count_the_refused() {
    let server = Server::start(Options::default());
    let list = |key| accounts::call(server.address(), key, "ListStreams", &json!({}));
    let refused = json!({"__type": "LimitExceededException", "message": "Rate exceeded"});
    let is_refused = |key| list(key) == refused;
    // A machine so slow that tokens come back as fast as calls are made would never be refused.
    let refusals = (0..200).filter(|_| is_refused("AKIDEXAMPLE")).count();
    assert!(refusals > 0 && refusals <= 195, "{refusals}");
    assert!(!is_refused("111122223333"), "another account has calls of its own");
    let counted = server.metric("fanlight_throttled_calls_total{operation=\"ListStreams\"}");
    assert_eq!(counted, refusals as f64);
}

#[test]
fn does_the_flag_lift_the_rates_of_the_real_server() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, 1);
    let mut client = Client::connect(server.address()).expect("a connection");
    for _ in 0..200 {
        let answer = client.call("DescribeLimits", &json!({})).expect("an answer");
        assert_eq!(answer.0, 200, "{answer:?}");
    }
}
