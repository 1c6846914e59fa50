//! What does one account see of another, and what has it agreed to?

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::http::{JSON, raw};
use crate::support::kinesis::{blob, shard_id, text};
use crate::support::server::{Options, Server};
use crate::support::wait_for;

const STREAM: &str = "orders";
const NAMED: &str = "444455556666";
/// Keys of the server's own account, of one that is its own account, and of one the server was told of.
const KEYS: [(&str, &str); 3] =
    [("AKIDEXAMPLE", "000000000000"), ("111122223333", "111122223333"), ("AKIDNAMED", NAMED)];

/// A call signed with an access key; the code of an error comes in its body's `__type`.
pub(crate) fn call(address: SocketAddr, key: &str, operation: &str, input: &Value) -> Value {
    let body = input.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {JSON}\r\n\
         X-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: 20261101T000000Z\r\nAuthorization: \
         AWS4-HMAC-SHA256 Credential={key}/20261101/us-east-1/kinesis/aws4_request, SignedHeaders=host, \
         Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(address, request.as_bytes());
    if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).expect("JSON") }
}

/// A stream of one shard, active, of the key's account; answers its ARN.
pub(crate) fn create(address: SocketAddr, key: &str, stream: &str) -> String {
    let input = json!({"StreamName": stream, "ShardCount": 1});
    assert_eq!(call(address, key, "CreateStream", &input), Value::Null);
    wait_for("the stream to be active", || {
        let answer = call(address, key, "DescribeStreamSummary", &json!({"StreamName": stream}));
        let summary = &answer["StreamDescriptionSummary"];
        (summary["StreamStatus"] == json!("ACTIVE")).then(|| text(summary, "StreamARN"))
    })
}

fn iterator(address: SocketAddr, key: &str) -> String {
    let input = json!({"StreamName": STREAM, "ShardId": shard_id(0), "ShardIteratorType": "TRIM_HORIZON"});
    text(&call(address, key, "GetShardIterator", &input), "ShardIterator")
}

fn payloads(address: SocketAddr, key: &str, iterator: &str) -> Value {
    let page = call(address, key, "GetRecords", &json!({"ShardIterator": iterator}));
    page["Records"]
        .as_array()
        .map_or(page.clone(), |records| records.iter().map(|record| record["Data"].clone()).collect())
}

#[test]
fn accounts_share_a_server_and_nothing_else() {
    let extra = vec!["--access-key".to_owned(), format!("AKIDNAMED={NAMED}")];
    let mut server = Server::start(Options { limits: "off", extra, ..Options::default() });
    for (key, account) in KEYS {
        let arn = create(server.address(), key, STREAM);
        assert_eq!(arn, format!("arn:aws:kinesis:us-east-1:{account}:stream/{STREAM}"));
        let put = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(account.as_bytes())});
        assert_eq!(text(&call(server.address(), key, "PutRecord", &put), "ShardId"), shard_id(0));
    }
    create(server.address(), KEYS[1].0, "more");
    server.kill_9();
    server.restart();
    let address = server.address();
    let stolen = iterator(address, KEYS[0].0);
    for (at, (key, account)) in KEYS.into_iter().enumerate() {
        let names = call(address, key, "ListStreams", &json!({}))["StreamNames"].take();
        assert_eq!(names, if at == 1 { json!(["more", STREAM]) } else { json!([STREAM]) });
        assert_eq!(payloads(address, key, &iterator(address, key)), json!([blob(account.as_bytes())]));
        let other = format!("arn:aws:kinesis:us-east-1:{}:stream/{STREAM}", KEYS[(at + 1) % 3].1);
        let refused = call(address, key, "DescribeStreamSummary", &json!({"StreamARN": other}));
        assert_eq!(refused["__type"], json!("ResourceNotFoundException"));
        if at > 0 {
            let refused = payloads(address, key, &stolen);
            assert_eq!(refused["__type"], json!("ResourceNotFoundException"), "another account's iterator");
        }
    }
}

#[test]
fn an_account_commits_itself_for_a_day_at_least_and_sees_what_it_has() {
    let mut server = Server::start(Options { limits: "off", ..Options::default() });
    let [own, other] = [KEYS[0].0, KEYS[1].0];
    let commitment = |server: &Server, key, operation: &str, input: Value| {
        call(server.address(), key, operation, &input)["MinimumThroughputBillingCommitment"].take()
    };
    let update = |server: &Server, status: &str| {
        let input = json!({"MinimumThroughputBillingCommitment": {"Status": status}});
        commitment(server, own, "UpdateAccountSettings", input)
    };
    let describe = |server: &Server, key| commitment(server, key, "DescribeAccountSettings", json!({}));
    assert_eq!(describe(&server, own), json!({"Status": "DISABLED"}));
    let on = update(&server, "ENABLED");
    let day = on["EarliestAllowedEndAt"].as_f64().unwrap() - on["StartedAt"].as_f64().unwrap();
    assert_eq!((on["Status"].clone(), day.round()), (json!("ENABLED"), 86_400.0));
    assert_eq!(update(&server, "DISABLED")["Status"], json!("ENABLED_UNTIL_EARLIEST_ALLOWED_END"));
    server.kill_9();
    server.restart();
    assert_eq!(describe(&server, own)["Status"], json!("ENABLED_UNTIL_EARLIEST_ALLOWED_END"));
    assert_eq!(describe(&server, other), json!({"Status": "DISABLED"}));
    create(server.address(), own, STREAM);
    let limits = call(server.address(), own, "DescribeLimits", &json!({}));
    let expected = json!({"ShardLimit": 20_000, "OpenShardCount": 1, "OnDemandStreamCount": 0,
        "OnDemandStreamCountLimit": 50, "ChannelCount": 0, "ChannelCountLimit": 0});
    assert_eq!(limits, expected);
}
