"""The CLI's groups about records: put, read back, more than a shard takes, and as large as they may be."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from shell import (
    attempt,
    aws,
    check,
    create_stream,
    data_of,
    once_active,
    refusal,
    same,
    shard_id,
    stream_arn,
    together,
)

SHARD = shard_id(0)
MIB = 1 << 20
PUTS_MAX = 10
KEY = "alias/aws/kinesis"
# Of someone who would rather wait than lose a record.
PATIENT = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "12"}


def put_records(name, records):
    """put-records of pairs of key and text, from a file: more than a command line holds."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "records.json"
        file.write_text(json.dumps([{"PartitionKey": key, "Data": text} for key, text in records]))
        answer = once_active("put-records", stream_name=name, records=f"file://{file}")
    same("answers", len(answer["Records"]), len(records))
    return answer


def put_bytes(name, data, **variables):
    """put-record of bytes, from a file: they come as they are."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "data"
        file.write_bytes(data)
        words = ["--stream-name", name, "--partition-key", "k", "--data", f"fileb://{file}"]
        return attempt("put-record", *words, **variables)


def put(name):
    """500 records at once, each in the shard its key's MD5 says; then one by hash key and in order."""
    create_stream(name, 4)
    keys = [f"key {number}" for number in range(500)]
    answer = put_records(name, [(key, key) for key in keys])
    same("failed records", answer["FailedRecordCount"], 0)
    last = next(each for each in reversed(answer["Records"]) if each["ShardId"] == shard_id(3))
    after = {"explicit_hash_key": 2**128 - 1, "sequence_number_for_ordering": last["SequenceNumber"]}
    further, listing = together(
        lambda: aws("put-record", stream_name=name, partition_key="k", data="x", **after),
        lambda: aws("list-shards", stream_name=name),
    )
    same("shard of the last hash key", further["ShardId"], shard_id(3))
    check(int(further["SequenceNumber"]) > int(last["SequenceNumber"]), f"{further} is not after {last}")
    starts = {each["ShardId"]: int(each["HashKeyRange"]["StartingHashKey"]) for each in listing["Shards"]}
    predicted = [shard_of(key, starts) for key in keys]
    same("shards", [each["ShardId"] for each in answer["Records"]], predicted)


def shard_of(key, starts):
    """The shard with the highest start that is not above the key's MD5."""
    hash_key = int(hashlib.md5(key.encode()).hexdigest(), 16)
    return max((start, shard) for shard, start in starts.items() if start <= hash_key)[1]


def get(name):
    """Two batches of records by each type of iterator; at the tip between them an empty page."""
    create_stream(name)
    wanted = [(f"key {number}", f"record {number}") for number in range(10)]
    early = put_records(name, wanted[:5])["Records"]
    latest = aws("get-records", shard_iterator=iterator(name, "LATEST"))
    same("at the tip", (latest["Records"], latest["MillisBehindLatest"]), ([], 0))
    late = put_records(name, wanted[5:])["Records"]
    numbers = [each["SequenceNumber"] for each in [*early, *late]]
    second = aws("get-records", shard_iterator=latest["NextShardIterator"])["Records"]
    same("from LATEST on", seen(second), pairs(wanted, numbers)[5:])
    arrival = second[0]["ApproximateArrivalTimestamp"]
    horizon, *others = together(
        lambda: from_on(name, "TRIM_HORIZON", limit=3),
        lambda: from_on(name, "AT_SEQUENCE_NUMBER", starting_sequence_number=numbers[3]),
        lambda: from_on(name, "AFTER_SEQUENCE_NUMBER", starting_sequence_number=numbers[3]),
        lambda: from_on(name, "AT_TIMESTAMP", timestamp=arrival),
    )
    same("the first three", seen(horizon), pairs(wanted, numbers)[:3])
    for found, skipped in zip(others, (3, 4, 5), strict=True):
        same(f"without {skipped}", seen(found), pairs(wanted, numbers)[skipped:])


