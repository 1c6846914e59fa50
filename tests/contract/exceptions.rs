//! Where the reference says otherwise than the model: what the service was seen to do, or what this server
//! does on purpose. Each line has its reason; the deviations stand in docs/compatibility.md, too.

use crate::model::{Model, Operation, Shape};

/// Members no request is held to: reserved by the model ("not implemented"), ignored here.
pub(crate) const IGNORED: &[&str] = &["StreamId"];

/// Orders in which the service was seen to check members; all others follow the model.
const ORDERS: &[(&str, &[&str])] = &[
    ("AddTagsToStream", &["Tags", "StreamName"]),
    ("CreateStream", &["ShardCount", "StreamName"]),
    ("DecreaseStreamRetentionPeriod", &["RetentionPeriodHours", "StreamName"]),
    ("DescribeStream", &["Limit", "ExclusiveStartShardId", "StreamName"]),
    ("GetShardIterator", &["ShardId", "ShardIteratorType", "StartingSequenceNumber", "StreamName"]),
    ("IncreaseStreamRetentionPeriod", &["RetentionPeriodHours", "StreamName"]),
    ("ListTagsForStream", &["Limit", "ExclusiveStartTagKey", "StreamName"]),
    ("MergeShards", &["ShardToMerge", "AdjacentShardToMerge", "StreamName"]),
    ("PutRecord", &["SequenceNumberForOrdering", "PartitionKey", "ExplicitHashKey", "Data", "StreamName"]),
    ("PutRecordsRequestEntry", &["PartitionKey", "ExplicitHashKey", "Data"]),
    ("RemoveTagsFromStream", &["TagKeys", "StreamName"]),
    ("SplitShard", &["NewStartingHashKey", "StreamName", "ShardToSplit"]),
];

/// Patterns as the service was seen to print them: without anchors.
const PATTERNS: &[(&str, &str)] =
    &[("HashKey", r"0|([1-9]\d{0,38})"), ("SequenceNumber", r"0|([1-9]\d{0,128})")];

/// Enumerations as the service was seen to print them.
const ENUMERATIONS: &[(&str, &[&str])] = &[(
    "ShardIteratorType",
    &["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"],
)];

/// Errors every operation may answer, whether or not its model lists them.
pub(crate) const COMMON_ERRORS: &[&str] = &["ValidationException"];

/// Members of outputs that may lie below the model's minimum: the service says 0 where nothing failed, and
/// lists no metrics where none is on.
pub(crate) const BELOW_MINIMUM: &[&str] =
    &["FailedRecordCount", "ShardLevelMetrics", "CurrentShardLevelMetrics", "DesiredShardLevelMetrics"];

/// Members the model requires of outputs and the service leaves out: of a shard's last event.
pub(crate) const LEFT_OUT: &[&str] = &["ContinuationSequenceNumber"];

/// Every name the tables above mention, to be found in the model.
pub(crate) fn mentioned() -> impl Iterator<Item = &'static str> {
    ORDERS.iter().flat_map(|(_, members)| members.iter().copied())
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(it, _)| *it == name).map(|(_, found)| *found)
}

/// The members of a structure in the order they are checked; `of` is the operation, or the structure's own
/// name.
pub(crate) fn in_order<'m>(shape: &'m Shape, of: &str) -> Vec<&'m (String, String)> {
    let seen = find(ORDERS, of).unwrap_or_default();
    let place = |name: &str| seen.iter().position(|it| *it == name).unwrap_or(seen.len());
    let mut members: Vec<_> =
        shape.members.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())).collect();
    members.sort_by_key(|(name, _)| place(name));
    members
}

/// A pattern as errors print it.
pub(crate) fn printed_pattern(shape: &Shape) -> Option<&str> {
    find(PATTERNS, &shape.name).or(shape.pattern.as_deref())
}

/// An enumeration as errors print it.
pub(crate) fn printed_values(shape: &Shape) -> String {
    match find(ENUMERATIONS, &shape.name) {
        Some(values) => values.join(", "),
        None => shape.values.join(", "),
    }
}

/// Whether an operation answers CBOR requests at all: events are JSON only.
pub(crate) fn speaks_cbor(operation: &Operation) -> bool {
    operation.name != "SubscribeToShard"
}

/// Whether the tables still fit the model.
pub(crate) fn fit(model: &Model) -> bool {
    let known = |name: &str| {
        let inputs = model.own().filter_map(|it| it.input.as_deref()).map(|it| model.shape(it));
        inputs.chain([model.shape("PutRecordsRequestEntry")]).any(|shape| shape.has(name))
    };
    mentioned().chain(IGNORED.iter().copied()).all(known)
}
