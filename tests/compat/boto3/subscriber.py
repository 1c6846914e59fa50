"""One enhanced fan-out consumer of one shard, as a thread that resubscribes when its subscription ends."""

import threading
import time

from common import check

# An idle subscription still speaks about every five seconds.
EVENT_GAP_SECS_MAX = 8


class Subscriber(threading.Thread):
    """Collects what one consumer gets from one shard, across any number of subscriptions."""

    def __init__(self, kinesis, consumer_arn, shard_id, start):
        super().__init__(daemon=True)
        self.kinesis, self.consumer_arn, self.shard_id, self.position = kinesis, consumer_arn, shard_id, start
        self.records, self.seen_at, self.gaps_ms = [], [], []
        self.subscriptions = self.idle_events = 0
        self.error, self.accepted, self.stopping = None, threading.Event(), threading.Event()

    def run(self):
        """Subscribes until told to stop; the last subscription is always read to its end."""
        try:
            while not self.stopping.is_set():
                self.subscribe_once()
        except BaseException as error:  # shown by `finish`, in the main thread
            self.error = error
            self.accepted.set()

    def subscribe_once(self):
        """One subscription, from the accepted call to its clean end."""
        began = time.monotonic()
        answer = self.kinesis.subscribe_to_shard(
            ConsumerARN=self.consumer_arn, ShardId=self.shard_id, StartingPosition=self.position
        )
        self.gaps_ms.append((time.monotonic() - began) * 1000)
        self.subscriptions += 1
        self.accepted.set()
        spoke = time.monotonic()
        for event in answer["EventStream"]:
            check(time.monotonic() - spoke < EVENT_GAP_SECS_MAX, f"{self.shard_id} was silent for too long")
            spoke = time.monotonic()
            self.take(event["SubscribeToShardEvent"], spoke)

    def take(self, event, now):
        """Checks one event and keeps its records."""
        check(event["MillisBehindLatest"] >= 0, event)
        continuation = event["ContinuationSequenceNumber"]
        self.idle_events += not event["Records"]
        for record in event["Records"]:
            check(int(record["SequenceNumber"]) <= int(continuation), f"{continuation} lies before {record}")
            self.records.append((record["SequenceNumber"], record["Data"]))
            self.seen_at.append(now)
        self.position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": continuation}

    def finish(self, seconds):
        """Lets the running subscription end, then reports what failed, if anything did."""
        self.stopping.set()
        self.join(seconds)
        if self.error:
            raise AssertionError(f"{self.consumer_arn} {self.shard_id}: {self.error!r}") from self.error
        check(not self.is_alive(), f"{self.shard_id}: the subscription did not end within {seconds} s")
