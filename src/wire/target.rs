//! The `X-Amz-Target` header, and the names of the operations it can carry.

/// What every target starts with: the service and its API version.
const PREFIX: &str = "Kinesis_20131202.";

/// The operations of the API, sorted.
pub const OPERATION_NAMES: [&str; 57] = [
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "AddTagsToStream",
    "CreateChannel",
    "CreateQueue",
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteChannel",
    "DeleteQueue",
    "DeleteResourcePolicy",
    "DeleteStream",
    "DeregisterStreamConsumer",
    "DescribeAccountSettings",
    "DescribeChannel",
    "DescribeLimits",
    "DescribeQueue",
    "DescribeStream",
    "DescribeStreamConsumer",
    "DescribeStreamSummary",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetRecords",
    "GetResourcePolicy",
    "GetShardIterator",
    "IncreaseStreamRetentionPeriod",
    "ListChannels",
    "ListQueues",
    "ListShards",
    "ListStreamConsumers",
    "ListStreams",
    "ListTagsForResource",
    "ListTagsForStream",
    "MergeShards",
    "PutRecord",
    "PutRecords",
    "PutResourcePolicy",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RegisterStreamConsumer",
    "RemoveTagsFromStream",
    "RestoreDeadLetterQueueRecords",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "SubscribeToShard",
    "TagResource",
    "UntagResource",
    "UpdateAccountSettings",
    "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateMaxRecordSize",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
    "UpdateShardCount",
    "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy",
    "UpdateStreamWarmThroughput",
];

/// The operation a target header names; `None` if there is no such operation.
pub fn operation(header: &str) -> Option<&'static str> {
    let name = header.strip_prefix(PREFIX)?;
    OPERATION_NAMES.binary_search(&name).ok().map(|position| OPERATION_NAMES[position])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(OPERATION_NAMES.is_sorted());
    }

    #[test]
    fn finds_every_operation() {
        for name in OPERATION_NAMES {
            assert_eq!(operation(&format!("{PREFIX}{name}")), Some(name));
        }
    }

    #[test]
    fn other_targets_name_nothing() {
        for header in
            ["", "PutRecord", "Kinesis_20131202.", "Kinesis_20131202.Put", "Kinesis_20121202.PutRecord"]
        {
            assert_eq!(operation(header), None, "{header}");
        }
        assert_eq!(operation("Kinesis_20131202.putrecord"), None);
    }
}
