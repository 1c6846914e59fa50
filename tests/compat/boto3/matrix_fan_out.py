"""The matrix's groups about enhanced fan-out: consumers, and what is pushed to them."""

import os
import time

from botocore.exceptions import EventStreamError

from common import (
    check,
    create_stream,
    hash_range,
    iterator,
    read,
    refusal,
    register_consumer,
    same,
    shard_id,
    wait_active,
    wait_until,
)
from subscriber import Subscriber

SHARD = shard_id(0)
# Told by the harness: what the server was started with.
SUBSCRIPTION_SECS = int(os.environ.get("FANLIGHT_SUBSCRIPTION_SECS", "300"))
# How much earlier or later a busy machine may see the end.
EARLY_SECS_MAX, LATE_SECS_MAX = 0.5, 2
FINISH_SECS_MAX = 2 * SUBSCRIPTION_SECS + 10
# A consumer may subscribe to a shard again after this long.
TAKE_OVER_SECS = 5.1
PUT_EVERY_SECS = 0.02


class Ledger:
    """Puts records and remembers what was put, by shard, in order."""

    def __init__(self, kinesis, name):
        self.kinesis, self.name, self.by_shard, self.count = kinesis, name, {}, 0

    def put(self, size):
        """One PutRecords; no entry may fail."""
        data = [f"record {self.count + number}".encode() for number in range(size)]
        entries = [{"Data": each, "PartitionKey": each.decode()} for each in data]
        answer = self.kinesis.put_records(StreamName=self.name, Records=entries)
        same("failed records", answer["FailedRecordCount"], 0)
        for each, result in zip(data, answer["Records"], strict=True):
            self.by_shard.setdefault(result["ShardId"], []).append((result["SequenceNumber"], each))
        self.count += size


def compare(what, found, wanted):
    """Each record once, in order, nothing else."""
    if found != wanted:
        lost, doubled = len(set(wanted) - set(found)), len(found) - len(set(found))
        raise AssertionError(f"{what}: {lost} lost, {doubled} doubled, {len(found)} of {len(wanted)} came")


def consumers(kinesis, name):
    """Registered, described in both ways, listed by botocore's paginator, deregistered."""
    stream, names = create_stream(kinesis, name, 1), ["reader-a", "reader-b", "reader-c"]
    arns = [register_consumer(kinesis, stream, each) for each in names]
    check(all(f":stream/{name}/consumer/" in arn for arn in arns), arns)
    by_arn = kinesis.describe_stream_consumer(ConsumerARN=arns[0])["ConsumerDescription"]
    by_name = kinesis.describe_stream_consumer(StreamARN=stream, ConsumerName=names[0])["ConsumerDescription"]
    same("described by name", by_name, by_arn)
    same("stream and name", (by_arn["StreamARN"], by_arn["ConsumerName"]), (stream, names[0]))
    listing = kinesis.get_paginator("list_stream_consumers")
    pages = list(listing.paginate(StreamARN=stream, PaginationConfig={"PageSize": 1}))
    same(
        "listed by page",
        sorted([each["ConsumerARN"] for each in page["Consumers"]] for page in pages),
        sorted([arn] for arn in arns),
    )
    kinesis.deregister_stream_consumer(ConsumerARN=arns[0])
    wait_until(lambda: is_gone(kinesis, arns[0]), "the deregistered consumer to be gone")


def is_gone(kinesis, consumer):
    """Whether a consumer is no longer known, which the SDK tells by the modelled class."""
    try:
        description = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
    except kinesis.exceptions.ResourceNotFoundException:
        return True
    same("status", description["ConsumerStatus"], "DELETING")
    return False


def fan_out(kinesis, name):
    """A consumer at each starting position; puts go on until all have resubscribed."""
    stream, ledger = create_stream(kinesis, name, 1), Ledger(kinesis, name)
    ledger.put(10)
    time.sleep(0.01)  # so that the next ten arrive in a later millisecond
    ledger.put(10)
    subscribers = {}
    for kind, (position, skipped) in starting_positions(kinesis, name, ledger).items():
        consumer = register_consumer(kinesis, stream, kind)
        subscribers[kind] = Subscriber(kinesis, consumer, SHARD, {"Type": kind, **position}), skipped
    for subscriber, _ in subscribers.values():
        subscriber.start()
    for subscriber, _ in subscribers.values():
        subscriber.wait_accepted()
    put_for_a_while(ledger)
    for subscriber, _ in subscribers.values():
        subscriber.stop()
    for kind, (subscriber, skipped) in subscribers.items():
        subscriber.collect(FINISH_SECS_MAX)
        check_subscriptions(kind, subscriber.lasted)
        compare(kind, subscriber.records, ledger.by_shard[SHARD][skipped:])


