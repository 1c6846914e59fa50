"""The CLI's groups about what a stream consists of: its life, its shards, its consumers."""

import time

from shell import (
    attempt,
    aws,
    check,
    create_stream,
    once_active,
    refusal,
    same,
    shard_id,
    stream_arn,
    summary,
    together,
    wait_until,
)

CREATED_SECS_MAX = 600
HASH_KEYS = 2**128


def streams(name):
    """A stream from its creation until nothing is left of it."""
    names = [name, f"{name}-a", f"{name}-b"]
    together(*(lambda each=each: create_stream(each, 2) for each in names))
    attempt("wait", "stream-exists", "--stream-name", name)  # this is describe-stream
    told, listed, limits = together(
        lambda: summary(name),
        lambda: aws("list-streams", page_size=1),
        lambda: aws("describe-limits"),
    )
    same("open shards and status", (told["OpenShardCount"], told["StreamStatus"]), (2, "ACTIVE"))
    check(told["StreamARN"].endswith(f":stream/{name}"), told)
    age = time.time() - told["StreamCreationTimestamp"]
    check(abs(age) < CREATED_SECS_MAX, f"created {age} s ago")
    same("listed, a page each", [each for each in listed["StreamNames"] if each in names], names)
    check(limits["ShardLimit"] >= limits["OpenShardCount"] >= 4, limits)
    aws("delete-stream", stream_name=name)
    attempt("wait", "stream-not-exists", "--stream-name", name)


def shards(name):
    """Five shards: 0 is split into 2 and 3, then 3 and 1 are merged into 4."""
    create_stream(name, 2)
    quarter = HASH_KEYS // 4
    once_active("split-shard", stream_name=name, shard_to_split=shard_id(0), new_starting_hash_key=quarter)
    merged = {"shard_to_merge": shard_id(3), "adjacent_shard_to_merge": shard_id(1)}
    once_active("merge-shards", stream_name=name, **merged)
    where = {"shard_id": shard_id(1), "shard_iterator_type": "TRIM_HORIZON"}
    first, iterator = together(
        lambda: once_active(
            "list-shards", stream_name=name, shard_filter="Type=FROM_TRIM_HORIZON", max_results=1
        ),
        lambda: aws("get-shard-iterator", stream_name=name, **where)["ShardIterator"],
    )
    rest, end = together(
        lambda: aws("list-shards", next_token=first["NextToken"], max_results=100),
        lambda: aws("get-records", shard_iterator=iterator),
    )
    same("on the first page", numbers(first), [0])
    same("on the second page", numbers(rest), [1, 2, 3, 4])
    check_lineage([*first["Shards"], *rest["Shards"]])
    check("NextShardIterator" not in end, end)
    told = {each["ShardId"]: (set(each["ParentShards"]), hash_range(each)) for each in end["ChildShards"]}
    wanted = {shard_id(4): ({shard_id(1), shard_id(3)}, (quarter, HASH_KEYS - 1))}
    same("children at the end", told, wanted)


def numbers(listing):
    """The numbers of the shards in a listing."""
    return [int(each["ShardId"][-12:]) for each in listing["Shards"]]


def hash_range(shard):
    """A shard's first and last hash key."""
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])


def check_lineage(listed):
    """Which shards are closed, and whose children the others are."""
    parents = [(each.get("ParentShardId"), each.get("AdjacentParentShardId")) for each in listed]
    none, half = (None, None), (shard_id(0), None)
    same("parents", parents, [none, none, half, half, (shard_id(3), shard_id(1))])
    closed = ["EndingSequenceNumber" in each["SequenceNumberRange"] for each in listed]
    same("closed shards", closed, [True, True, False, True, False])


def scaling(name):
    """Two shards become four, which cover all hash keys."""
    create_stream(name, 2)
    scaled = {"target_shard_count": 4, "scaling_type": "UNIFORM_SCALING"}
    answer = once_active("update-shard-count", stream_name=name, **scaled)
    same("counts", (answer["CurrentShardCount"], answer["TargetShardCount"]), (2, 4))
    wanted = [(n * HASH_KEYS // 4, (n + 1) * HASH_KEYS // 4 - 1) for n in range(4)]
    wait_until(lambda: open_ranges(name) == wanted, "four even shards")


def open_ranges(name):
    """The hash keys of the open shards, in order."""
    answer = aws("list-shards", stream_name=name, shard_filter="Type=AT_LATEST")
    return sorted(hash_range(each) for each in answer["Shards"])


def consumers(name):
    """Registered, described in both ways, listed, deregistered."""
    create_stream(name)
    arn = stream_arn(name)
    consumer = once_active("register-stream-consumer", stream_arn=arn, consumer_name="reader")["Consumer"]
    by_name, listed = together(
        lambda: aws("describe-stream-consumer", stream_arn=arn, consumer_name="reader")[
            "ConsumerDescription"
        ],
        lambda: aws("list-stream-consumers", stream_arn=arn, page_size=1)["Consumers"],
    )
    told = (by_name["ConsumerARN"], by_name["StreamARN"], by_name["ConsumerStatus"])
    same("consumer", told, (consumer["ConsumerARN"], arn, "ACTIVE"))
    same("listed", [each["ConsumerARN"] for each in listed], [consumer["ConsumerARN"]])
    aws("deregister-stream-consumer", stream_arn=arn, consumer_name="reader")
    refusal("ResourceNotFoundException", "describe-stream-consumer", consumer_arn=consumer["ConsumerARN"])
