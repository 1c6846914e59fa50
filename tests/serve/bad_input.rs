//! What does the server say to nonsense? Requests byte by byte, each with the status, the exception and the text
//! the service gives.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::http::{AUTHORIZATION, Answer, JSON, call, raw};
use crate::support::kinesis::{Kinesis, blob, hash_key, shard_id, text};
use crate::support::server::{Options, Server};

const SHARD_0: &str = "shardId-000000000000";
const OTHER_SHARD: &str = "shardId-000000000001";
/// In every text that names an account.
const ACCOUNT: &str = "000000000000";
const NO_OPERATION: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                            authorized</Message>\n</AccessDeniedException>\n";

/// A request that is complete unless a part of it is changed.
#[derive(Clone, Copy)]
struct Parts<'a> {
    line: &'a str,
    target: Option<&'a str>,
    content_type: Option<&'a str>,
    authorization: Option<&'a str>,
    date: bool,
    body: &'a [u8],
}

const GOOD: Parts<'static> = Parts {
    line: "POST / HTTP/1.1",
    target: Some("Kinesis_20131202.ListStreams"),
    content_type: Some(JSON),
    authorization: Some(AUTHORIZATION),
    date: true,
    body: b"{}",
};

impl Parts<'_> {
    fn send(&self, address: SocketAddr) -> Answer {
        let mut head = format!("{}\r\nHost: {address}\r\nConnection: close\r\n", self.line);
        let date = self.date.then_some("20261101T000000Z");
        for (name, value) in [
            ("X-Amz-Target", self.target),
            ("Content-Type", self.content_type),
            ("Authorization", self.authorization),
            ("X-Amz-Date", date),
        ] {
            head.extend(value.map(|value| format!("{name}: {value}\r\n")));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        raw(address, &[head.as_bytes(), self.body].concat())
    }
}

fn server(limits: &'static str) -> (Server, Kinesis) {
    let server = Server::start(Options { limits, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    (server, kinesis)
}

#[test]
fn what_does_a_request_without_a_proper_envelope_get() {
    let (server, _kinesis) = server("aws");
    let unknown = br#"{"__type":"UnknownOperationException"}"#.as_slice();
    let malformed = br#"{"__type":"SerializationException"}"#.as_slice();
    let legacy =
        br#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    let cbor_malformed: &[u8] = b"\xa1\x66__type\x76SerializationException";
    let no_operation = NO_OPERATION.as_bytes();
    let cases: &[(&str, Parts<'_>, u16, &[u8])] = &[
        ("nothing wrong", GOOD, 200, br#"{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}"#),
        (
            "a charset",
            Parts { content_type: Some("application/x-amz-json-1.1; charset=utf-8"), ..GOOD },
            200,
            br#"{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}"#,
        ),
        ("another version", Parts { target: Some("Kinesis_20121202.ListStreams"), ..GOOD }, 400, unknown),
        ("no such operation", Parts { target: Some("Kinesis_20131202.ListRivers"), ..GOOD }, 400, unknown),
        ("no target", Parts { target: None, ..GOOD }, 400, unknown),
        ("no target, empty body", Parts { target: None, body: b"", ..GOOD }, 400, unknown),
        ("GET", Parts { line: "GET / HTTP/1.1", body: b"", ..GOOD }, 403, no_operation),
        ("PUT", Parts { line: "PUT / HTTP/1.1", ..GOOD }, 403, no_operation),
        ("empty body", Parts { body: b"", ..GOOD }, 400, malformed),
        ("empty body of no type", Parts { body: b"", content_type: None, ..GOOD }, 400, cbor_malformed),
        ("half an object", Parts { body: b"{\"Limit\":", ..GOOD }, 400, malformed),
        ("a list", Parts { body: b"[]", ..GOOD }, 400, malformed),
        ("no text", Parts { body: b"\xff\xfe", ..GOOD }, 400, malformed),
        ("two values", Parts { body: b"{}{}", ..GOOD }, 400, malformed),
        (
            "text/plain",
            Parts { content_type: Some("text/plain"), ..GOOD },
            404,
            b"<UnknownOperationException/>\n",
        ),
        (
            "text/plain, no target",
            Parts { content_type: Some("text/plain"), target: None, ..GOOD },
            403,
            no_operation,
        ),
        ("application/json", Parts { content_type: Some("application/json"), ..GOOD }, 404, legacy),
        (
            "JSON called CBOR",
            Parts { content_type: Some("application/x-amz-cbor-1.1"), ..GOOD },
            400,
            cbor_malformed,
        ),
    ];
    for (what, request, status, body) in cases {
        let answer = request.send(server.address());
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, &*said), (*status, &*String::from_utf8_lossy(body)), "{what}");
        assert!(answer.header("x-amzn-requestid").is_some(), "{what}: {}", answer.head);
        assert!(answer.header("x-amz-id-2").is_some(), "{what}: {}", answer.head);
    }
}

#[test]
fn what_does_a_request_without_credentials_get() {
    let (server, _kinesis) = server("aws");
    let incomplete = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/us-east-1/kinesis/aws4_request";
    let missing = format!(
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
         parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization={incomplete}"
    );
    let query = "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b HTTP/1.1";
    let missing_query = "AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must \
                         include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.";
    let both =
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.".to_owned();
    let cases: &[(Parts<'_>, &str, String)] = &[
        (
            Parts { authorization: None, ..GOOD },
            "MissingAuthenticationTokenException",
            "Missing Authentication Token".into(),
        ),
        (
            Parts { authorization: Some(incomplete), date: false, ..GOOD },
            "IncompleteSignatureException",
            missing,
        ),
        (
            Parts { line: query, authorization: None, ..GOOD },
            "IncompleteSignatureException",
            missing_query.into(),
        ),
        (Parts { line: query, ..GOOD }, "InvalidSignatureException", both),
    ];
    for (request, kind, message) in cases {
        let answer = request.send(server.address());
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status, body), (400, json!({"__type": kind, "message": message})));
        assert_eq!(answer.header("x-amzn-errortype"), Some(*kind));
    }
}

/// An operation, its input, and the `__type` and text it gets with status 400.
type Refusal = (&'static str, Value, &'static str, String);

fn check(address: SocketAddr, refusals: &[Refusal]) {
    for (operation, input, kind, message) in refusals {
        let member = if *kind == "SerializationException" { "Message" } else { "message" };
        let (status, body) = call(address, operation, input);
        assert_eq!((status, body), (400, json!({"__type": kind, member: message})), "{operation} {input}");
    }
}

#[test]
fn what_does_a_member_of_the_wrong_type_get() {
    let (server, _kinesis) = server("aws");
    let put = |data: Value| json!({"StreamName": "s", "PartitionKey": "k", "Data": data});
    let number =
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String";
    let position = |time: Value| json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time});
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

