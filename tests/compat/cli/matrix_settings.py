"""The CLI's groups about what can be set of streams and of the account, and about what is refused."""

import json

from shell import (
    aws,
    check,
    create_stream,
    once_active,
    refusal,
    same,
    stream_arn,
    summary,
    together,
    wait_until,
)

TAGS = {"cost centre": "4711", "empty": "", "team": "blue"}
# More shards than any account may have here.
SHARDS_TOO_MANY = 1_000_000


def retention(name):
    """Longer, shorter again, and not in the wrong direction."""
    create_stream(name)
    once_active("increase-stream-retention-period", stream_name=name, retention_period_hours=48)
    wait_until(lambda: hours(name) == 48, "48 hours")
    wrong = {"stream_name": name, "retention_period_hours": 36}
    refusal("InvalidArgumentException", "increase-stream-retention-period", **wrong)
    once_active("decrease-stream-retention-period", stream_name=name, retention_period_hours=24)


def hours(name):
    """How long the stream keeps its records."""
    return summary(name)["RetentionPeriodHours"]


def monitoring(name):
    """Both answers tell the metrics before and after."""
    create_stream(name)
    both = '["IncomingBytes", "OutgoingRecords"]'
    answer = once_active("enable-enhanced-monitoring", stream_name=name, shard_level_metrics=both)
    same("enabled", before_and_after(answer), ([], ["IncomingBytes", "OutgoingRecords"]))
    less = {"shard_level_metrics": "OutgoingRecords"}
    answer = once_active("disable-enhanced-monitoring", stream_name=name, **less)
    same("disabled", before_and_after(answer), (["IncomingBytes", "OutgoingRecords"], ["IncomingBytes"]))


def before_and_after(answer):
    """The metrics of an answer, sorted."""
    return sorted(answer["CurrentShardLevelMetrics"]), sorted(answer["DesiredShardLevelMetrics"])


def modes(name):
    """A provisioned stream goes on demand; its record size; with a commitment, warm throughput."""
    create_stream(name)
    arn = stream_arn(name)
    once_active("update-stream-mode", stream_arn=arn, stream_mode_details="StreamMode=ON_DEMAND")
    once_active("update-max-record-size", stream_arn=arn, max_record_size_in_ki_b=2048)
    settings = aws("describe-account-settings")["MinimumThroughputBillingCommitment"]
    if settings["Status"] == "DISABLED":
        enabled = {"minimum_throughput_billing_commitment": "Status=ENABLED"}
        settings = aws("update-account-settings", **enabled)["MinimumThroughputBillingCommitment"]
    same("commitment", settings["Status"], "ENABLED")
    check(settings["EarliestAllowedEndAt"] > settings["StartedAt"], settings)
    warm = once_active("update-stream-warm-throughput", stream_arn=arn, warm_throughput_mi_bps=8)
    same("target", warm["WarmThroughput"]["TargetMiBps"], 8)
    told = summary(name)
    same("mode", told["StreamModeDetails"], {"StreamMode": "ON_DEMAND"})
    same(
        "record size and warm throughput",
        (told["MaxRecordSizeInKiB"], told["WarmThroughput"]["TargetMiBps"]),
        (2048, 8),
    )


def tags(name):
    """Both families of operations see the same tags of a stream."""
    create_stream(name)
    arn = stream_arn(name)
    once_active("add-tags-to-stream", stream_name=name, tags=json.dumps(TAGS))
    first = aws("list-tags-for-stream", stream_name=name, limit=1)
    same("first page", (as_map(first), first["HasMoreTags"]), ({"cost centre": "4711"}, True))
    start = {"exclusive_start_tag_key": "cost centre"}
    rest, *_ = together(
        lambda: aws("list-tags-for-stream", stream_name=name, **start),
        lambda: aws("remove-tags-from-stream", stream_name=name, tag_keys="empty"),
        lambda: aws("tag-resource", resource_arn=arn, tags="a=1,b=2"),
    )
    same("last of the second page", as_map(rest).get("team"), "blue")
    aws("untag-resource", resource_arn=arn, tag_keys="a")
    left = {"b": "2", "cost centre": "4711", "team": "blue"}
    same("tags of the resource", as_map(aws("list-tags-for-resource", resource_arn=arn)), left)


def as_map(listing):
    """Tags of a listing."""
    return {tag["Key"]: tag["Value"] for tag in listing["Tags"]}


def policies(name):
    """Given back as put, and gone after its deletion."""
    create_stream(name)
    arn = stream_arn(name)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": "kinesis:PutRecord",
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    once_active("put-resource-policy", resource_arn=arn, policy=json.dumps(policy))
    same("policy", json.loads(aws("get-resource-policy", resource_arn=arn)["Policy"]), policy)
    aws("delete-resource-policy", resource_arn=arn)
    refusal("ResourceNotFoundException", "delete-resource-policy", resource_arn=arn)


def errors(name):
    """Each told by its code and a text."""
    create_stream(name)
    again, large = {"stream_name": name}, {"stream_name": f"{name}-large"}
    together(
        lambda: refusal("ResourceNotFoundException", "describe-stream-summary", stream_name="nobody-made-it"),
        lambda: refusal("ResourceInUseException", "create-stream", **again, shard_count=1),
        lambda: refusal("InvalidArgumentException", "get-records", shard_iterator="AAAAAAAAAAEAAAAA"),
        lambda: refusal("LimitExceededException", "create-stream", **large, shard_count=SHARDS_TOO_MANY),
        lambda: refusal("ValidationException", "describe-stream", stream_name="with a space"),
    )
