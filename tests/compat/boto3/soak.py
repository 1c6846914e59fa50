"""A consumer that runs on: every shard of a stream by enhanced fan-out, through splits, merges and restarts.

Prints a line for whatever happens, for a harness to judge; ends when its standard input is closed.
"""

import contextlib
import os
import queue
import sys
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from common import client, register_consumer
from report import require_transport

# How long a shard goes on trying while the server cannot be reached, and how often it tries.
TROUBLE_SECS_MAX = 60
RETRY_SECS = 0.25
# Above the five seconds after which an idle subscription speaks; a dead connection is noticed then.
READ_SECS_MAX = 15
SHARDS_AT_ONCE_MAX = 100
# Lines not printed yet; readers wait for room.
LINES_MAX = 10_000
TROUBLES = (BotoCoreError, ClientError, HTTPError)


class Consumer:
    """Reads the shards of a stream, each in a thread; a child begins when all its parents have ended."""

    def __init__(self, kinesis, consumer, lines):
        self.kinesis, self.consumer, self.lines = kinesis, consumer, lines
        self.lock, self.started, self.ended = threading.Lock(), set(), set()

    def start(self, shards):
        """Begins with those of the shards there are now whose parents, if any, are past retention."""
        known = {shard["ShardId"] for shard in shards}
        with self.lock:
            for shard in shards:
                parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} - {None}
                self.ended |= parents - known
                if not parents & known:
                    self.start_shard(shard["ShardId"])

    def start_shard(self, shard):
        """Reads a shard in a thread of its own."""
        self.started.add(shard)
        threading.Thread(target=self.follow, args=(shard,), daemon=True).start()

    def follow(self, shard):
        """Reads a shard to its end, then goes on to its children."""
        try:
            children = self.read_shard(shard)
        except BaseException as error:
            self.lines.put(error)  # the program ends with it
            return
        self.lines.put(f"end {shard}")
        with self.lock:
            self.ended.add(shard)
            for child in children:
                if child["ShardId"] not in self.started and self.ended.issuperset(child["ParentShards"]):
                    self.start_shard(child["ShardId"])

    def read_shard(self, shard):
        """Subscribes until the shard ends, each time after the last event seen; answers its children."""
        position, deadline = {"Type": "TRIM_HORIZON"}, time.monotonic() + TROUBLE_SECS_MAX
        while True:
            try:
                for event in self.subscribe(shard, position):
                    deadline = time.monotonic() + TROUBLE_SECS_MAX
                    for record in event["Records"]:
                        self.lines.put(f"record {shard} {record['SequenceNumber']} {record['Data'].decode()}")
                    if event.get("ChildShards"):
                        return event["ChildShards"]
                    number = event["ContinuationSequenceNumber"]
                    position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
            except TROUBLES as error:
                self.lines.put(f"trouble {shard} {class_of(error)}")
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECS)

    def subscribe(self, shard, position):
        """The events of one subscription."""
        answer = self.kinesis.subscribe_to_shard(
            ConsumerARN=self.consumer, ShardId=shard, StartingPosition=position
        )
        self.lines.put(f"subscribed {shard}")
        with contextlib.closing(answer["EventStream"]) as events:
            for event in events:
                yield event["SubscribeToShardEvent"]


def class_of(error):
    """An error's class; where it came within a stream, botocore tells the modelled one by its code."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def all_shards(kinesis, name):
    """Every shard within retention, open or closed."""
    page = kinesis.list_shards(StreamName=name)
    shards = page["Shards"]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"])
        shards += page["Shards"]
    return shards


def watch_input(lines):
    """Says so when standard input is closed; not by `sys.stdin`, whose lock would hold up the end."""
    while os.read(0, 4096):
        pass
    lines.put(None)


def main():
    """Registers, reads, and prints until told to end. Only this thread prints: no line is cut short."""
    require_transport()
    name, lines = os.environ["FANLIGHT_STREAM"], queue.Queue(LINES_MAX)
    threading.Thread(target=watch_input, args=(lines,), daemon=True).start()
    kinesis = client()
    stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    consumer = register_consumer(kinesis, stream, os.environ["FANLIGHT_CONSUMER"])
    print("ready", flush=True)
    # Each subscription holds a connection, and tries again by the loop above.
    subscribing = client(
        read_timeout=READ_SECS_MAX,
        max_pool_connections=SHARDS_AT_ONCE_MAX,
        retries={"total_max_attempts": 1},
    )
    Consumer(subscribing, consumer, lines).start(all_shards(kinesis, name))
    while (line := lines.get()) is not None:
        if isinstance(line, BaseException):
            sys.exit(f"gave up: {line!r}")
        print(line, flush=True)


if __name__ == "__main__":
    main()