#[test]
fn what_does_a_value_out_of_bounds_get() {
    let (server, kinesis) = server("aws");
    kinesis.create("bounds", 1);
    let one = |what: &str| format!("1 validation error detected: {what}");
    let at = "failed to satisfy constraint: Member must";
    let oversize = vec![7; (1 << 20) + 1];
    let put = json!({"StreamName": "bounds", "PartitionKey": "k", "Data": blob(&oversize)});
    let entry = |data: &[u8]| json!({"PartitionKey": "k", "Data": blob(data)});
    let batch = json!({"StreamName": "bounds", "Records": [entry(b"fits"), entry(&oversize)]});
    let buffer = "java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]";
    let many: Vec<_> = (0..501).map(|_| entry(b"")).collect();
    let heavy: Vec<_> = (0..11).map(|_| entry(&oversize[..1 << 20])).collect();
    let refused =
        |operation, input, message: String| -> Refusal { (operation, input, "ValidationException", message) };
    check(
        server.address(),
        &[
            refused(
                "PutRecord",
                put,
                one(&format!("Value '{buffer}' at 'data' {at} have length less than or equal to 1048576")),
            ),
            refused(
                "PutRecords",
                batch,
                one(&format!(
                    "Value '{buffer}' at 'records.2.member.data' {at} have length less than or equal to 1048576"
                )),
            ),
            refused(
                "ListStreams",
                json!({"Limit": 0}),
                one(&format!("Value '0' at 'limit' {at} have value greater than or equal to 1")),
            ),
            refused(
                "CreateStream",
                json!({"ShardCount": 1}),
                one(&format!("Value null at 'streamName' {at} not be null")),
            ),
            refused(
                "CreateStream",
                json!({"StreamName": "a/b"}),
                one(&format!(
                    "Value 'a/b' at 'streamName' {at} satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
                )),
            ),
            refused(
                "CreateStream",
                json!({"StreamName": "p", "StreamModeDetails": {"StreamMode": "PROVISIONED"}}),
                one(&format!("Value null at 'shardCount' {at} not be null")),
            ),
            refused(
                "CreateStream",
                json!({"StreamName": "m", "StreamModeDetails": {"StreamMode": "MAYBE"}}),
                one(&format!(
                    "Value 'MAYBE' at 'streamModeDetails.streamMode' {at} satisfy enum value set: [PROVISIONED, ON_DEMAND]"
                )),
            ),
            (
                "PutRecords",
                json!({"StreamName": "bounds", "Records": heavy}),
                "InvalidArgumentException",
                "Records size exceeds 10 MB limit".into(),
            ),
        ],
    );
    // The list's own elements are printed with addresses; only the beginning and the end are fixed.
    let (kind, message) = kinesis.refused("PutRecords", &json!({"StreamName": "bounds", "Records": many}));
    assert_eq!(kind, "ValidationException");
    assert!(
        message.starts_with("1 validation error detected: Value '[com.amazonaws.kinesis.v20131202."),
        "{message}"
    );
    assert!(
        message.ends_with(&format!("at 'records' {at} have length less than or equal to 500")),
        "{message}"
    );
    assert_eq!(kinesis.read_shard("bounds", SHARD_0), [], "a refused call leaves nothing behind");
}

