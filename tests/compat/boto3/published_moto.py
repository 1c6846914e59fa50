"""Assertions of moto's tests about streams, shards and retention."""

from common import check, wait_until
from published_facts import (account_of, arn_of, describe, equal, kinesis, moto, new_name, new_stream, open_shards,
                             put_some, refused, settle, summary)

MIDDLE = 1 << 127


@moto("test_stream_creation_on_demand", "an on-demand stream begins with four shards and takes no UpdateShardCount")
def on_demand():
    name = new_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    equal(len(kinesis.list_shards(StreamName=name)["Shards"]), 4)
    message = f"Request is invalid. Stream {name} under account {account_of(name)} is in On-Demand mode."
    refused("ValidationException", message, "update_shard_count", StreamName=name, TargetShardCount=3,
            ScalingType="UNIFORM_SCALING")


@moto("test_update_stream_mode", "a stream switched to provisioned says so in its summary")
def mode():
    name = new_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.update_stream_mode(StreamARN=arn_of(name), StreamModeDetails={"StreamMode": "PROVISIONED"})
    settle(name)
    equal(summary(name)["StreamModeDetails"], {"StreamMode": "PROVISIONED"})


@moto("test_list_and_delete_stream", "a created stream is listed, a deleted one is not")
def listed():
    name = new_stream()
    check(is_listed(name), "not listed")
    kinesis.delete_stream(StreamName=name)
    wait_until(lambda: not is_listed(name), "the stream's end")


def is_listed(name):
    """Whether the page of names that has to hold it does."""
    return name in kinesis.list_streams(ExclusiveStartStreamName=name[:-1])["StreamNames"]


@moto("test_list_many_streams", "a full page says there are more; from its last name on come the others")
def many_streams():
    prefix = new_name()
    names = sorted(f"{prefix}-{index}" for index in range(11))
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
        settle(name)
    first = kinesis.list_streams(ExclusiveStartStreamName=prefix, Limit=10)
    equal((first["StreamNames"], first["HasMoreStreams"]), (names[:10], True))
    rest = kinesis.list_streams(ExclusiveStartStreamName=first["StreamNames"][-1])
    equal(rest["StreamNames"][0], names[10])
    equal(kinesis.list_streams(ExclusiveStartStreamName="zzz")["HasMoreStreams"], False)


@moto("test_describe_stream_summary", "a summary tells name, ARN, status and the number of open shards")
def summarized():
    name = new_stream(ShardCount=5)
    told = summary(name)
    equal((told["StreamName"], told["OpenShardCount"], told["StreamStatus"]), (name, 5, "ACTIVE"))
    check(told["StreamARN"].endswith(f":stream/{name}") and told["StreamARN"].startswith("arn:aws:kinesis:"), told)


@moto("test_create_shard", "a new stream's description: 24 hours, no encryption, no metrics, open shards from 0")
def described():
    name = new_stream(ShardCount=2)
    told = describe(name)
    expected = {"StreamName": name, "StreamStatus": "ACTIVE", "HasMoreShards": False, "RetentionPeriodHours": 24,
                "EnhancedMonitoring": [{"ShardLevelMetrics": []}], "EncryptionType": "NONE"}
    equal({member: told[member] for member in expected}, expected)
    equal([len(told["Shards"]), "StreamCreationTimestamp" in told, "KeyId" in told], [2, True, False])
    shard = told["Shards"][0]
    equal((shard["ShardId"], shard["HashKeyRange"]["StartingHashKey"]), ("shardId-000000000000", "0"))
    equal(set(shard["SequenceNumberRange"]), {"StartingSequenceNumber"})


@moto("test_describe_stream_limit_parameter", "a limit below the number of shards leaves more, one at or above none")
def limited():
    name = new_stream(ShardCount=5)
    for arguments, count, more in [({}, 5, False), ({"Limit": 2}, 2, True), ({"Limit": 5}, 5, False),
                                   ({"Limit": 6}, 5, False)]:
        told = describe(name, **arguments)
        equal((len(told["Shards"]), told["HasMoreShards"]), (count, more))


@moto("test_list_shards", "shards are listed by id, their ranges adjoin, each has a first sequence number")
def shards():
    name = new_stream(ShardCount=2)
    put_some(name, [str(index) for index in range(1, 100)])
    low, high = kinesis.list_shards(StreamName=name)["Shards"]
    equal([low["ShardId"], high["ShardId"]], ["shardId-000000000000", "shardId-000000000001"])
    equal(int(low["HashKeyRange"]["EndingHashKey"]) + 1, int(high["HashKeyRange"]["StartingHashKey"]))
    check(all("StartingSequenceNumber" in each["SequenceNumberRange"] for each in (low, high)), "no first number")


