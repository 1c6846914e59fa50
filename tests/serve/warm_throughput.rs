//! What does an account that is committed to a minimum throughput get for it?

use serde_json::{Value, json};

use crate::refusal::{check, server};
use crate::support::kinesis::Kinesis;

const STREAM: &str = "orders";
const NOT_COMMITTED: &str =
    "WarmThroughputMiBps needs the account's minimum throughput billing commitment to be ENABLED.";
const NOT_ON_DEMAND: &str = "WarmThroughputMiBps can only be given for a stream in On-Demand mode.";

fn commit(kinesis: &Kinesis) {
    let input = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
    kinesis.ok("UpdateAccountSettings", &input);
}

fn create(kinesis: &Kinesis, stream: &str, warm: Option<u32>) -> String {
    let on_demand = json!({"StreamMode": "ON_DEMAND"});
    let input = json!({"StreamName": stream, "StreamModeDetails": on_demand, "WarmThroughputMiBps": warm});
    kinesis.ok("CreateStream", &input);
    kinesis.wait_active(stream)
}

fn warm(stream: &str, mibps: u32) -> Value {
    json!({"StreamName": stream, "WarmThroughputMiBps": mibps})
}

/// What a stream tells of its warm throughput, and how many open shards it has.
fn described(kinesis: &Kinesis, stream: &str) -> (Value, Value) {
    kinesis.wait_active(stream);
    let output = kinesis.ok("DescribeStreamSummary", &json!({"StreamName": stream}));
    let summary = &output["StreamDescriptionSummary"];
    (summary["WarmThroughput"].clone(), summary["OpenShardCount"].clone())
}

fn throughput(mibps: u32) -> Value {
    json!({"TargetMiBps": mibps, "CurrentMiBps": mibps})
}

#[test]
fn capacity_asked_for_is_there_at_once_and_after_a_kill() {
    let (mut server, kinesis) = server("aws");
    let arn = create(&kinesis, STREAM, None);
    assert_eq!(described(&kinesis, STREAM), (Value::Null, json!(4)), "not committed");
    commit(&kinesis);
    assert_eq!(described(&kinesis, STREAM), (throughput(0), json!(4)));
    for (asked, shards) in [(10, 10), (3, 10), (12, 12)] {
        let answer = kinesis.ok("UpdateStreamWarmThroughput", &warm(STREAM, asked));
        let expected = json!({"StreamARN": arn, "StreamName": STREAM, "WarmThroughput": throughput(asked)});
        assert_eq!(answer, expected);
        assert_eq!(described(&kinesis, STREAM), (throughput(asked), json!(shards)));
    }
    create(&kinesis, "wide", Some(7));
    assert_eq!(described(&kinesis, "wide"), (throughput(7), json!(7)));
    let counted = kinesis.create("counted", 2);
    assert_eq!(described(&kinesis, "counted"), (Value::Null, json!(2)), "told of streams on demand alone");
    let mode = json!({"StreamMode": "ON_DEMAND"});
    let on_demand = json!({"StreamARN": counted, "StreamModeDetails": mode, "WarmThroughputMiBps": 5});
    kinesis.ok("UpdateStreamMode", &on_demand);
    server.kill_9();
    server.restart();
    let kinesis = Kinesis { address: server.address() };
    for (stream, mibps) in [(STREAM, 12), ("wide", 7), ("counted", 5)] {
        assert_eq!(described(&kinesis, stream), (throughput(mibps), json!(mibps)), "{stream}");
    }
}

#[test]
fn what_is_refused_without_commitment_or_beyond_it() {
    let (server, kinesis) = server("aws");
    let arn = create(&kinesis, STREAM, None);
    let counted = kinesis.create("counted", 2);
    let invalid = "InvalidArgumentException";
    let update = "UpdateStreamWarmThroughput";
    let mode = |arn: &str, mode: &str| {
        let details = json!({"StreamMode": mode});
        json!({"StreamARN": arn, "StreamModeDetails": details, "WarmThroughputMiBps": 5})
    };
    check(
        server.address(),
        &[
            (update, warm(STREAM, 5), invalid, NOT_COMMITTED.to_owned()),
            ("CreateStream", warm("new", 5), invalid, NOT_COMMITTED.to_owned()),
            ("UpdateStreamMode", mode(&counted, "ON_DEMAND"), invalid, NOT_COMMITTED.to_owned()),
        ],
    );
    commit(&kinesis);
    let too_much = "WarmThroughputMiBps 10241 is more than 10240 MiB per second.";
    let provisioned = json!({"StreamName": "new", "ShardCount": 1, "WarmThroughputMiBps": 5});
    check(
        server.address(),
        &[
            (update, warm("counted", 5), invalid, NOT_ON_DEMAND.to_owned()),
            (update, warm(STREAM, 10_241), invalid, too_much.to_owned()),
            ("CreateStream", warm("new", 10_241), invalid, too_much.to_owned()),
            ("CreateStream", provisioned, invalid, NOT_ON_DEMAND.to_owned()),
            ("UpdateStreamMode", mode(&arn, "PROVISIONED"), invalid, NOT_ON_DEMAND.to_owned()),
        ],
    );
}

#[test]
fn an_account_has_fifty_streams_on_demand() {
    let (_server, kinesis) = server("aws");
    (0..50).for_each(|at| drop(create(&kinesis, &format!("stream-{at}"), None)));
    let (code, text) = kinesis.refused("CreateStream", &json!({"StreamName": "more"}));
    assert_eq!(code, "LimitExceededException");
    assert_eq!(text, "Account 000000000000 already has 50 streams in On-Demand mode.");
    let arn = kinesis.create("counted", 1);
    let mode = json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    assert_eq!(kinesis.refused("UpdateStreamMode", &mode).0, "LimitExceededException");
    let limits = kinesis.ok("DescribeLimits", &json!({}));
    assert_eq!(
        (&limits["OnDemandStreamCount"], &limits["OnDemandStreamCountLimit"]),
        (&json!(50), &json!(50))
    );
}

#[test]
fn a_committed_stream_has_fifty_consumers_where_others_have_twenty() {
    let (_server, kinesis) = server("aws");
    let (on_demand, counted) = (create(&kinesis, STREAM, None), kinesis.create("counted", 1));
    let register = |arn: &str, range: std::ops::Range<u32>| {
        range.for_each(|at| drop(kinesis.register(arn, &format!("app-{at}"))));
    };
    let refused = |arn: &str| {
        let input = json!({"StreamARN": arn, "ConsumerName": "more"});
        assert_eq!(kinesis.refused("RegisterStreamConsumer", &input).0, "LimitExceededException");
    };
    for arn in [&on_demand, &counted] {
        register(arn, 0..20);
        refused(arn);
    }
    commit(&kinesis);
    refused(&counted);
    register(&on_demand, 20..50);
    refused(&on_demand);
}