#[test]
fn is_a_body_that_is_too_large_refused_without_reading_it() {
    let (server, _kinesis) = server("aws");
    let body = vec![b' '; (16 << 20) + 1];
    // It is refused by its announced length, so the rest may meet a closed connection: the head alone is sent.
    let announced = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {JSON}\r\nX-Amz-Target: \
         Kinesis_20131202.PutRecord\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = raw(server.address(), announced.as_bytes());
    assert_eq!((answer.status, &*answer.body), (413, &b""[..]));
    // Without an announcement, once it has come to too much.
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
    let head = announced.replace(&format!("Content-Length: {}", body.len()), "Transfer-Encoding: chunked");
    let answer = raw(server.address(), &[head.as_bytes(), &chunk].concat());
    assert_eq!((answer.status, &*answer.body), (413, &b""[..]));
}

#[test]
fn does_the_largest_legal_request_fit() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    let created = json!({"StreamName": "large", "ShardCount": 1, "MaxRecordSizeInKiB": 10240});
    kinesis.ok("CreateStream", &created);
    kinesis.wait_active("large");
    let data = vec![0xa5; 10 << 20];
    let number = kinesis.put("large", "0", &data);
    let records = kinesis.read_shard("large", SHARD_0);
    assert!(records.len() == 1 && records[0].data == data && records[0].number == number);
}

#[test]
fn what_does_a_stream_or_shard_that_is_not_there_get() {
    let (server, kinesis) = server("aws");
    let arn = kinesis.create("there", 1);
    let gone = |name: &str| format!("Stream {name} under account {ACCOUNT} not found.");
    let no_shard = |shard: &str, stream: &str| {
        format!("Shard {shard} in stream {stream} under account {ACCOUNT} does not exist")
    };
    let oldest = |stream: &str, shard: &str| json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let foreign = arn.replace(ACCOUNT, "123456789012");
    let subscribe = |consumer: String| json!({"ConsumerARN": consumer, "ShardId": SHARD_0, "StartingPosition": {"Type": "LATEST"}});
    let missing =
        |operation, input, message| -> Refusal { (operation, input, "ResourceNotFoundException", message) };
    let named = json!({"StreamName": "gone"});
    check(
        server.address(),
        &[
            missing("DescribeStream", named.clone(), gone("gone")),
            missing("DescribeStreamSummary", named.clone(), gone("gone")),
            missing("ListShards", named.clone(), gone("gone")),
            missing("DeleteStream", named, gone("gone")),
            missing(
                "PutRecord",
                json!({"StreamName": "gone", "PartitionKey": "k", "Data": ""}),
                gone("gone"),
            ),
            missing(
                "PutRecords",
                json!({"StreamName": "gone", "Records": [{"PartitionKey": "k", "Data": ""}]}),
                gone("gone"),
            ),
            missing(
                "DescribeStream",
                json!({"StreamARN": foreign}),
                "Stream there under account 123456789012 not found.".into(),
            ),
            missing("GetShardIterator", oldest("gone", SHARD_0), no_shard(SHARD_0, "gone")),
            missing("GetShardIterator", oldest("there", OTHER_SHARD), no_shard(OTHER_SHARD, "there")),
            missing(
                "GetShardIterator",
                oldest("there", "shardId-x"),
                format!("Could not find shard shardId-x in stream there under account {ACCOUNT}."),
            ),
            missing(
                "SubscribeToShard",
                subscribe(format!("{arn}/consumer/nobody:1")),
                format!("Consumer nobody under stream there and account {ACCOUNT} not found."),
            ),
            missing(
                "RegisterStreamConsumer",
                json!({"StreamARN": arn.replace("there", "gone"), "ConsumerName": "c"}),
                gone("gone"),
            ),
            (
                "DescribeStream",
                json!({}),
                "InvalidArgumentException",
                "Either StreamName or StreamARN must be provided.".into(),
            ),
        ],
    );
}

