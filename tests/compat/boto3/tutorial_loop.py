"""The first program everyone writes: one loop puts sensor readings, another polls them from LATEST.

Nothing here knows which server it talks to except `endpoint_url`.
"""

import json
import os
import threading
import time

import boto3

from common import check, verdict

STREAM = "temperature"
READINGS = 30
SECS_MAX = 40

kinesis = boto3.client("kinesis", endpoint_url=os.environ["FANLIGHT_ENDPOINT"])


def produce():
    """Puts readings of one thing, each as a JSON document."""
    for number in range(READINGS):
        reading = {"timestamp": time.time(), "thing_id": "aa-bb", "prop": 20 + number}
        answer = kinesis.put_record(StreamName=STREAM, Data=json.dumps(reading), PartitionKey="aa-bb")
        check(answer["ShardId"] == "shardId-000000000000", answer)
        time.sleep(0.05)


def consume(iterator):
    """Polls until every reading came; the service allows five reads a second."""
    properties, deadline = [], time.monotonic() + SECS_MAX
    response = kinesis.get_records(ShardIterator=iterator, Limit=10)
    while "NextShardIterator" in response and len(properties) < READINGS:
        check(time.monotonic() < deadline, f"only {len(properties)} of {READINGS} readings in {SECS_MAX} s")
        check(response["MillisBehindLatest"] >= 0, response)
        properties += [json.loads(record["Data"])["prop"] for record in response["Records"]]
        time.sleep(0.25)
        response = kinesis.get_records(ShardIterator=response["NextShardIterator"], Limit=10)
    return properties


def run():
    """Create, produce in the background, consume, delete."""
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    description = kinesis.describe_stream(StreamName=STREAM)["StreamDescription"]
    check(description["StreamStatus"] == "ACTIVE", description)
    shard = description["Shards"][0]["ShardId"]
    kinesis.put_record(StreamName=STREAM, Data=b"before the iterator: never read", PartitionKey="old")
    answer = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="LATEST")
    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    properties = consume(answer["ShardIterator"])
    producer.join(SECS_MAX)
    check(properties == [20 + number for number in range(READINGS)], properties)
    kinesis.delete_stream(StreamName=STREAM)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    return {"records": len(properties)}


if __name__ == "__main__":
    verdict("tutorial_loop", run)
