"""The matrix's groups about records that are put and read back."""

import datetime
import hashlib
import time

from common import check, create_stream, hash_range, iterator, read, same, shard_id

SHARD = shard_id(0)
PUT_SECS_MAX = 10


def put(kinesis, name):
    """Single records by key, by hash key and in order; then 500 at once, by key again."""
    create_stream(kinesis, name, 4)
    ranges = {each["ShardId"]: hash_range(each) for each in kinesis.list_shards(StreamName=name)["Shards"]}

    def shard_of(hash_key):
        return next(shard for shard, (first, last) in ranges.items() if first <= hash_key <= last)

    def predicted(key):
        return shard_of(int(hashlib.md5(key.encode()).hexdigest(), 16))

    single = {"StreamName": name, "Data": b"x"}
    for key in ("a", "partition-1", "ü"):
        same(f"shard of {key}", kinesis.put_record(**single, PartitionKey=key)["ShardId"], predicted(key))
    for shard, bounds in ranges.items():
        for hash_key in bounds:
            answer = kinesis.put_record(**single, PartitionKey="k", ExplicitHashKey=str(hash_key))
            same(f"shard of {hash_key}", answer["ShardId"], shard)
    check_ordering(kinesis, name)
    keys = [f"key {number}" for number in range(500)]
    entries = [{"Data": key.encode(), "PartitionKey": key} for key in keys]
    answer = kinesis.put_records(StreamName=name, Records=entries)
    same("failed records", answer["FailedRecordCount"], 0)
    same("shards", [each["ShardId"] for each in answer["Records"]], [predicted(key) for key in keys])


def check_ordering(kinesis, name):
    """Each number is above the one it was to come after."""
    numbers = [0]
    for _ in range(5):
        after = {"SequenceNumberForOrdering": str(numbers[-1])} if numbers[-1] else {}
        answer = kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="same", **after)
        numbers.append(int(answer["SequenceNumber"]))
    check(all(low < high for low, high in zip(numbers, numbers[1:])), numbers)


def get(kinesis, name):
    """Ten records by each type of iterator, a few at a time, to the tip."""
    create_stream(kinesis, name, 1)
    latest, began, answers = iterator(kinesis, name, SHARD, "LATEST"), time.time(), []
    for number in range(10):
        record = {"Data": f"record {number}".encode(), "PartitionKey": f"{number}"}
        answers.append(kinesis.put_record(StreamName=name, **record))
        time.sleep(0.005)  # no two of them arrive in the same millisecond
    wanted = [(f"record {n}".encode(), f"{n}", answer["SequenceNumber"]) for n, answer in enumerate(answers)]
    records = read(kinesis, latest, 10)
    same("from LATEST on", seen(records), wanted)
    arrivals = [record["ApproximateArrivalTimestamp"] for record in records]
    check(arrivals == sorted(arrivals), arrivals)
    check(all(-1 < arrival.timestamp() - began < PUT_SECS_MAX for arrival in arrivals), (began, arrivals))
    number = wanted[4][2]
    for kind, where, skipped in (
        ("TRIM_HORIZON", {}, 0),
        ("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": number}, 4),
        ("AFTER_SEQUENCE_NUMBER", {"StartingSequenceNumber": number}, 5),
        ("AT_TIMESTAMP", {"Timestamp": arrivals[6]}, 6),
        ("AT_TIMESTAMP", {"Timestamp": arrivals[6] + datetime.timedelta(milliseconds=1)}, 7),
    ):
        time.sleep(0.42)  # five iterators and five reads a second are what a shard gives
        records = read(kinesis, iterator(kinesis, name, SHARD, kind, **where), 10 - skipped)
        same(f"from {kind} on", seen(records), wanted[skipped:])
    check_limit_and_tip(kinesis, name, wanted)


def seen(records):
    """Of records what was put."""
    return [(each["Data"], each["PartitionKey"], each["SequenceNumber"]) for each in records]


def check_limit_and_tip(kinesis, name, wanted):
    """Pages of at most four; behind while there is more, at the tip an empty page and 0 ms."""
    position = iterator(kinesis, name, SHARD)
    for expected in (wanted[:4], wanted[4:8], wanted[8:], []):
        page = kinesis.get_records(ShardIterator=position, Limit=4)
        same("page", seen(page["Records"]), expected)
        more = expected in (wanted[:4], wanted[4:8])
        check(
            (page["MillisBehindLatest"] > 0) == more,
            f"{page['MillisBehindLatest']} ms behind after {expected}",
        )
        position = page["NextShardIterator"]
        time.sleep(0.21)
