//! Valid inputs: made from the model, with a small table of values for what a model cannot know.

use std::collections::BTreeMap;

use crate::cbor_value::{Item, text};
use crate::encoding::from_json;
use crate::exceptions::IGNORED;
use crate::model::{Kind, Model, Operation, Shape};

/// Values by member (or by operation and member): JSON, or plain text; `$` names a fixture.
const VALUES: &[(&str, &str)] = &[
    ("StreamName", "$stream"),
    ("StreamARN", "$arn"),
    ("ResourceARN", "$arn"),
    ("ConsumerARN", "$consumer"),
    ("ConsumerName", "reader"),
    ("ShardId", "shardId-000000000000"),
    ("ExclusiveStartShardId", "shardId-000000000000"),
    ("ExclusiveStartStreamName", "a"),
    ("ExclusiveStartTagKey", "a"),
    ("ShardToSplit", "shardId-000000000000"),
    ("ShardToMerge", "shardId-000000000002"),
    ("AdjacentShardToMerge", "shardId-000000000003"),
    ("NewStartingHashKey", "\"85070591730234615865843651857942052864\""),
    ("ExplicitHashKey", "\"0\""),
    ("SequenceNumberForOrdering", "$sequence"),
    ("StartingSequenceNumber", "$sequence"),
    ("SequenceNumber", "$sequence"),
    ("StreamCreationTimestamp", "$created"),
    ("Timestamp", "$created"),
    ("ShardIterator", "$iterator"),
    ("ShardIteratorType", "AT_SEQUENCE_NUMBER"),
    ("NextToken", "$token"),
    // Of the lower half of the hash space, as the hash key above.
    ("PartitionKey", "a"),
    ("Policy", "$policy"),
    ("Tags", r#"{"a": "1", "b": ""}"#),
    ("TagKeys", r#"["b"]"#),
    ("ShardLevelMetrics", r#"["IncomingBytes"]"#),
    ("EncryptionType", "KMS"),
    ("KeyId", "alias/aws/kinesis"),
    ("RetentionPeriodHours", "24"),
    ("Limit", "10"),
    ("MaxResults", "10"),
    ("TargetShardCount", "2"),
    ("WarmThroughputMiBps", "4"),
];

/// Members the model does not require and a request has no sense without.
const NEEDED: &[(&str, &[&str])] = &[
    ("DescribeStreamConsumer", &["ConsumerARN"]),
    ("DeregisterStreamConsumer", &["ConsumerARN"]),
    ("UpdateMaxRecordSize", &["StreamARN"]),
    ("PutRecord", &["StreamName", "PartitionKey"]),
    ("PutRecordsRequestEntry", &["PartitionKey"]),
    ("GetRecords", &[]),
    ("ListStreams", &[]),
];

/// Values of fixtures by name.
pub(crate) type Fixtures = BTreeMap<&'static str, Item>;

/// Fixtures that look right and stand for nothing that exists.
pub(crate) fn imaginary() -> Fixtures {
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/imaginary";
    [
        ("stream", text("imaginary")),
        ("arn", text(arn)),
        ("consumer", text(&format!("{arn}/consumer/reader:1700000000"))),
        ("sequence", text("49646437577108476416916876405827138351405044442888929282")),
        ("created", Item::Tagged(1, Box::new(Item::Integer(1_700_000_000_500)))),
        ("iterator", text("AAAA")),
        ("token", text("AAAA")),
        ("policy", text("{}")),
        ("keyless", Item::List(vec![Item::Map([("Data".to_owned(), Item::Bytes(vec![7]))].into())])),
    ]
    .into()
}

/// How much of an input is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is required, and what a request has no sense without.
    Least,
    /// The same, and everything else null.
    Nulls,
    /// Everything.
    Most,
}

/// A valid input of an operation.
pub(crate) fn input(model: &Model, operation: &Operation, extent: Extent, fixtures: &Fixtures) -> Item {
    let maker = Maker { model, extent, fixtures };
    match &operation.input {
        Some(shape) => maker.structure(model.shape(shape), &operation.name),
        None => Item::Map(BTreeMap::new()),
    }
}

/// A value the way the table writes it.
pub(crate) fn literal(written: &str, fixtures: &Fixtures) -> Item {
    match written.strip_prefix('$') {
        Some(name) => fixtures.get(name).unwrap_or_else(|| panic!("no fixture {name} yet")).clone(),
        None => serde_json::from_str(written).map_or_else(|_| text(written), |value| from_json(&value)),
    }
}

struct Maker<'m> {
    model: &'m Model,
    extent: Extent,
    fixtures: &'m Fixtures,
}

impl Maker<'_> {
    fn structure(&self, shape: &Shape, of: &str) -> Item {
        let wanted =
            |name: &str| self.extent == Extent::Most || shape.requires(name) || needs(shape, of, name);
        let mut members = BTreeMap::new();
        for (name, shape) in shape.members.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())) {
            if wanted(name) {
                members.insert(name.clone(), self.member(name, shape));
            } else if self.extent == Extent::Nulls {
                members.insert(name.clone(), Item::Null);
            }
        }
        Item::Map(members)
    }

    fn member(&self, name: &str, shape: &str) -> Item {
        match VALUES.iter().find(|(member, _)| *member == name) {
            Some((_, written)) => literal(written, self.fixtures),
            None => self.value(self.model.shape(shape)),
        }
    }

    fn value(&self, shape: &Shape) -> Item {
        match shape.kind {
            Kind::String => text(shape.values.first().map_or("x", String::as_str)),
            Kind::Integer | Kind::Long => Item::Integer(shape.min.unwrap_or(1)),
            Kind::Boolean => Item::Bool(false),
            Kind::Blob => Item::Bytes(b"data".to_vec()),
            Kind::Structure => self.structure(shape, &shape.name),
            Kind::List => Item::List(vec![self.value(self.model.shape(&shape.item))]),
            Kind::Timestamp | Kind::Map => panic!("{} has to stand in the table", shape.name),
        }
    }
}

/// Whether a structure makes no sense without this member: by the table, or since a stream has to be named.
fn needs(shape: &Shape, of: &str, member: &str) -> bool {
    match NEEDED.iter().find(|(name, _)| *name == of) {
        Some((_, needed)) => needed.contains(&member),
        None => member == "StreamName" && shape.has("StreamARN") && !shape.requires("StreamARN"),
    }
}
