"""The matrix's groups about what can be set: of a stream, of the account, of any resource."""

import json

from common import (
    check,
    create_stream,
    iterator,
    read,
    refusal,
    register_consumer,
    same,
    shard_id,
    summary,
    wait_active,
)

SHARD = shard_id(0)
KEY = "alias/aws/kinesis"
TAGS = {"team": "blue", "cost centre": "4711", "stage": "test", "owner": "nobody", "empty": ""}
TAG_PAGES_MAX = 10


def retention(kinesis, name):
    """Longer, shorter again, and neither below what there is nor in the wrong direction."""
    create_stream(kinesis, name, 1)
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    wait_active(kinesis, name)
    same("hours", summary(kinesis, name)["RetentionPeriodHours"], 48)
    longer, shorter = kinesis.increase_stream_retention_period, kinesis.decrease_stream_retention_period
    for call, hours in ((longer, 36), (shorter, 72), (shorter, 1), (longer, 10_000)):
        refusal(kinesis, "InvalidArgumentException", call, StreamName=name, RetentionPeriodHours=hours)
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    wait_active(kinesis, name)
    same("hours", summary(kinesis, name)["RetentionPeriodHours"], 24)


def monitoring(kinesis, name):
    """Both answers tell the metrics before and after; the summary agrees."""
    create_stream(kinesis, name, 1)
    both, one = ["IncomingBytes", "OutgoingRecords"], ["IncomingBytes"]
    answer = kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=both)
    same("enabled", before_and_after(answer), ([], both))
    wait_active(kinesis, name)
    same("described", sorted(summary(kinesis, name)["EnhancedMonitoring"][0]["ShardLevelMetrics"]), both)
    answer = kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["OutgoingRecords"])
    same("disabled", before_and_after(answer), (both, one))
    wait_active(kinesis, name)
    same("described", summary(kinesis, name)["EnhancedMonitoring"][0]["ShardLevelMetrics"], one)


def before_and_after(answer):
    """The metrics of an answer, sorted."""
    return sorted(answer["CurrentShardLevelMetrics"]), sorted(answer["DesiredShardLevelMetrics"])


def encryption(kinesis, name):
    """A record put while encryption is on says so when it is read, one put afterwards does not."""
    create_stream(kinesis, name, 1)
    key = {"StreamName": name, "EncryptionType": "KMS", "KeyId": KEY}
    kinesis.start_stream_encryption(**key)
    wait_active(kinesis, name)
    told = summary(kinesis, name)
    same("stream", (told["EncryptionType"], told["KeyId"]), ("KMS", KEY))
    put = {"StreamName": name, "PartitionKey": "k"}
    same("answer", kinesis.put_record(**put, Data=b"secret")["EncryptionType"], "KMS")
    kinesis.stop_stream_encryption(**key)
    wait_active(kinesis, name)
    same("stream", summary(kinesis, name)["EncryptionType"], "NONE")
    same("answer", kinesis.put_record(**put, Data=b"open").get("EncryptionType", "NONE"), "NONE")
    records = read(kinesis, iterator(kinesis, name, SHARD), 2)
    same(
        "records",
        [(record["Data"], record.get("EncryptionType", "NONE")) for record in records],
        [(b"secret", "KMS"), (b"open", "NONE")],
    )


def modes(kinesis, name):
    """A provisioned stream goes on demand; its record size; with a commitment, warm throughput."""
    arn = create_stream(kinesis, name, 1)
    same("mode", summary(kinesis, name)["StreamModeDetails"], {"StreamMode": "PROVISIONED"})
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_active(kinesis, name)
    same("mode", summary(kinesis, name)["StreamModeDetails"], {"StreamMode": "ON_DEMAND"})
    refusal(
        kinesis,
        "ValidationException",
        kinesis.split_shard,
        StreamName=name,
        ShardToSplit=SHARD,
        NewStartingHashKey=str(2**127),
    )
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    wait_active(kinesis, name)
    same("record size", summary(kinesis, name)["MaxRecordSizeInKiB"], 2048)
    commit(kinesis, arn)
    warm = {"TargetMiBps": 8, "CurrentMiBps": 8}
    answer = kinesis.update_stream_warm_throughput(StreamARN=arn, WarmThroughputMiBps=8)
    same("name and target", (answer["StreamName"], answer["WarmThroughput"]["TargetMiBps"]), (name, 8))
    wait_active(kinesis, name)
    same("warm throughput", summary(kinesis, name)["WarmThroughput"], warm)