def iterator(name, kind, **where):
    """A shard iterator of any type."""
    where = {"shard_id": SHARD, "shard_iterator_type": kind, **where}
    return aws("get-shard-iterator", stream_name=name, **where)["ShardIterator"]


def from_on(name, kind, limit=100, **where):
    """What get-records gives at once from an iterator on."""
    return aws("get-records", shard_iterator=iterator(name, kind, **where), limit=limit)["Records"]


def seen(records):
    """Of records what was put."""
    return [(each["PartitionKey"], data_of(each).decode(), each["SequenceNumber"]) for each in records]


def pairs(records, numbers):
    """What was put, with the sequence numbers answered."""
    return [(key, text, number) for (key, text), number in zip(records, numbers, strict=True)]


def encryption(name):
    """A record put while encryption is on says so when it is read, one put afterwards does not."""
    create_stream(name)
    key = {"stream_name": name, "encryption_type": "KMS", "key_id": KEY}
    once_active("start-stream-encryption", **key)
    secret = put_until(name, b"secret", "KMS")
    once_active("stop-stream-encryption", **key)
    put_until(name, b"open", "NONE")
    records = from_on(name, "AT_SEQUENCE_NUMBER", starting_sequence_number=secret)
    records = [records[0], records[-1]]
    found = [(data_of(each), each.get("EncryptionType", "NONE")) for each in records]
    same("records", found, [(b"secret", "KMS"), (b"open", "NONE")])


def put_until(name, data, encryption_type):
    """Puts until what was changed about the stream is in force; answers the record's number."""
    for _ in range(PUTS_MAX):
        answer = put_bytes(name, data)
        if answer.get("EncryptionType", "NONE") == encryption_type:
            return answer["SequenceNumber"]
    raise AssertionError(f"of {PUTS_MAX} puts none said {encryption_type}")


def throttles(name):
    """1.6 MiB into a shard that takes one: some entries fail; what is put next is accepted in time."""
    create_stream(name)
    answer = put_records(name, [(f"{number}", "x" * (200 << 10)) for number in range(8)])
    failed = [each for each in answer["Records"] if "ErrorCode" in each]
    accepted = [each for each in answer["Records"] if each.get("SequenceNumber")]
    check(failed and accepted, f"of 1.6 MiB {len(failed)} entries failed and {len(accepted)} were accepted")
    same("FailedRecordCount", answer["FailedRecordCount"], len(failed))
    same("answers", len(failed) + len(accepted), 8)
    same("codes", {each["ErrorCode"] for each in failed}, {"ProvisionedThroughputExceededException"})
    check(all(each["ErrorMessage"].startswith("Rate exceeded for shard") for each in failed), failed[0])
    # Two mebibytes at once: for one of them at least the CLI's own retries have to wait.
    puts = together(*[lambda: put_bytes(name, bytes(MIB), **PATIENT)] * 2)
    same("shards", {each["ShardId"] for each in puts}, {SHARD})


def large(name):
    """Records of 1 MiB and of 10 MiB as they were put; a byte more than allowed is refused."""
    create_stream(name)
    attempt("wait", "stream-exists", "--stream-name", name)
    put_and_get_largest(name, MIB)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "data"
        file.write_bytes(bytes(MIB + 1))
        record = {"stream_name": name, "partition_key": "k", "data": f"fileb://{file}"}
        refusal("ValidationException", "put-record", **record)
    once_active("update-max-record-size", stream_arn=stream_arn(name), max_record_size_in_ki_b=10 << 10)
    attempt("wait", "stream-exists", "--stream-name", name)
    put_and_get_largest(name, 10 * MIB)


def put_and_get_largest(name, size):
    """Puts a record of the largest size, and reads it."""
    data = os.urandom(size)
    number = put_bytes(name, data, **PATIENT)["SequenceNumber"]
    records = from_on(name, "AT_SEQUENCE_NUMBER", starting_sequence_number=number)
    check([data_of(each) for each in records] == [data], f"other bytes came: {size} were put")
