//! What does a request get that names what is not there, is in use, or was never given out?

use serde_json::{Value, json};

use crate::refusal::{ACCOUNT, Refusal, check, server};
use crate::support::kinesis::{hash_key, shard_id, text};
use crate::support::wait_for;

const SHARD_0: &str = "shardId-000000000000";
const OTHER_SHARD: &str = "shardId-000000000001";

#[test]
fn what_does_a_stream_or_shard_that_is_not_there_get() {
    let (server, kinesis) = server("aws");
    let arn = kinesis.create("there", 1);
    let gone = |name: &str| format!("Stream {name} under account {ACCOUNT} not found.");
    let no_shard = |shard: &str, stream: &str| {
        format!("Shard {shard} in stream {stream} under account {ACCOUNT} does not exist")
    };
    let oldest = |stream: &str, shard: &str| {
        let kind = "TRIM_HORIZON";
        json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": kind})
    };
    let foreign = arn.replace(ACCOUNT, "123456789012");
    let subscribe = |consumer: String| {
        let position = json!({"Type": "LATEST"});
        json!({"ConsumerARN": consumer, "ShardId": SHARD_0, "StartingPosition": position})
    };
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
                "IncreaseStreamRetentionPeriod",
                json!({"StreamName": "gone", "RetentionPeriodHours": 1}),
                gone("gone"),
            ),
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
    let wanted = |shard: &str, kind: &str, number: Option<&str>| {
        json!({"StreamName": "place", "ShardId": shard, "ShardIteratorType": kind,
            "StartingSequenceNumber": number})
    };
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
    wait_for("a stream of a later second", || {
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
                json!({"StreamName": "phoenix", "ShardId": SHARD_0,
                    "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number}),
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
    kinesis.ok("DeleteStream", &json!({"StreamName": "paged"}));
    kinesis.wait_gone("paged");
    kinesis.create("paged", 3);
    let of_another = refused("ListShards", json!({"NextToken": token}), "The NextToken is invalid.");
    check(server.address(), &[of_another]);
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

#[test]
fn what_does_an_iterator_beside_the_arn_of_another_stream_get() {
    let (server, kinesis) = server("off");
    let arn = kinesis.create("there", 1);
    let iterator = kinesis.iterator("there", SHARD_0, json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let of = |arn: &str| json!({"ShardIterator": iterator, "StreamARN": arn});
    let (account, region) = (arn.replace(ACCOUNT, "123456789012"), arn.replace("us-east-1", "eu-west-1"));
    let text = "StreamARN is not that of the stream the ShardIterator is for.";
    let refused =
        |arn: &str| -> Refusal { ("GetRecords", of(arn), "InvalidArgumentException", text.to_owned()) };
    check(server.address(), &[refused(&arn.replace("there", "other")), refused(&account), refused(&region)]);
    kinesis.ok("GetRecords", &of(&arn));
    kinesis.ok("GetRecords", &of(&arn.replace("arn:aws:", "arn:aws-cn:")));
}