def starting_positions(kinesis, name, ledger):
    """For each position what names it, and how many of the records so far lie before it."""
    numbers = [number for number, _ in ledger.by_shard[SHARD]]
    arrival = read(kinesis, iterator(kinesis, name, SHARD), 20)[10]["ApproximateArrivalTimestamp"]
    return {
        "TRIM_HORIZON": ({}, 0),
        "LATEST": ({}, 20),
        "AT_SEQUENCE_NUMBER": ({"SequenceNumber": numbers[7]}, 7),
        "AFTER_SEQUENCE_NUMBER": ({"SequenceNumber": numbers[7]}, 8),
        "AT_TIMESTAMP": ({"Timestamp": arrival}, 10),
    }


def put_for_a_while(ledger):
    """Puts across the end of everyone's first subscription and well into the second."""
    until = time.monotonic() + SUBSCRIPTION_SECS + 2
    while time.monotonic() < until:
        ledger.put(20 if ledger.count % 50 == 0 else 1)
        time.sleep(PUT_EVERY_SECS)


def check_subscriptions(kind, lasted):
    """At least two, each of the length the server gives them."""
    check(len(lasted) >= 2, f"{kind}: only {len(lasted)} subscriptions")
    shortest, longest = SUBSCRIPTION_SECS - EARLY_SECS_MAX, SUBSCRIPTION_SECS + LATE_SECS_MAX
    check(all(shortest <= each <= longest for each in lasted), f"{kind}: subscriptions lasted {lasted} s")


def shard_end(kinesis, name):
    """Subscribed through a split: the parent's records to its last, then those of both children."""
    stream, ledger = create_stream(kinesis, name, 1), Ledger(kinesis, name)
    consumer = register_consumer(kinesis, stream, "reader")
    ledger.put(10)
    parent = Subscriber(kinesis, consumer, SHARD, {"Type": "TRIM_HORIZON"})
    parent.start()
    parent.wait_accepted()
    ledger.put(10)
    kinesis.split_shard(StreamName=name, ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    wait_active(kinesis, name)
    ledger.put(40)
    parent.collect(FINISH_SECS_MAX)
    compare("parent", parent.records, ledger.by_shard[SHARD])
    told = {each["ShardId"]: (each["ParentShards"], hash_range(each)) for each in parent.children}
    wanted = {shard_id(1): ([SHARD], (0, 2**127 - 1)), shard_id(2): ([SHARD], (2**127, 2**128 - 1))}
    same("children", told, wanted)
    for child in told:
        due = ledger.by_shard[child]
        reader = Subscriber(kinesis, consumer, child, {"Type": "TRIM_HORIZON"}, wanted=len(due))
        reader.start()
        reader.collect(FINISH_SECS_MAX)
        compare(child, reader.records, due)


def takeover(kinesis, name):
    """A second subscription of the same consumer: refused at first, then served in place of the first one."""
    stream, ledger = create_stream(kinesis, name, 1), Ledger(kinesis, name)
    consumer = register_consumer(kinesis, stream, "reader")
    latest = {"Type": "LATEST"}
    first = Subscriber(kinesis, consumer, SHARD, latest)
    first.start()
    first.wait_accepted()
    again = time.monotonic() + TAKE_OVER_SECS
    second_call = {"ConsumerARN": consumer, "ShardId": SHARD, "StartingPosition": latest}
    refusal(kinesis, "ResourceInUseException", kinesis.subscribe_to_shard, **second_call)
    time.sleep(again - time.monotonic())
    second = Subscriber(kinesis, consumer, SHARD, latest, wanted=5)
    second.start()
    second.wait_accepted()
    ledger.put(5)
    second.collect(FINISH_SECS_MAX)
    compare("the second", second.records, ledger.by_shard[SHARD])
    first.join(FINISH_SECS_MAX)
    # botocore has one class for all errors within a stream; which it is, the code says.
    check(isinstance(first.error, EventStreamError), f"the first one ended with {first.error!r}")
    same("error of the first", first.error.response["Error"]["Code"], "ResourceInUseException")
    check(first.error.response["Error"]["Message"], "an error without a message in the stream")
    same("records of the first", first.records, [])
