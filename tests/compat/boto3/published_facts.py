"""What a published assertion is: where it was published, what it says in our words, and how it is tried."""

import itertools
from dataclasses import dataclass
from typing import Callable

from botocore.exceptions import ClientError

from common import check, client, wait_until

MOTO, LOCALSTACK = "moto", "LocalStack"
OLDEST, NEWEST = "TRIM_HORIZON", "LATEST"
FIRST = "shardId-000000000000"

# What the published tests send, they send past or without the client's own validation.
kinesis = client(parameter_validation=False, retries={"total_max_attempts": 1})
counter = itertools.count()


@dataclass
class Fact:
    """One assertion of another project's tests."""

    project: str
    test: str
    statement: str
    holds: Callable[[], None]


FACTS = []


def fact(project, test, statement):
    """Registers a function that fails unless the statement holds."""

    def register(holds):
        FACTS.append(Fact(project, test, statement, holds))
        return holds

    return register


def moto(test, statement):
    """An assertion of moto's tests."""
    return fact(MOTO, test, statement)


def localstack(test, statement):
    """An assertion of LocalStack's tests, validated by them against the service."""
    return fact(LOCALSTACK, test, statement)


def new_name():
    """A stream's name nobody has used."""
    return f"published-{next(counter)}"


def new_stream(**arguments):
    """An active stream of its own for one fact; one shard unless told otherwise. Answers its name."""
    name = new_name()
    kinesis.create_stream(StreamName=name, **(arguments or {"ShardCount": 1}))
    settle(name)
    return name


def settle(name):
    """Waits until a change has been made."""
    wait_until(lambda: summary(name)["StreamStatus"] == "ACTIVE", f"{name} to be active")


def summary(name):
    """The stream's summary."""
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]


def describe(name, **arguments):
    """The stream's description."""
    return kinesis.describe_stream(StreamName=name, **arguments)["StreamDescription"]


def arn_of(name):
    """The stream's ARN."""
    return summary(name)["StreamARN"]


def account_of(name):
    """The account the stream is in."""
    return arn_of(name).split(":")[4]


def open_shards(name):
    """The shards that are not closed."""
    return [each for each in describe(name)["Shards"] if "EndingSequenceNumber" not in each["SequenceNumberRange"]]


def iterator(name, kind=OLDEST, shard=FIRST, **position):
    """An iterator on the stream."""
    asked = {"StreamName": name, "ShardId": shard, "ShardIteratorType": kind}
    return kinesis.get_shard_iterator(**asked, **position)["ShardIterator"]


def read(shard_iterator, **arguments):
    """One page."""
    return kinesis.get_records(ShardIterator=shard_iterator, **arguments)


def put(name, key, data=None):
    """Puts a record, its key for its data unless told otherwise."""
    return kinesis.put_record(StreamName=name, PartitionKey=key, Data=key.encode() if data is None else data)


def put_some(name, keys):
    """Puts a record for each key."""
    return [put(name, key) for key in keys]


def keys_of(page):
    """The records' keys, in order."""
    return [record["PartitionKey"] for record in page["Records"]]


def equal(got, wanted):
    """A comparison that shows both sides."""
    check(got == wanted, f"got {got!r}, wanted {wanted!r}")


def constraints(message):
    """How many constraints a text tells, and which: the order of members is asserted by nobody."""
    head, _, told = message.partition(" detected: ")
    return head, sorted(told.split("; "))


def refused(code, message, operation, **arguments):
    """The call is refused with status 400, this code and this text (any text where it is None)."""
    try:
        answer = getattr(kinesis, operation)(**arguments)
    except ClientError as error:
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        equal(error.response["Error"]["Code"], code)
        said = error.response["Error"]["Message"]
        check(message is None or constraints(message) == constraints(said), f"got {said!r}, wanted {message!r}")
        return
    raise AssertionError(f"{operation} was not refused: {str(answer)[:300]}")