#[test]
fn what_does_a_starting_position_that_makes_no_sense_get() {
    let (server, kinesis) = server("aws");
    kinesis.create("place", 2);
    let number = kinesis.put("place", &hash_key(0, 2), b"first life");
    let wanted = |shard: &str, kind: &str, number: Option<&str>| json!({"StreamName": "place", "ShardId": shard, "ShardIteratorType": kind, "StartingSequenceNumber": number});
    let choice = |given: &str| {
        format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {given}"
        )
    };
    let invalid = |number: &str, reason: &str| {
        format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {SHARD_0} in stream place under account \
             {ACCOUNT} is invalid{reason}"
        )
    };
    let refused =
        |input, message| -> Refusal { ("GetShardIterator", input, "InvalidArgumentException", message) };
    check(
        server.address(),
        &[
            refused(
                wanted(SHARD_0, "AT_SEQUENCE_NUMBER", None),
                choice("AT_SEQUENCE_NUMBER and no StartingSequenceNumber."),
            ),
            refused(
                wanted(SHARD_0, "LATEST", Some(&number)),
                choice("LATEST and also a StartingSequenceNumber."),
            ),
            refused(
                wanted(SHARD_0, "AT_TIMESTAMP", None),
                "Must specify timestampInMillis parameter for iterator of type \
            AT_TIMESTAMP. Current request has no timestamp parameter."
                    .into(),
            ),
            refused(wanted(SHARD_0, "AFTER_SEQUENCE_NUMBER", Some("12")), invalid("12", ".")),
            refused(
                wanted(OTHER_SHARD, "AT_SEQUENCE_NUMBER", Some(&number)),
                format!(
                    "Invalid StartingSequenceNumber. It \
            encodes {SHARD_0}, while it was used in a call to a shard with {OTHER_SHARD}"
                ),
            ),
        ],
    );
    let future = json!({"StreamName": "place", "ShardId": SHARD_0, "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": 4_000_000_000.5_f64});
    let (kind, message) = kinesis.refused("GetShardIterator", &future);
    assert_eq!(kind, "InvalidArgumentException");
    assert!(
        message.starts_with(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
        timestampInMillis: 4000000000500, currentTimestampInMillis: "
        ),
        "{message}"
    );
}

