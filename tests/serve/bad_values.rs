//! What does an input of wrong types or values get? With the exceptions and texts of the service.

use serde_json::{Value, json};

use crate::refusal::{Refusal, check, server};
use crate::support::http::call;
use crate::support::kinesis::blob;

const SHARD_0: &str = "shardId-000000000000";

#[test]
fn what_does_a_member_of_the_wrong_type_get() {
    let (server, _kinesis) = server("aws");
    let number =
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String";
    let position = |time: Value| {
        let kind = "AT_TIMESTAMP";
        json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": kind, "Timestamp": time})
    };
    let wrong = |operation, input, message: &str| -> Refusal {
        (operation, input, "SerializationException", message.to_owned())
    };
    check(
        server.address(),
        &[
            wrong("DescribeStream", json!({"StreamName": 5}), number),
            wrong(
                "DescribeStream",
                json!({"StreamName": true}),
                "class java.lang.Boolean can not be converted to an String",
            ),
            wrong("DescribeStream", json!({"StreamName": []}), "Start of list found where not expected"),
            wrong(
                "DescribeStream",
                json!({"StreamName": {}}),
                "Start of structure or map found where not expected.",
            ),
            wrong(
                "ListStreams",
                json!({"Limit": "5"}),
                "class java.lang.String can not be converted to an Integer",
            ),
            wrong(
                "ListStreams",
                json!({"Limit": true}),
                "class java.lang.Boolean can not be converted to an Integer",
            ),
            wrong(
                "DeleteStream",
                json!({"StreamName": "s", "EnforceConsumerDeletion": "maybe"}),
                "'MAYBE' can not be converted to an Boolean",
            ),
            wrong(
                "GetShardIterator",
                position(json!("yesterday")),
                "class java.lang.String can not be converted to milliseconds since epoch",
            ),
            wrong("PutRecords", json!({"StreamName": "s", "Records": "all"}), "Expected list or null"),
            wrong("CreateStream", json!({"StreamName": "s", "Tags": 7}), "Expected map or null"),
            wrong("CreateStream", json!({"StreamName": "s", "StreamModeDetails": 7}), "Expected null"),
        ],
    );
}

#[test]
fn what_does_data_that_is_no_base64_get() {
    let (server, _kinesis) = server("aws");
    let put = |data: Value| json!({"StreamName": "s", "PartitionKey": "k", "Data": data});
    let wrong = |operation, input, message: &str| -> Refusal {
        (operation, input, "SerializationException", message.to_owned())
    };
    check(
        server.address(),
        &[
            wrong(
                "PutRecord",
                put(json!(7)),
                "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob",
            ),
            wrong(
                "PutRecord",
                put(json!("abc")),
                "'abc' can not be converted to a Blob: Base64 encoded length is expected \
            a multiple of 4 bytes but found: 3",
            ),
            wrong(
                "PutRecord",
                put(json!("ab!d")),
                "'ab!d' can not be converted to a Blob: Invalid Base64 character: '!'",
            ),
            wrong(
                "PutRecord",
                put(json!("ab==")).clone(),
                "'ab==' can not be converted to a Blob: Invalid last non-pad \
            Base64 character dectected",
            ),
        ],
    );
}

const ONE: &str = "1 validation error detected: Value";
const MUST: &str = "failed to satisfy constraint: Member must";

#[test]
fn what_does_a_value_out_of_bounds_get() {
    let (server, _kinesis) = server("aws");
    let refused = |operation, input, broken: &str, bound: &str| -> Refusal {
        (operation, input, "ValidationException", format!("{ONE} {broken} {MUST} {bound}"))
    };
    let mode = |mode: &str| json!({"StreamName": "m", "StreamModeDetails": {"StreamMode": mode}});
    let modes = "satisfy enum value set: [PROVISIONED, ON_DEMAND]";
    let name = "satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
    check(
        server.address(),
        &[
            refused(
                "ListStreams",
                json!({"Limit": 0}),
                "'0' at 'limit'",
                "have value greater than or equal to 1",
            ),
            refused("CreateStream", json!({"ShardCount": 1}), "null at 'streamName'", "not be null"),
            refused("CreateStream", json!({"StreamName": "a/b"}), "'a/b' at 'streamName'", name),
            refused("CreateStream", mode("PROVISIONED"), "null at 'shardCount'", "not be null"),
            refused("CreateStream", mode("MAYBE"), "'MAYBE' at 'streamModeDetails.streamMode'", modes),
        ],
    );
}

#[test]
fn what_do_records_too_large_or_too_many_get() {
    let (server, kinesis) = server("aws");
    kinesis.create("bounds", 1);
    let oversize = vec![7; (1 << 20) + 1];
    let put = json!({"StreamName": "bounds", "PartitionKey": "k", "Data": blob(&oversize)});
    let entry = |data: &[u8]| json!({"PartitionKey": "k", "Data": blob(data)});
    let batch = |entries: Vec<Value>| json!({"StreamName": "bounds", "Records": entries});
    let heavy = (0..11).map(|_| entry(&oversize[..1 << 20])).collect();
    let too_large = |path: &str| {
        let buffer = "java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]";
        format!("{ONE} '{buffer}' at '{path}' {MUST} have length less than or equal to 1048576")
    };
    let second = batch(vec![entry(b"fits"), entry(&oversize)]);
    check(
        server.address(),
        &[
            ("PutRecord", put, "ValidationException", too_large("data")),
            ("PutRecords", second, "ValidationException", too_large("records.2.member.data")),
            (
                "PutRecords",
                batch(heavy),
                "InvalidArgumentException",
                "Records size exceeds 10 MB limit".into(),
            ),
        ],
    );
    // The list's elements are printed with made-up addresses; only the beginning and the end are fixed.
    let (kind, message) = kinesis.refused("PutRecords", &batch((0..501).map(|_| entry(b"")).collect()));
    assert_eq!(kind, "ValidationException");
    assert!(message.starts_with(&format!("{ONE} '[com.amazonaws.kinesis.v20131202.")), "{message}");
    let end = format!("at 'records' {MUST} have length less than or equal to 500");
    assert!(message.ends_with(&end), "{message}");
    assert_eq!(kinesis.read_shard("bounds", SHARD_0), [], "a refused call leaves nothing behind");
}

#[test]
fn does_the_largest_legal_request_fit() {
    let (_server, kinesis) = server("off");
    let created = json!({"StreamName": "large", "ShardCount": 1, "MaxRecordSizeInKiB": 10240});
    kinesis.ok("CreateStream", &created);
    kinesis.wait_active("large");
    let data = vec![0xa5; 10 << 20];
    let number = kinesis.put("large", "0", &data);
    let records = kinesis.read_shard("large", SHARD_0);
    assert!(records.len() == 1 && records[0].data == data && records[0].number == number);
}

#[test]
fn does_every_operation_of_the_model_work_or_say_why_not() {
    let (server, kinesis) = server("aws");
    for operation in fanlight::wire::target::OPERATION_NAMES {
        let (status, output) = call(server.address(), operation, &json!({}));
        let defined = status == 200 || (status == 400 && output["__type"].is_string());
        assert!(defined, "{operation}: {status} {output}");
        let built = fanlight::api::operations().any(|entry| entry.name == operation);
        if !built {
            let text = format!("{operation} is not supported by this server yet.");
            let refused = ("InvalidArgumentException".to_owned(), text);
            assert_eq!(kinesis.refused(operation, &json!({})), refused);
        }
    }
}
