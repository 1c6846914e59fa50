"""Enhanced fan-out over HTTP/1.1: four starting positions, two shards, puts that go on across resubscriptions.

Every consumer must see exactly the records its position promises: each once, in order.
"""

import math
import os
import time

from common import PUT_BATCH, check, client, create_stream, register_consumer, verdict, wait_until
from subscriber import Subscriber

STREAM = "fan-out"
# Set by the driver to what the server was started with.
SUBSCRIPTION_SECS = int(os.environ["FANLIGHT_SUBSCRIPTION_SECS"])
# Long enough that every subscriber resubscribes at least twice while records come.
PUT_SECS = 2 * SUBSCRIPTION_SECS + 2
PUT_EVERY_SECS = 0.015

kinesis = client()


class Ledger:
    """What was put, by shard, in order."""

    def __init__(self):
        self.by_shard, self.put_at, self.count = {}, {}, 0

    def put_batch(self, size):
        """One PutRecords; no entry may fail."""
        data = [f"batch record {self.count + number}".encode() for number in range(size)]
        entries = [{"Data": each, "PartitionKey": each.decode()} for each in data]
        answer = kinesis.put_records(StreamName=STREAM, Records=entries)
        check(answer["FailedRecordCount"] == 0 and len(answer["Records"]) == size, answer)
        for each, result in zip(data, answer["Records"]):
            self.note(result, each)

    def put_one(self):
        """One PutRecord."""
        data, began = f"record {self.count}".encode(), time.monotonic()
        answer = kinesis.put_record(StreamName=STREAM, Data=data, PartitionKey=f"key {self.count}")
        self.put_at[data] = began
        self.note(answer, data)

    def note(self, result, data):
        self.by_shard.setdefault(result["ShardId"], []).append((result["SequenceNumber"], data))
        self.count += 1


def whole_second_after(ledger):
    """A whole second later than every record so far: boto3 sends whole seconds only."""
    newest = max(arrival_newest(shard) for shard in ledger.by_shard)
    second = math.floor(newest) + 1
    wait_until(lambda: time.time() > second + 0.01, "the next second")
    return second


def arrival_newest(shard):
    """The last arrival time in a shard, read by polling."""
    answer = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=answer["ShardIterator"])["Records"]
    return max(record["ApproximateArrivalTimestamp"].timestamp() for record in records)


def starting_positions(ledger):
    """For each position: how a shard's request says it, and how many of the first records it skips."""
    before = {shard: len(records) for shard, records in ledger.by_shard.items()}
    second = whole_second_after(ledger)

    def after_middle(shard):
        sequence_number = ledger.by_shard[shard][before[shard] // 2][0]
        return {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": sequence_number}

    return {
        "TRIM_HORIZON": (lambda shard: {"Type": "TRIM_HORIZON"}, lambda shard: 0),
        "LATEST": (lambda shard: {"Type": "LATEST"}, lambda shard: before[shard]),
        "AT_TIMESTAMP": (lambda shard: {"Type": "AT_TIMESTAMP", "Timestamp": second}, lambda shard: before[shard]),
        "AFTER_SEQUENCE_NUMBER": (after_middle, lambda shard: before[shard] // 2 + 1),
    }


def start_subscribers(stream_arn, ledger, positions):
    """One subscriber per position and shard, all accepted."""
    subscribers = {}
    for name, (request, _) in positions.items():
        consumer = register_consumer(kinesis, stream_arn, f"consumer-{name.lower()}")
        for shard in ledger.by_shard:
            subscribers[name, shard] = Subscriber(kinesis, consumer, shard, request(shard))
    for each in subscribers.values():
        each.start()
    for key, each in subscribers.items():
        check(each.accepted.wait(20), f"{key} was not accepted")
    return subscribers


def put_for_a_while(ledger):
    """Puts singles and batches at a steady pace across at least two resubscriptions."""
    until = time.monotonic() + PUT_SECS
    while time.monotonic() < until:
        ledger.put_one()
        if ledger.count % 97 == 0:
            ledger.put_batch(PUT_BATCH)
        time.sleep(PUT_EVERY_SECS)


def compare(key, subscriber, expected):
    """Each record once, in order, nothing else."""
    got = subscriber.records
    check(subscriber.subscriptions >= 3, f"{key}: only {subscriber.subscriptions} subscriptions")
    if got == expected:
        return
    lost = [each for each in expected if each not in set(got)]
    doubled = len(got) - len(set(got))
    raise AssertionError(f"{key}: {len(lost)} lost {lost[:3]}, {doubled} doubled, {len(got)} of {len(expected)} came")


def percentiles(subscribers, ledger):
    """Put call to decoded event, in milliseconds, for the record: this process is no stopwatch."""
    times = sorted(
        (seen - ledger.put_at[data]) * 1000
        for each in subscribers.values()
        for (_, data), seen in zip(each.records, each.seen_at)
        if data in ledger.put_at
    )
    return {"p50": round(times[len(times) // 2], 2), "p99": round(times[len(times) * 99 // 100], 2)}


def run():
    """The whole scenario."""
    stream_arn, ledger = create_stream(kinesis, STREAM, 2), Ledger()
    for _ in range(2):
        ledger.put_batch(PUT_BATCH)
    check(len(ledger.by_shard) == 2, "forty keys all fell into one shard")
    positions = starting_positions(ledger)
    subscribers = start_subscribers(stream_arn, ledger, positions)
    put_for_a_while(ledger)
    for each in subscribers.values():
        each.finish(4 * SUBSCRIPTION_SECS)
    for (name, shard), each in subscribers.items():
        skipped = positions[name][1](shard)
        compare((name, shard), each, ledger.by_shard[shard][skipped:])
    return {
        "records": ledger.count,
        "subscriptions": sum(each.subscriptions for each in subscribers.values()),
        "put_to_event_ms": percentiles(subscribers, ledger),
        "subscribe_ms_max": round(max(max(each.gaps_ms) for each in subscribers.values()), 1),
    }


if __name__ == "__main__":
    verdict("fan_out", run)