@moto("test_list_shards_paging", "ten shards in pages of four: 4, 4, 2; the last page has no token")
def shard_pages():
    name = new_stream(ShardCount=10)
    check("NextToken" not in kinesis.list_shards(StreamName=name), "a token where one page holds all")
    page = kinesis.list_shards(StreamName=name, MaxResults=4)
    pages = [page["Shards"]]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=4)
        pages.append(page["Shards"])
    equal([len(each) for each in pages], [4, 4, 2])
    equal([each["ShardId"] for page in pages for each in page], [f"shardId-{index:012}" for index in range(10)])


@moto("test_split_shard", "a split closes the parent and opens two children that name it, and no adjacent parent")
def split():
    name = new_stream(ShardCount=2)
    put_some(name, [str(index) for index in range(1, 100)])
    before = describe(name)["Shards"]
    kinesis.split_shard(StreamName=name, ShardToSplit=before[1]["ShardId"], NewStartingHashKey=str(MIDDLE + 101))
    settle(name)
    after = describe(name)["Shards"]
    equal([each["ShardId"] for each in after], [f"shardId-{index:012}" for index in range(4)])
    equal([each.get("ParentShardId") for each in after], [None, None] + 2 * [before[1]["ShardId"]])
    equal(["EndingSequenceNumber" in each["SequenceNumberRange"] for each in after], [False, True, False, False])
    equal(after[1]["HashKeyRange"], before[1]["HashKeyRange"])


@moto("test_split_shard_that_was_split_before", "a closed shard is not split again")
def split_twice():
    name = new_stream(ShardCount=2)
    asked = {"StreamARN": arn_of(name), "ShardToSplit": "shardId-000000000001", "NewStartingHashKey": str(MIDDLE + 101)}
    kinesis.split_shard(**asked)
    settle(name)
    message = (f"Shard shardId-000000000001 in stream {name} under account {account_of(name)} has already been merged or "
               "split, and thus is not eligible for merging or splitting.")
    refused("InvalidArgumentException", message, "split_shard", **asked)


@moto("test_merge_shards", "a merge's child names parent and adjacent parent; merged shards stay listed, closed")
def merge():
    name = new_stream(ShardCount=4)
    put_some(name, [str(index) for index in range(1, 100)])
    for lower, upper, listed_after, open_after in [(0, 1, 5, 3), (4, 2, 6, 2)]:
        kinesis.merge_shards(StreamName=name, ShardToMerge=f"shardId-{lower:012}",
                             AdjacentShardToMerge=f"shardId-{upper:012}")
        settle(name)
        equal((len(describe(name)["Shards"]), len(open_shards(name))), (listed_after, open_after))
    last = [(each["ShardId"], each.get("ParentShardId"), each.get("AdjacentParentShardId")) for each in open_shards(name)]
    child = ("shardId-000000000005", "shardId-000000000004", "shardId-000000000002")
    equal(last, [("shardId-000000000003", None, None), child])


def rescale(initial, target, total):
    """UpdateShardCount and the number of shards there are afterwards, open and closed."""
    name = new_stream(ShardCount=initial)
    answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    equal([answer[each] for each in ("StreamName", "CurrentShardCount", "TargetShardCount")], [name, initial, target])
    settle(name)
    equal((len(open_shards(name)), summary(name)["OpenShardCount"]), (target, target))
    if total:
        equal(len(describe(name)["Shards"]), total)


for initial, target, total in [(2, 4, 6), (4, 5, 15), (10, 13, None), (4, 2, 6), (5, 3, None)]:
    moto(f"test_update_shard_count[{initial}-{target}]",
         f"from {initial} to {target} shards: the answer names both, {target} are open"
         + (f", {total} there are with the closed ones" if total else ""))(
             lambda initial=initial, target=target, total=total: rescale(initial, target, total))


@moto("test_valid_increase_stream_retention_period, test_valid_decrease_…", "retention goes to 40, and to 25 hours")
def retention():
    name = new_stream()
    for operation, hours in [("increase", 40), ("decrease", 25)]:
        getattr(kinesis, f"{operation}_stream_retention_period")(StreamName=name, RetentionPeriodHours=hours)
        settle(name)
        equal(describe(name)["RetentionPeriodHours"], hours)


@moto("test_invalid_increase_stream_retention_period", "an increase from 30 to 25 hours names the other operation")
def shorter():
    name = new_stream()
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=30)
    settle(name)
    message = (f"Requested retention period (25 hours) for stream {name} can not be shorter than existing retention "
               "period (30 hours). Use DecreaseRetentionPeriod API.")
    refused("InvalidArgumentException", message, "increase_stream_retention_period", StreamName=name,
            RetentionPeriodHours=25)
