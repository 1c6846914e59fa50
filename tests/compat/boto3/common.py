"""What every boto3 program here shares: the client, a stream that is ready, and the one-line verdict."""

import json
import os
import sys
import time
import traceback

import boto3
from botocore.config import Config

ENDPOINT = os.environ["FANLIGHT_ENDPOINT"]
READY_SECS_MAX = 15
PUT_BATCH = 20


def client(**config):
    """A client as an application would build it, but for the endpoint."""
    config.setdefault("max_pool_connections", 50)
    return boto3.client("kinesis", endpoint_url=ENDPOINT, config=Config(**config))


def create_stream(kinesis, name, shards):
    """Creates a provisioned stream, waits until it is active and returns its ARN."""
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def register_consumer(kinesis, stream_arn, name):
    """Registers a consumer, waits until it is active and returns its ARN."""
    arn = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=name)["Consumer"]["ConsumerARN"]
    wait_until(lambda: consumer_status(kinesis, arn) == "ACTIVE", f"consumer {name} to become active")
    return arn


def consumer_status(kinesis, arn):
    """The consumer's status as described."""
    return kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"]


def wait_until(holds, what, seconds=READY_SECS_MAX):
    """Polls until `holds()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def check(holds, message):
    """An assertion that optimised Python keeps."""
    if not holds:
        raise AssertionError(message)


def verdict(program, run):
    """Runs the program; its last line of output is one JSON object, its exit code says the same."""
    try:
        facts = run() or {}
    except BaseException as error:  # a Ctrl-C is a failed run too
        traceback.print_exc()
        print(json.dumps({"program": program, "ok": False, "error": str(error)[:2000]}))
        sys.exit(1)
    print(json.dumps({"program": program, "ok": True, **facts}))
