//! What does a stream under a key tell of itself and of its records, and what is refused?

use bytes::Bytes;
use fanlight::wire::Codec;
use serde_json::{Value, json};

use crate::refusal::{ACCOUNT, check, server};
use crate::support::block_on;
use crate::support::efo::{Connection, Windows, at};
use crate::support::http::{CBOR, post};
use crate::support::kinesis::{Kinesis, blob, shard_id, text};

const STREAM: &str = "orders";
const ALIAS: &str = "alias/aws/kinesis";
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// Of the records that [`fill`] puts, whether each was encrypted.
const ENCRYPTED: [bool; 4] = [false, true, true, false];

fn under(key: &str) -> Value {
    json!({"StreamName": STREAM, "EncryptionType": "KMS", "KeyId": key})
}

fn put(kinesis: &Kinesis) -> Value {
    let entry = json!({"PartitionKey": "k", "Data": blob(b"payload")});
    let one = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(b"payload")});
    let single = kinesis.ok("PutRecord", &one)["EncryptionType"].take();
    let list = json!({"StreamName": STREAM, "Records": [entry]});
    let mut listed = kinesis.ok("PutRecords", &list);
    assert!(listed["Records"][0].get("EncryptionType").is_none(), "it is told once");
    assert_eq!(listed["EncryptionType"].take(), single, "both ways to put say the same");
    single
}

/// What both descriptions tell: the type of encryption and the key.
fn described(kinesis: &Kinesis) -> (Value, Value) {
    let stream = json!({"StreamName": STREAM});
    let pair = |it: &Value| (it["EncryptionType"].clone(), it["KeyId"].clone());
    let summary = pair(&kinesis.ok("DescribeStreamSummary", &stream)["StreamDescriptionSummary"]);
    assert_eq!(pair(&kinesis.ok("DescribeStream", &stream)["StreamDescription"]), summary);
    summary
}

/// Puts two records each before, under one key, under another, and after.
fn fill(kinesis: &Kinesis) {
    assert_eq!(put(kinesis), Value::Null);
    for key in [ALIAS, KEY] {
        kinesis.ok("StartStreamEncryption", &under(key));
        kinesis.wait_active(STREAM);
        assert_eq!(described(kinesis), (json!("KMS"), json!(key)));
        assert_eq!(put(kinesis), json!("KMS"));
    }
    kinesis.ok("StopStreamEncryption", &under(KEY));
    kinesis.wait_active(STREAM);
    assert_eq!(described(kinesis), (json!("NONE"), Value::Null));
    assert_eq!(put(kinesis), Value::Null);
}

fn expected() -> Vec<Value> {
    let word = |encrypted: bool| if encrypted { json!("KMS") } else { Value::Null };
    ENCRYPTED.into_iter().flat_map(|encrypted| [word(encrypted), word(encrypted)]).collect()
}

fn types(records: &Value) -> Vec<Value> {
    let records = records.as_array().expect("records").iter();
    records.map(|record| record.get("EncryptionType").cloned().unwrap_or_default()).collect()
}

fn iterator(kinesis: &Kinesis) -> Value {
    let oldest = json!({"ShardIteratorType": "TRIM_HORIZON"});
    json!({"ShardIterator": kinesis.iterator(STREAM, &shard_id(0), oldest)})
}

fn types_in_cbor(kinesis: &Kinesis) -> Vec<Value> {
    let iterator = text(&iterator(kinesis), "ShardIterator");
    let mut input = Vec::new();
    let named = fanlight::wire::Value::map([("ShardIterator", fanlight::wire::Value::text(iterator))]);
    Codec::Cbor.encode(&named, &mut input);
    let answer = post(kinesis.address, "GetRecords", CBOR, &input).expect("an answer");
    let body = Bytes::from(answer.body);
    let output = Codec::Cbor.decode(&body).expect("CBOR");
    let records = output.get("Records").and_then(fanlight::wire::Value::as_list).expect("records");
    let word = |it: &fanlight::wire::Value<'_>| it.get("EncryptionType").and_then(|it| it.as_text()).into();
    records.iter().map(word).collect()
}

async fn types_pushed(kinesis: &Kinesis, consumer: &str) -> Vec<Value> {
    let connection = Connection::open(kinesis.address, Windows::default()).await;
    let mut subscription = connection.subscribe(consumer, &shard_id(0), at("TRIM_HORIZON")).await;
    let mut pushed = Vec::new();
    while pushed.len() < expected().len() {
        pushed.extend(types(&subscription.event().await["Records"]));
    }
    pushed
}

#[test]
fn records_tell_for_ever_whether_they_were_written_under_a_key() {
    let (mut server, mut kinesis) = server("aws");
    let arn = kinesis.create(STREAM, 1);
    let consumer = kinesis.register(&arn, "app");
    fill(&kinesis);
    for restarted in [false, true] {
        let page = kinesis.ok("GetRecords", &iterator(&kinesis));
        assert_eq!(types(&page["Records"]), expected(), "restarted: {restarted}");
        assert_eq!(types_in_cbor(&kinesis), expected());
        assert_eq!(block_on(types_pushed(&kinesis, &consumer)), expected());
        server.kill_9();
        server.restart();
        kinesis = Kinesis { address: server.address() };
    }
}

#[test]
fn a_key_in_use_survives_a_kill() {
    let (mut server, kinesis) = server("aws");
    kinesis.create(STREAM, 1);
    kinesis.ok("StartStreamEncryption", &under(KEY));
    server.kill_9();
    server.restart();
    let kinesis = Kinesis { address: server.address() };
    kinesis.wait_active(STREAM);
    assert_eq!(described(&kinesis), (json!("KMS"), json!(KEY)));
    assert_eq!(put(&kinesis), json!("KMS"));
}

#[test]
fn what_does_a_wrong_key_or_type_get() {
    let (server, kinesis) = server("aws");
    kinesis.create(STREAM, 1);
    let one = |text: &str| format!("1 validation error detected: Value {text}");
    let neither =
        |key: &str| format!("KeyId {key} is neither the id or ARN of a key nor the name or ARN of an alias.");
    let none = json!({"StreamName": STREAM, "EncryptionType": "NONE", "KeyId": ALIAS});
    let gone = json!({"StreamName": "gone", "EncryptionType": "KMS", "KeyId": ALIAS});
    let untyped = json!({"StreamName": STREAM, "KeyId": ALIAS});
    let keyless = json!({"StreamName": STREAM, "EncryptionType": "KMS"});
    for operation in ["StartStreamEncryption", "StopStreamEncryption"] {
        let missing = "failed to satisfy constraint: Member must not be null";
        check(
            server.address(),
            &[
                (operation, under("my key"), "InvalidArgumentException", neither("my key")),
                (operation, none.clone(), "InvalidArgumentException", "EncryptionType must be KMS.".into()),
                (
                    operation,
                    gone.clone(),
                    "ResourceNotFoundException",
                    format!("Stream gone under account {ACCOUNT} not found."),
                ),
                (
                    operation,
                    untyped.clone(),
                    "ValidationException",
                    one(&format!("null at 'encryptionType' {missing}")),
                ),
                (
                    operation,
                    keyless.clone(),
                    "ValidationException",
                    one(&format!("null at 'keyId' {missing}")),
                ),
            ],
        );
    }
}
