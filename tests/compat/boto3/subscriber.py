"""One enhanced fan-out consumer of one shard, as a thread that resubscribes when its subscription ends."""

import threading
import time

from common import check

# An idle subscription still speaks about every five seconds.
EVENT_GAP_SECS_MAX = 8
SUBSCRIPTIONS_MAX = 20


class Subscriber(threading.Thread):
    """Collects what one consumer gets from one shard, across subscriptions.

    Ends with `wanted` records, at the shard's end, with an error, or, once told to, with a subscription.
    """

    def __init__(self, kinesis, consumer, shard, position, wanted=None):
        super().__init__(daemon=True)
        self.kinesis, self.consumer, self.shard, self.position = kinesis, consumer, shard, position
        self.wanted, self.records, self.lasted, self.children = wanted, [], [], None
        self.error, self.accepted, self.stopping = None, threading.Event(), threading.Event()

    def run(self):
        """Subscribes again and again."""
        try:
            for _ in range(SUBSCRIPTIONS_MAX):
                self.subscribe_once()
                if self.complete() or self.children or self.stopping.is_set():
                    return
            raise AssertionError(f"{SUBSCRIPTIONS_MAX} subscriptions gave {len(self.records)} records")
        except Exception as error:  # shown by `collect`, in the main thread
            self.error = error
        finally:
            self.accepted.set()

    def subscribe_once(self):
        """One subscription, from the accepted call to its clean end."""
        answer = self.kinesis.subscribe_to_shard(
            ConsumerARN=self.consumer, ShardId=self.shard, StartingPosition=self.position
        )
        self.accepted.set()
        began = spoke = time.monotonic()
        for event in answer["EventStream"]:
            check(time.monotonic() - spoke < EVENT_GAP_SECS_MAX, f"{self.shard} was silent for too long")
            spoke = time.monotonic()
            self.take(event["SubscribeToShardEvent"])
            if self.complete():
                answer["EventStream"].close()
                return
        self.lasted.append(time.monotonic() - began)

    def take(self, event):
        """Checks one event and keeps its records."""
        check(self.children is None, f"an event after the shard's end: {event}")
        check(event["MillisBehindLatest"] >= 0, event)
        continuation = event.get("ContinuationSequenceNumber")
        for record in event["Records"]:
            number = record["SequenceNumber"]
            ordered = continuation is None or int(number) <= int(continuation)
            check(ordered, f"{continuation} lies before {number}")
            self.records.append((number, record["Data"]))
        if continuation is None:
            self.children = event["ChildShards"]
        else:
            check(not event.get("ChildShards"), f"children before the shard's end: {event}")
            self.position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": continuation}

    def complete(self):
        """Whether everything wanted came."""
        return self.wanted is not None and len(self.records) >= self.wanted

    def wait_accepted(self, seconds=20):
        """Until the first subscription was accepted, or refused."""
        check(self.accepted.wait(seconds), f"{self.shard}: no answer to the subscription")
        self.raise_error()

    def stop(self):
        """Lets the running subscription be the last one."""
        self.stopping.set()

    def collect(self, seconds):
        """Waits for its end, then reports what failed, if anything did."""
        self.join(seconds)
        self.raise_error()
        check(
            not self.is_alive(), f"{self.shard}: not at its end after {seconds} s, {len(self.records)} came"
        )

    def raise_error(self):
        """What ended it, if it was an error."""
        if self.error:
            raise AssertionError(f"{self.consumer} {self.shard}: {self.error!r}") from self.error