#[test]
fn is_a_position_of_a_deleted_stream_good_for_its_successor() {
    let (server, kinesis) = server("aws");
    let incarnation = || {
        kinesis.create("phoenix", 1);
        let started = json!({"StreamName": "phoenix"});
        let shards = kinesis.ok("ListShards", &started);
        text(&shards["Shards"][0]["SequenceNumberRange"], "StartingSequenceNumber")
    };
    let first_start = incarnation();
    let number = kinesis.put("phoenix", "0", b"first life");
    let iterator = kinesis.iterator("phoenix", SHARD_0, json!({"ShardIteratorType": "TRIM_HORIZON"}));
    // Sequence numbers tell incarnations apart by the second of their creation: the next one must be later.
    crate::support::wait_for("a stream of a later second", || {
        kinesis.ok("DeleteStream", &json!({"StreamName": "phoenix"}));
        kinesis.wait_gone("phoenix");
        (incarnation() != first_start).then_some(())
    });
    check(
        server.address(),
        &[
            (
                "GetRecords",
                json!({"ShardIterator": iterator}),
                "ResourceNotFoundException",
                format!("Shard {SHARD_0} in stream phoenix under account {ACCOUNT} does not exist"),
            ),
            (
                "GetShardIterator",
                json!({"StreamName": "phoenix", "ShardId": SHARD_0, "ShardIteratorType":
            "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number}),
                "InvalidArgumentException",
                format!(
                    "StartingSequenceNumber {number} used in GetShardIterator on shard {SHARD_0} in stream phoenix \
                under account {ACCOUNT} is invalid because it did not come from this stream."
                ),
            ),
        ],
    );
    assert_eq!(kinesis.read_shard("phoenix", SHARD_0), []);
}

#[test]
fn is_an_iterator_that_was_tampered_with_taken() {
    let (server, kinesis) = server("off");
    kinesis.create("sealed", 1);
    let iterator = kinesis.iterator("sealed", SHARD_0, json!({"ShardIteratorType": "LATEST"}));
    let invalid = |text: String| -> Refusal {
        (
            "GetRecords",
            json!({"ShardIterator": text}),
            "InvalidArgumentException",
            "Invalid ShardIterator.".into(),
        )
    };
    let changed = |at: usize| {
        let other = if iterator.as_bytes()[at] == b'A' { "B" } else { "A" };
        [&iterator[..at], other, &iterator[at + 1..]].concat()
    };
    // Its last letter before the padding may carry bits that mean nothing; every other one counts.
    let meaningful = iterator.trim_end_matches('=').len() - 1;
    let mut refusals: Vec<_> = (0..meaningful).map(|at| invalid(changed(at))).collect();
    refusals.extend(["AAAA", "nonsense!", "AAAAAAAAAAE="].map(|it| invalid(it.to_owned())));
    check(server.address(), &refusals);
    kinesis.ok("GetRecords", &json!({"ShardIterator": iterator}));
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

#[test]
fn how_may_a_page_token_be_used() {
    let (server, kinesis) = server("aws");
    let arn = kinesis.create("paged", 3);
    kinesis.create("other", 3);
    let shards = kinesis.ok("ListShards", &json!({"StreamName": "paged", "MaxResults": 2}));
    let token = text(&shards, "NextToken");
    let refused = |operation, input, message: &str| -> Refusal {
        (operation, input, "InvalidArgumentException", message.to_owned())
    };
    let alone =
        "NextToken cannot be provided together with ExclusiveStartShardId or StreamCreationTimestamp.";
    check(
        server.address(),
        &[
            refused("ListShards", json!({}), "Either NextToken or StreamName should be provided."),
            refused(
                "ListShards",
                json!({"StreamName": "paged", "NextToken": token}),
                "NextToken and StreamName cannot be provided together.",
            ),
            refused("ListShards", json!({"NextToken": token, "ExclusiveStartShardId": SHARD_0}), alone),
            refused("ListShards", json!({"NextToken": "AAAA"}), "The NextToken is invalid."),
            refused("ListStreams", json!({"NextToken": token}), "The NextToken is invalid."),
            refused(
                "ListStreamConsumers",
                json!({"StreamARN": arn, "NextToken": token}),
                "The NextToken is invalid.",
            ),
            refused(
                "ListShards",
                json!({"StreamName": "paged", "ShardFilter": {"Type": "AT_TIMESTAMP"}}),
                "Timestamp must be provided for a ShardFilter of type AT_TIMESTAMP.",
            ),
        ],
    );
    let rest = kinesis.ok("ListShards", &json!({"NextToken": token}));
    assert_eq!((text(&rest["Shards"][0], "ShardId"), &rest["NextToken"]), (shard_id(2), &Value::Null));
}

#[test]
fn what_does_creating_twice_or_deleting_what_is_in_use_get() {
    let (server, kinesis) = server("aws");
    let arn = kinesis.create("twice", 1);
    kinesis.register(&arn, "reader");
    let in_use =
        |operation, input, message| -> Refusal { (operation, input, "ResourceInUseException", message) };
    check(
        server.address(),
        &[
            in_use(
                "CreateStream",
                json!({"StreamName": "twice", "ShardCount": 1}),
                format!("Stream twice under account {ACCOUNT} already exists."),
            ),
            in_use(
                "RegisterStreamConsumer",
                json!({"StreamARN": arn, "ConsumerName": "reader"}),
                format!("Consumer reader under stream twice and account {ACCOUNT} already exists."),
            ),
            in_use(
                "DeleteStream",
                json!({"StreamName": "twice"}),
                format!(
                    "DeleteStream can't delete {ACCOUNT}:twice \
            because there are consumers associated with this data stream. To delete twice anyway, set the \
            EnforceConsumerDeletion parameter to true."
                ),
            ),
        ],
    );
    kinesis.ok("DeleteStream", &json!({"StreamName": "twice", "EnforceConsumerDeletion": true}));
    kinesis.wait_gone("twice");
}
