//! The life of two streams in steps, so that every operation finds what it needs: one of provisioned shards
//! (`p`), one on demand (`o`).

/// What a step has to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success.
    Done,
    /// The error of a call that would have succeeded.
    DryRun,
}

/// One call: the operation, its stream, and what is not as the samples have it: values of members,
/// behind `!` those that an input with the least has, too, and `-` for one that another excludes.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) operation: &'static str,
    pub(crate) stream: &'static str,
    pub(crate) changed: &'static [(&'static str, &'static str)],
    pub(crate) outcome: Outcome,
}

const fn on(
    stream: &'static str,
    operation: &'static str,
    changed: &'static [(&'static str, &'static str)],
) -> Step {
    Step { operation, stream, changed, outcome: Outcome::Done }
}

/// The call with `DryRun`.
const fn dry(operation: &'static str, changed: &'static [(&'static str, &'static str)]) -> Step {
    Step { operation, stream: "p", changed, outcome: Outcome::DryRun }
}

const ON_DEMAND: &str = r#"{"StreamMode": "ON_DEMAND"}"#;

/// All of them, in order. Between two, the stream is waited for to be active.
pub(crate) const STEPS: &[Step] = &[
    on("p", "DescribeAccountSettings", &[]),
    on("p", "UpdateAccountSettings", &[("MinimumThroughputBillingCommitment", r#"{"Status": "ENABLED"}"#)]),
    on("p", "DescribeAccountSettings", &[]),
    on("p", "ListStreams", &[("NextToken", "-")]),
    on("p", "CreateStream", &[("ShardCount", "!2"), ("WarmThroughputMiBps", "-"), STRATEGY]),
    on("o", "CreateStream", &[("ShardCount", "-"), ("StreamModeDetails", ON_DEMAND), STRATEGY]),
    on("p", "DescribeLimits", &[]),
    on("p", "ListStreams", &[("NextToken", "-"), ("Limit", "!1"), ("ExclusiveStartStreamName", "-")]),
    on("p", "ListStreams", &[("ExclusiveStartStreamName", "-"), ("NextToken", "!$token")]),
    on("p", "DescribeStream", &[]),
    on("o", "DescribeStream", &[("Limit", "!1"), ("ExclusiveStartShardId", "-")]),
    on("p", "DescribeStreamSummary", &[]),
    on("o", "DescribeStreamSummary", &[]),
    on("p", "AddTagsToStream", &[]),
    on("p", "TagResource", &[]),
    on("p", "ListTagsForStream", &[]),
    on("p", "ListTagsForResource", &[]),
    on("p", "RemoveTagsFromStream", &[]),
    on("p", "UntagResource", &[]),
    on("p", "PutResourcePolicy", &[]),
    on("p", "GetResourcePolicy", &[]),
    on("p", "DeleteResourcePolicy", &[]),
    on("p", "GetResourcePolicy", &[]),
    on("p", "PutRecord", &[("SequenceNumberForOrdering", "-")]),
    on("p", "PutRecord", &[]),
    dry("PutRecord", &[("DryRun", "!true")]),
    on("p", "PutRecords", &[]),
    dry("PutRecords", &[("DryRun", "!true")]),
    dry(
        "GetShardIterator",
        &[("DryRun", "!true"), ("Timestamp", "-"), ("StartingSequenceNumber", "!$sequence")],
    ),
    on("p", "GetShardIterator", &[("StartingSequenceNumber", "!$sequence")]),
    on("p", "GetShardIterator", &[("ShardIteratorType", "TRIM_HORIZON"), ("StartingSequenceNumber", "-")]),
    dry("GetRecords", &[("DryRun", "!true")]),
    on("p", "GetRecords", &[]),
    on("p", "RegisterStreamConsumer", &[("ConsumerName", "other")]),
    on("p", "RegisterStreamConsumer", &[]),
    on("p", "ListStreamConsumers", &[("MaxResults", "!1"), ("NextToken", "-")]),
    on("p", "ListStreamConsumers", &[("NextToken", "!$token")]),
    on("p", "DescribeStreamConsumer", &[]),
    dry("SubscribeToShard", &[("DryRun", "!true"), ("StartingPosition", r#"{"Type": "LATEST"}"#)]),
    on("p", "SubscribeToShard", &[("StartingPosition", r#"{"Type": "TRIM_HORIZON"}"#)]),
    on("p", "StartStreamEncryption", &[]),
    on("p", "PutRecord", &[]),
    on("p", "PutRecords", &[]),
    on("p", "GetRecords", &[]),
    on("p", "DescribeStream", &[]),
    on("p", "StopStreamEncryption", &[]),
    on("p", "EnableEnhancedMonitoring", &[("ShardLevelMetrics", r#"["ALL"]"#)]),
    on("p", "DescribeStreamSummary", &[]),
    on("p", "DisableEnhancedMonitoring", &[]),
    on("p", "IncreaseStreamRetentionPeriod", &[("RetentionPeriodHours", "48")]),
    on("p", "DecreaseStreamRetentionPeriod", &[]),
    on("p", "UpdateMaxRecordSize", &[]),
    on("p", "SplitShard", &[("NewStartingHashKey", "\"1024\"")]),
    on("p", "MergeShards", &[]),
    on("p", "GetRecords", &[]),
    on("p", "DescribeStream", &[]),
    on("p", "ListShards", &[("NextToken", "-"), FROM_SHARD]),
    on(
        "p",
        "ListShards",
        &[("NextToken", "-"), ("MaxResults", "!1"), ("ExclusiveStartShardId", "-"), FILTER],
    ),
    on(
        "p",
        "ListShards",
        &[("NextToken", "!$token"), NO_NAME, NO_ARN, NO_TIME, ("ExclusiveStartShardId", "-")],
    ),
    on("p", "UpdateShardCount", &[("TargetShardCount", "4")]),
    on("p", "UpdateStreamMode", &[("StreamModeDetails", ON_DEMAND)]),
    on("o", "UpdateStreamWarmThroughput", &[]),
    on("o", "UpdateStreamRecordDistributionStrategy", &[("RecordDistributionStrategy", "AUTO")]),
    on("o", "PutRecord", &[("SequenceNumberForOrdering", "-"), ("PartitionKey", "-")]),
    on("o", "PutRecords", &[("Records", "$keyless")]),
    on("o", "DescribeStreamSummary", &[]),
    on("p", "DeregisterStreamConsumer", &[]),
    on("o", "DeleteStream", &[]),
    on("p", "DeleteStream", &[("EnforceConsumerDeletion", "!true")]),
];

const STRATEGY: (&str, &str) = ("RecordDistributionStrategy", "USER_PARTITION_KEY");
const FROM_SHARD: (&str, &str) =
    ("ShardFilter", r#"{"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000000"}"#);
const FILTER: (&str, &str) = ("ShardFilter", r#"{"Type": "FROM_TRIM_HORIZON"}"#);
const NO_NAME: (&str, &str) = ("StreamName", "-");
const NO_ARN: (&str, &str) = ("StreamARN", "-");
const NO_TIME: (&str, &str) = ("StreamCreationTimestamp", "-");