def commit(kinesis, arn):
    """Commits the account to what warm throughput needs, unless it is by now; without it there is none."""
    status = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"]
    if status == "DISABLED":
        warm = {"StreamARN": arn, "WarmThroughputMiBps": 8}
        refusal(kinesis, "InvalidArgumentException", kinesis.update_stream_warm_throughput, **warm)
        kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    told = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
    same("commitment", told["Status"], "ENABLED")
    check(told["EarliestAllowedEndAt"] > told["StartedAt"], told)


def distribution(kinesis, name):
    """AUTO takes records without a key and gives them back so; without it, and provisioned, there is none."""
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_active(kinesis, name)
    arn = summary(kinesis, name)["StreamARN"]
    keyless = {"StreamName": name, "Data": b"no key"}
    refusal(kinesis, "ValidationException", kinesis.put_record, **keyless)
    distribute(kinesis, name, arn, "AUTO")
    put = kinesis.put_record(**keyless)
    at = {"StartingSequenceNumber": put["SequenceNumber"]}
    record = read(kinesis, iterator(kinesis, name, put["ShardId"], "AT_SEQUENCE_NUMBER", **at), 1)[0]
    same("record", (record["Data"], record.get("PartitionKey")), (b"no key", None))
    refusal(kinesis, "InvalidArgumentException", kinesis.put_record, **keyless, SequenceNumberForOrdering="1")
    distribute(kinesis, name, arn, "USER_PARTITION_KEY")
    refusal(kinesis, "ValidationException", kinesis.put_record, **keyless)
    provisioned = create_stream(kinesis, f"{name}-provisioned", 1)
    refusal(
        kinesis,
        "InvalidArgumentException",
        kinesis.update_stream_record_distribution_strategy,
        StreamARN=provisioned,
        RecordDistributionStrategy="AUTO",
    )


def distribute(kinesis, name, arn, strategy):
    """Sets how records are spread over the shards; the summary shows it."""
    kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy=strategy)
    wait_active(kinesis, name)
    same("strategy", summary(kinesis, name)["RecordDistributionStrategy"], strategy)


def tags(kinesis, name):
    """Both families of operations see the same tags of a stream; its consumer has its own."""
    arn = create_stream(kinesis, name, 1)
    kinesis.add_tags_to_stream(StreamName=name, Tags=TAGS)
    same("tags by page", paged_tags(kinesis, name, 2), TAGS)
    same("tags of the resource", resource_tags(kinesis, arn), TAGS)
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["team", "stage", "never there"])
    left = {key: value for key, value in TAGS.items() if key not in ("team", "stage")}
    same("tags left", resource_tags(kinesis, arn), left)
    consumer = register_consumer(kinesis, arn, "reader")
    for resource, others in ((arn, left), (consumer, {})):
        kinesis.tag_resource(ResourceARN=resource, Tags={"a": "1", "b": "2"})
        kinesis.untag_resource(ResourceARN=resource, TagKeys=["a"])
        same("tags of the resource", resource_tags(kinesis, resource), {**others, "b": "2"})


def resource_tags(kinesis, arn):
    """The tags of a resource as a map."""
    return {tag["Key"]: tag["Value"] for tag in kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]}


def paged_tags(kinesis, name, limit):
    """The stream's tags, so many a page."""
    found, start = {}, {}
    for _ in range(TAG_PAGES_MAX):
        page = kinesis.list_tags_for_stream(StreamName=name, Limit=limit, **start)
        check(0 < len(page["Tags"]) <= limit, page)
        found.update({tag["Key"]: tag["Value"] for tag in page["Tags"]})
        if not page["HasMoreTags"]:
            return found
        start = {"ExclusiveStartTagKey": page["Tags"][-1]["Key"]}
    raise AssertionError(f"more than {TAG_PAGES_MAX} pages of tags")


def policies(kinesis, name):
    """Given back as put, and gone after its deletion, which works once."""
    arn = create_stream(kinesis, name, 1)
    statement = {
        "Sid": "other-account",
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": ["kinesis:PutRecord", "kinesis:PutRecords"],
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    kinesis.put_resource_policy(ResourceARN=arn, Policy=json.dumps(policy))
    same("policy", json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"]), policy)
    kinesis.delete_resource_policy(ResourceARN=arn)
    same("policy", json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"]), {})
    refusal(kinesis, "ResourceNotFoundException", kinesis.delete_resource_policy, ResourceARN=arn)
