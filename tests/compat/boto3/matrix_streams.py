"""The matrix's groups about what a stream consists of: its life, its shards, and how many there are."""

import datetime

from common import (
    check,
    create_stream,
    hash_range,
    iterator,
    read,
    refusal,
    same,
    shard_id,
    summary,
    wait_active,
)

CREATED_SECS_MAX = 600
HASH_KEYS = 2**128
PAGES_MAX = 100


def streams(kinesis, name):
    """A stream from its creation until nothing is left of it."""
    arn = create_stream(kinesis, name, 2)
    others = [f"{name}-{letter}" for letter in "ab"]
    for other in others:
        create_stream(kinesis, other, 1)
    described = kinesis.describe_stream(StreamARN=arn)["StreamDescription"]
    same("status", described["StreamStatus"], "ACTIVE")
    same("shards", [each["ShardId"] for each in described["Shards"]], [shard_id(0), shard_id(1)])
    check_summary(summary(kinesis, name), name, arn)
    check_listing(kinesis, [name, *others])
    limits = kinesis.describe_limits()
    check(limits["ShardLimit"] >= limits["OpenShardCount"] >= 4, limits)
    kinesis.delete_stream(StreamARN=arn)
    waiter = kinesis.get_waiter("stream_not_exists")
    waiter.wait(StreamName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 75})
    refusal(kinesis, "ResourceNotFoundException", kinesis.describe_stream_summary, StreamName=name)


def check_summary(told, name, arn):
    """What DescribeStreamSummary tells of a new stream."""
    check(arn.startswith("arn:aws:kinesis:") and arn.endswith(f":stream/{name}"), arn)
    same("name and ARN", (told["StreamName"], told["StreamARN"]), (name, arn))
    same("open shards", told["OpenShardCount"], 2)
    age = datetime.datetime.now(datetime.timezone.utc) - told["StreamCreationTimestamp"]
    check(abs(age.total_seconds()) < CREATED_SECS_MAX, f"created {told['StreamCreationTimestamp']}")


def check_listing(kinesis, names):
    """botocore's own paginator, a stream a page; streams of others may be listed too."""
    pages = list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1}))
    check(all(len(page["StreamNames"]) == 1 for page in pages), pages)
    listed = [page["StreamNames"][0] for page in pages]
    same("summaries", [page["StreamSummaries"][0]["StreamName"] for page in pages], listed)
    same("listed", [each for each in listed if each in names], names)
    same("more to come", [page["HasMoreStreams"] for page in pages], [True] * (len(pages) - 1) + [False])


def shards(kinesis, name):
    """Five shards: 0 is split into 2 and 3, then 3 and 1 are merged into 4."""
    create_stream(kinesis, name, 2)
    for number, key in enumerate([0, HASH_KEYS - 1]):
        record = {"Data": f"{number}".encode(), "PartitionKey": "k", "ExplicitHashKey": str(key)}
        same("shard", kinesis.put_record(StreamName=name, **record)["ShardId"], shard_id(number))
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey=str(HASH_KEYS // 4))
    wait_active(kinesis, name)
    kinesis.merge_shards(StreamName=name, ShardToMerge=shard_id(3), AdjacentShardToMerge=shard_id(1))
    wait_active(kinesis, name)
    listed = check_pages(kinesis, name)
    check_lineage(listed)
    check_filters(kinesis, name)
    check_end(kinesis, name, 0, [listed[2], listed[3]], {shard_id(0)})
    check_end(kinesis, name, 1, [listed[4]], {shard_id(1), shard_id(3)})


def check_pages(kinesis, name):
    """All shards, one a page. Not by botocore's paginator: it repeats StreamName beside NextToken, which the
    service refuses."""
    page = kinesis.list_shards(StreamName=name, MaxResults=1)
    pages = [page]
    while "NextToken" in page and len(pages) < PAGES_MAX:
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=1)
        pages.append(page)
    same(
        "shards by page",
        [[each["ShardId"] for each in page["Shards"]] for page in pages],
        [[shard_id(number)] for number in range(5)],
    )
    return [page["Shards"][0] for page in pages]


def check_lineage(listed):
    """Which shards are closed, and whose children the others are."""
    parents = [(each.get("ParentShardId"), each.get("AdjacentParentShardId")) for each in listed]
    none, half = (None, None), (shard_id(0), None)
    same("parents", parents, [none, none, half, half, (shard_id(3), shard_id(1))])
    closed = ["EndingSequenceNumber" in each["SequenceNumberRange"] for each in listed]
    same("closed shards", closed, [True, True, False, True, False])
    low, high = hash_range(listed[2]), hash_range(listed[3])
    same(
        "ranges after the split",
        (low[0], low[1] + 1, high[0], high[1]),
        (0, HASH_KEYS // 4, HASH_KEYS // 4, HASH_KEYS // 2 - 1),
    )
    same("range after the merge", hash_range(listed[4]), (HASH_KEYS // 4, HASH_KEYS - 1))


def check_filters(kinesis, name):
    """Open shards, all within retention, and those after one."""

    def filtered(**shard_filter):
        answer = kinesis.list_shards(StreamName=name, ShardFilter=shard_filter)
        return [int(each["ShardId"][-12:]) for each in answer["Shards"]]

    same("AT_LATEST", filtered(Type="AT_LATEST"), [2, 4])
    same("FROM_TRIM_HORIZON", filtered(Type="FROM_TRIM_HORIZON"), [0, 1, 2, 3, 4])
    same("AFTER_SHARD_ID", filtered(Type="AFTER_SHARD_ID", ShardId=shard_id(1)), [2, 3, 4])


def check_end(kinesis, name, number, children, parents):
    """A closed shard gives its record, then no iterator but its children, with all their parents."""
    position = iterator(kinesis, name, shard_id(number))
    for _ in range(PAGES_MAX):
        page = kinesis.get_records(ShardIterator=position)
        position = page.get("NextShardIterator")
        if not position:
            break
        check("ChildShards" not in page, page)
    same("iterator at the end", position, None)
    told = {each["ShardId"]: hash_range(each) for each in page["ChildShards"]}
    same("children", told, {each["ShardId"]: hash_range(each) for each in children})
    same(
        "parents of the children",
        [set(each["ParentShards"]) for each in page["ChildShards"]],
        [parents] * len(children),
    )
    data = [record["Data"] for record in read(kinesis, iterator(kinesis, name, shard_id(number)), 2)]
    same("records of the closed shard", data, [f"{number}".encode()])


def scaling(kinesis, name):
    """Two shards become four, which cover all hash keys."""
    create_stream(kinesis, name, 2)
    answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    same("counts", (answer["CurrentShardCount"], answer["TargetShardCount"]), (2, 4))
    wait_active(kinesis, name)
    same("open shards", summary(kinesis, name)["OpenShardCount"], 4)
    answer = kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})
    ranges = sorted(hash_range(each) for each in answer["Shards"])
    same("ranges", ranges, [(n * HASH_KEYS // 4, (n + 1) * HASH_KEYS // 4 - 1) for n in range(4)])
