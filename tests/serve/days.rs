//! What is counted over a day, and what ends after one? In paused time.

use std::time::Duration;

use fanlight::throttle::Quotas;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::simulated_server::{STEP, Simulated, simulated_under};

const STREAM: &str = "orders";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than a step, so that what is due in a day is due.
const MOMENT: Duration = Duration::from_millis(50);

/// Lets time pass for what is counted in days: of its own accord it does so in steps.
async fn pass(server: &Simulated, time: Duration) {
    server.time.advance(time);
    sleep(MOMENT).await;
}

/// The service's quotas, but for its call rates, whose refusals could be taken for those of a day.
fn daily_only() -> Quotas {
    Quotas { calls_factor: 1000.0, ..Quotas::aws() }
}

async fn settled(server: &Simulated, operation: &str, input: Value) {
    server.ok(operation, input).await;
    loop {
        let output = server.ok("DescribeStreamSummary", json!({"StreamName": STREAM})).await;
        if output["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
            return;
        }
        sleep(STEP).await;
    }
}

async fn refused(server: &Simulated, operation: &str, input: Value) -> Value {
    let (status, mut body) = server.call(operation, input).await;
    assert_eq!(status, 400, "{operation}: {body}");
    body["__type"].take()
}

fn under(key: usize) -> Value {
    json!({"StreamName": STREAM, "EncryptionType": "KMS", "KeyId": format!("alias/key-{key}")})
}

#[test]
fn keys_are_taken_into_use_and_given_up_twenty_five_times_a_day_each() {
    simulated_under(Some(daily_only()), async |server| {
        server.create(STREAM).await;
        for operation in ["StartStreamEncryption", "StopStreamEncryption"] {
            settled(&server, operation, under(0)).await;
            pass(&server, HOUR).await;
            for key in 1..25 {
                settled(&server, operation, under(key)).await;
            }
            assert_eq!(refused(&server, operation, under(25)).await, "LimitExceededException");
            pass(&server, DAY - HOUR).await;
            settled(&server, operation, under(26)).await;
            assert_eq!(
                refused(&server, operation, under(27)).await,
                "LimitExceededException",
                "a rolling day"
            );
        }
    });
}

#[test]
fn a_stream_switches_its_mode_twice_in_any_day() {
    simulated_under(Some(daily_only()), async |server| {
        let arn = server.create(STREAM).await;
        let to = |mode: &str| json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": mode}});
        for _ in 0..3 {
            settled(&server, "UpdateStreamMode", to("PROVISIONED")).await;
        }
        settled(&server, "UpdateStreamMode", to("ON_DEMAND")).await;
        pass(&server, HOUR).await;
        settled(&server, "UpdateStreamMode", to("PROVISIONED")).await;
        assert_eq!(refused(&server, "UpdateStreamMode", to("ON_DEMAND")).await, "LimitExceededException");
        pass(&server, DAY - HOUR).await;
        settled(&server, "UpdateStreamMode", to("ON_DEMAND")).await;
        assert_eq!(refused(&server, "UpdateStreamMode", to("PROVISIONED")).await, "LimitExceededException");
    });
}

#[test]
fn a_commitment_given_up_holds_for_its_first_day_and_no_longer() {
    simulated_under(Some(daily_only()), async |server| {
        server.ok("CreateStream", json!({"StreamName": STREAM})).await;
        let to = |status: &str| json!({"MinimumThroughputBillingCommitment": {"Status": status}});
        let told = async |operation: &str, input| {
            server.ok(operation, input).await["MinimumThroughputBillingCommitment"]["Status"].clone()
        };
        assert_eq!(told("UpdateAccountSettings", to("ENABLED")).await, "ENABLED");
        let ending = "ENABLED_UNTIL_EARLIEST_ALLOWED_END";
        assert_eq!(told("UpdateAccountSettings", to("DISABLED")).await, ending);
        let warm = json!({"StreamName": STREAM, "WarmThroughputMiBps": 6});
        pass(&server, DAY - HOUR).await;
        settled(&server, "UpdateStreamWarmThroughput", warm.clone()).await;
        assert_eq!(told("DescribeAccountSettings", json!({})).await, ending);
        pass(&server, HOUR).await;
        assert_eq!(told("DescribeAccountSettings", json!({})).await, "DISABLED");
        assert_eq!(refused(&server, "UpdateStreamWarmThroughput", warm).await, "InvalidArgumentException");
        let summary = server.ok("DescribeStreamSummary", json!({"StreamName": STREAM})).await;
        let summary = &summary["StreamDescriptionSummary"];
        assert_eq!((&summary["WarmThroughput"], &summary["OpenShardCount"]), (&Value::Null, &json!(6)));
    });
}
