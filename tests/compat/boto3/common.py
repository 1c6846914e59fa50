"""What every boto3 program here shares: the client, a stream that is ready, and the one-line verdict."""

import json
import os
import sys
import time
import traceback

import boto3
from botocore.config import Config

from report import check, same, wait_until

__all__ = [
    "check",
    "client",
    "create_stream",
    "hash_range",
    "iterator",
    "read",
    "refusal",
    "register_consumer",
    "same",
    "shard_id",
    "summary",
    "verdict",
    "wait_active",
    "wait_until",
]

ENDPOINT = os.environ["FANLIGHT_ENDPOINT"]
# The service takes five reads a second from a shard.
READ_PAUSE_SECS = 0.21
READS_MAX = 100


def client(**config):
    """A client as an application would build it, but for the endpoint."""
    config.setdefault("max_pool_connections", 50)
    return boto3.client("kinesis", endpoint_url=ENDPOINT, config=Config(**config))


def create_stream(kinesis, name, shards):
    """Creates a provisioned stream, waits until it is active and returns its ARN."""
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 75})
    return summary(kinesis, name)["StreamARN"]


def summary(kinesis, name):
    """The stream as DescribeStreamSummary tells it."""
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]


def wait_active(kinesis, name):
    """Waits until what was changed about a stream has come into force."""
    wait_until(lambda: summary(kinesis, name)["StreamStatus"] == "ACTIVE", f"{name} to be ACTIVE again")


def register_consumer(kinesis, stream_arn, name):
    """Registers a consumer, waits until it is active and returns its ARN."""
    arn = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=name)["Consumer"]["ConsumerARN"]
    wait_until(lambda: consumer_status(kinesis, arn) == "ACTIVE", f"consumer {name} to become active")
    return arn


def consumer_status(kinesis, arn):
    """The consumer's status as described."""
    return kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"]


def shard_id(number):
    """What the service calls a stream's shard of this number."""
    return f"shardId-{number:012}"


def hash_range(shard):
    """A shard's first and last hash key."""
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])


def iterator(kinesis, name, shard, kind="TRIM_HORIZON", **where):
    """A shard iterator of any type."""
    answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **where)
    return answer["ShardIterator"]


def read(kinesis, position, count):
    """Reads from an iterator on until `count` records came or the shard ended."""
    found = []
    for _ in range(READS_MAX):
        # Before the first, too: a shard allows five reads a second, whoever asked for the ones before.
        time.sleep(READ_PAUSE_SECS)
        answer = kinesis.get_records(ShardIterator=position)
        found += answer["Records"]
        position = answer.get("NextShardIterator")
        if len(found) >= count or not position:
            return found
    raise AssertionError(f"{len(found)} of {count} records came in {READS_MAX} reads")


def refusal(kinesis, code, call, **arguments):
    """Makes a call that has to be refused; answers the error, of the class the SDK has for the code."""
    try:
        call(**arguments)
    except getattr(kinesis.exceptions, code) as error:
        check(error.response["Error"].get("Message"), f"{code} without a message")
        return error
    raise AssertionError(f"{call.__name__} was not refused with {code}: {arguments}")


def verdict(program, run):
    """Runs the program; its last line of output is one JSON object, its exit code says the same."""
    try:
        facts = run() or {}
    except BaseException as error:  # a Ctrl-C is a failed run too
        traceback.print_exc()
        print(json.dumps({"program": program, "ok": False, "error": str(error)[:2000]}))
        sys.exit(1)
    print(json.dumps({"program": program, "ok": True, **facts}))
