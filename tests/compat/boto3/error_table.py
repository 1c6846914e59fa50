"""The bad input, as data: what is sent, and the status, code and text (a pattern) it must be answered with."""

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from raw import JSON

# The server's bound on a request body is 16 MiB.
TOO_LONG_BODY_BYTES = (16 << 20) + 1
RECORD_BYTES_MAX = 1 << 20

VALIDATION, ARGUMENT = "ValidationException", "InvalidArgumentException"
NOT_FOUND, IN_USE = "ResourceNotFoundException", "ResourceInUseException"
SERIALIZATION = "SerializationException"


@dataclass
class Known:
    """What exists on the server while the table is tried."""

    stream: str
    arn: str
    account: str
    consumer: str
    sequence_numbers: list


@dataclass
class Call:
    """A call through boto3."""

    name: str
    operation: str
    arguments: dict
    code: str
    message: str
    status: int = 400


@dataclass
class Raw:
    """A request on the wire."""

    name: str
    target: str | None
    body: bytes
    code: str | None
    message: str = ""
    status: int = 400
    content_type: str = JSON
    method: str = "POST"


def exactly(text):
    """A pattern that matches this text only."""
    return re.escape(text)


def constraint(value, path, text):
    """One failed constraint, in the service's words."""
    shown = "null" if value is None else f"'{value}'"
    failed = f"Value {shown} at '{path}' failed to satisfy constraint: Member must {text}"
    return exactly("1 validation error detected: " + failed)


def calls(known):
    """Everything boto3 can send once its own parameter validation is off."""
    return [*records(known), *iterators(known), *reads(known), *streams(known), *shards(known), *consumers(known)]


def records(known):
    """PutRecord and PutRecords."""
    put = {"StreamName": known.stream, "Data": b"x", "PartitionKey": "k"}
    oversize = b"x" * (RECORD_BYTES_MAX + 1)
    buffer = f"java.nio.HeapByteBuffer[pos=0 lim={len(oversize)} cap={len(oversize)}]"
    no_stream = exactly(f"Stream nowhere under account {known.account} not found.")
    beyond = str(1 << 128)
    hash_text = f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {beyond}"
    pattern = constraint("abc", "explicitHashKey", "satisfy regular expression pattern: ") + ".*"
    entry = {"Data": b"x", "PartitionKey": "k"}
    many = ".*at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"
    return [
        Call("put to an unknown stream", "put_record", put | {"StreamName": "nowhere"}, NOT_FOUND, no_stream),
        Call("put without a key", "put_record", {"StreamName": known.stream, "Data": b"x"}, VALIDATION,
             constraint(None, "partitionKey", "not be null")),
        Call("put with an empty key", "put_record", put | {"PartitionKey": ""}, VALIDATION,
             constraint("", "partitionKey", "have length greater than or equal to 1")),
        Call("put with a long key", "put_record", put | {"PartitionKey": "k" * 257}, VALIDATION,
             constraint("k" * 257, "partitionKey", "have length less than or equal to 256")),
        Call("an oversize record", "put_record", put | {"Data": oversize}, VALIDATION,
             constraint(buffer, "data", f"have length less than or equal to {RECORD_BYTES_MAX}")),
        Call("a hash key past the end", "put_record", put | {"ExplicitHashKey": beyond}, ARGUMENT, exactly(hash_text)),
        Call("a hash key of letters", "put_record", put | {"ExplicitHashKey": "abc"}, VALIDATION, pattern),
        Call("no records", "put_records", {"StreamName": known.stream, "Records": []}, VALIDATION,
             constraint("[]", "records", "have length greater than or equal to 1")),
        Call("too many records", "put_records", {"StreamName": known.stream, "Records": [entry] * 501}, VALIDATION, many),
        Call("records to an unknown stream", "put_records", {"StreamName": "nowhere", "Records": [entry]}, NOT_FOUND,
             no_stream),
    ]


def iterators(known):
    """GetShardIterator."""
    base = {"StreamName": known.stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    first, second = known.sequence_numbers
    where = f"in stream {known.stream} under account {known.account}"
    either = (
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
        "TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
    )
    foreign = (
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard "
        "with shardId-000000000000"
    )
    at, future = {"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, datetime(2099, 1, 1, tzinfo=timezone.utc)
    kinds = "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
    table = [
        ("an unknown shard", {"ShardId": "shardId-000000000009"}, NOT_FOUND,
         exactly(f"Shard shardId-000000000009 {where} does not exist")),
        ("an unknown stream", {"StreamName": "nowhere"}, NOT_FOUND,
         exactly(f"Shard shardId-000000000000 in stream nowhere under account {known.account} does not exist")),
        ("no shard at all", {"ShardId": "elsewhere"}, NOT_FOUND, exactly(f"Could not find shard elsewhere {where}.")),
        ("a position without its number", at, ARGUMENT,
         exactly(either + "AT_SEQUENCE_NUMBER and no StartingSequenceNumber.")),
        ("a number with LATEST", {"StartingSequenceNumber": first}, ARGUMENT,
         exactly(either + "LATEST and also a StartingSequenceNumber.")),
        ("another shard's number", at | {"StartingSequenceNumber": second}, ARGUMENT, exactly(foreign)),
        ("a number of no kind", at | {"StartingSequenceNumber": "123"}, ARGUMENT,
         exactly(f"StartingSequenceNumber 123 used in GetShardIterator on shard shardId-000000000000 {where} is invalid.")),
        ("a number of letters", at | {"StartingSequenceNumber": "x"}, VALIDATION,
         constraint("x", "startingSequenceNumber", "satisfy regular expression pattern: ") + ".*"),
        ("a time left out", {"ShardIteratorType": "AT_TIMESTAMP"}, ARGUMENT,
         exactly("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no "
                 "timestamp parameter.")),
        ("a time to come", {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": future}, ARGUMENT,
         r"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis\. "
         rf"timestampInMillis: {int(future.timestamp() * 1000)}, currentTimestampInMillis: \d+"),
        ("an unknown type", {"ShardIteratorType": "SOMEWHERE"}, VALIDATION,
         constraint("SOMEWHERE", "shardIteratorType", f"satisfy enum value set: {kinds}")),
    ]
    return [Call(name, "get_shard_iterator", base | more, code, text) for name, more, code, text in table]


def reads(known):
    """GetRecords."""
    bad = {"ShardIterator": "bm90IGFuIGl0ZXJhdG9y"}
    return [
        Call("a made-up iterator", "get_records", bad, ARGUMENT, exactly("Invalid ShardIterator.")),
        Call("a limit past the end", "get_records", bad | {"Limit": 10001}, VALIDATION,
             constraint("10001", "limit", "have value less than or equal to 10000")),
        Call("a limit of nothing", "get_records", bad | {"Limit": 0}, VALIDATION,
             constraint("0", "limit", "have value greater than or equal to 1")),
    ]


def streams(known):
    """Streams as a whole."""
    taken = exactly(f"Stream {known.stream} under account {known.account} already exists.")
    unknown = exactly(f"Stream nowhere under account {known.account} not found.")
    hours = {"StreamName": known.stream, "RetentionPeriodHours": 8761}
    return [
        Call("a name taken", "create_stream", {"StreamName": known.stream, "ShardCount": 1}, IN_USE, taken),
        Call("a name with a space", "create_stream", {"StreamName": "a b", "ShardCount": 1}, VALIDATION,
             constraint("a b", "streamName", "satisfy regular expression pattern: ") + ".*"),
        Call("no shards", "create_stream", {"StreamName": "none", "ShardCount": 0}, VALIDATION,
             constraint("0", "shardCount", "have value greater than or equal to 1")),
        Call("describe nothing", "describe_stream", {"StreamName": "nowhere"}, NOT_FOUND, unknown),
        Call("summarize nothing", "describe_stream_summary", {"StreamName": "nowhere"}, NOT_FOUND, unknown),
        Call("delete nothing", "delete_stream", {"StreamName": "nowhere"}, NOT_FOUND, unknown),
        Call("delete under a consumer", "delete_stream", {"StreamName": known.stream}, IN_USE,
             exactly(f"DeleteStream can't delete {known.account}:{known.stream} because there are consumers") + ".*"),
        Call("retention too long", "increase_stream_retention_period", hours, ARGUMENT,
             exactly("Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too "
                     "long.")),
    ]


def shards(known):
    """Listing, splitting and merging shards."""
    listing = {"StreamName": known.stream, "NextToken": "x"}
    where = f"in stream {known.stream} under account {known.account}"
    lower, upper = "shardId-000000000000", "shardId-000000000001"
    half = 1 << 127
    hash_text = (
        f"NewStartingHashKey 1 used in SplitShard() on shard {lower} {where} is not both greater than one plus the "
        f"shard's StartingHashKey 0 and less than the shard's EndingHashKey {half - 1}."
    )
    split = {"StreamName": known.stream, "ShardToSplit": lower, "NewStartingHashKey": "1"}
    merge = {"StreamName": known.stream, "ShardToMerge": upper, "AdjacentShardToMerge": lower}
    adjacent = f"Shards {upper} and {lower} {where} are not an adjacent pair of shards eligible for merging"
    return [
        Call("token and name", "list_shards", listing, ARGUMENT,
             exactly("NextToken and StreamName cannot be provided together.")),
        Call("neither token nor name", "list_shards", {}, ARGUMENT,
             exactly("Either NextToken or StreamName should be provided.")),
        Call("a split at the edge", "split_shard", split, ARGUMENT, exactly(hash_text)),
        Call("a split of nothing", "split_shard", split | {"ShardToSplit": "shardId-000000000009"}, NOT_FOUND,
             exactly(f"Could not find shard shardId-000000000009 {where}.")),
        Call("a merge upside down", "merge_shards", merge, ARGUMENT, exactly(adjacent)),
    ]


def consumers(known):
    """Consumers and subscriptions."""
    position = {"Type": "LATEST"}
    subscribe = {"ConsumerARN": known.consumer, "ShardId": "shardId-000000000000", "StartingPosition": position}
    nobody = known.consumer.replace("registered", "nobody")
    return [
        Call("a consumer twice", "register_stream_consumer", {"StreamARN": known.arn, "ConsumerName": "registered"},
             IN_USE, ".*"),
        Call("a consumer of nothing", "register_stream_consumer",
             {"StreamARN": known.arn.replace(known.stream, "nowhere"), "ConsumerName": "c"}, NOT_FOUND,
             exactly(f"Stream nowhere under account {known.account} not found.")),
        Call("describe nobody", "describe_stream_consumer", {"StreamARN": known.arn, "ConsumerName": "nobody"},
             NOT_FOUND, ".*not found."),
        Call("subscribe nobody", "subscribe_to_shard", subscribe | {"ConsumerARN": nobody}, NOT_FOUND, ".*"),
        Call("subscribe to no shard", "subscribe_to_shard", subscribe | {"ShardId": "shardId-000000000009"}, NOT_FOUND,
             ".*shardId-000000000009.*"),
        Call("subscribe from nowhere", "subscribe_to_shard", subscribe | {"StartingPosition": {"Type": "X"}},
             VALIDATION, ".*'startingPosition.type' failed to satisfy constraint: Member must satisfy enum value set: .*"),
        Call("subscribe after no number", "subscribe_to_shard",
             subscribe | {"StartingPosition": {"Type": "AFTER_SEQUENCE_NUMBER"}}, ARGUMENT, ".*"),
    ]


def raw_requests():
    """What only a raw socket can send."""
    coral = "com.amazon.coral.value.json.numbers.TruncatingBigNumber"
    xml = (
        "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n"
        "</AccessDeniedException>\n"
    )

    def wrong_type(name, target, body, text):
        return Raw(name, "Kinesis_20131202." + target, body, SERIALIZATION, exactly(text))

    put, create = "Kinesis_20131202.PutRecord", "CreateStream"
    return [
        Raw("an unknown operation", "Kinesis_20131202.PutEverything", b"{}", "UnknownOperationException"),
        Raw("another service", "DynamoDB_20120810.ListTables", b"{}", "UnknownOperationException"),
        Raw("no target", None, b"{}", "UnknownOperationException"),
        Raw("half a body", put, b'{"StreamName":', SERIALIZATION),
        Raw("a list for a body", put, b"[]", SERIALIZATION),
        Raw("no body", put, b"", SERIALIZATION),
        Raw("a GET", None, b"", None, exactly(xml), status=403, method="GET"),
        Raw("text for a body", put, b"hello", None, exactly("<UnknownOperationException/>\n"), status=404,
            content_type="text/plain"),
        wrong_type("base64 too short", "PutRecord", b'{"StreamName":"s","PartitionKey":"k","Data":"abc"}',
                   "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but "
                   "found: 3"),
        wrong_type("base64 of no alphabet", "PutRecord", b'{"StreamName":"s","PartitionKey":"k","Data":"!!!!"}',
                   "'!!!!' can not be converted to a Blob: Invalid Base64 character: '!'"),
        wrong_type("a number for a name", create, b'{"StreamName":5,"ShardCount":1}',
                   f"class {coral} can not be converted to an String"),
        wrong_type("a truth for a name", create, b'{"StreamName":true,"ShardCount":1}',
                   "class java.lang.Boolean can not be converted to an String"),
        wrong_type("a text for a number", create, b'{"StreamName":"s","ShardCount":"2"}',
                   "class java.lang.String can not be converted to an Integer"),
        wrong_type("a list for a name", create, b'{"StreamName":[],"ShardCount":1}',
                   "Start of list found where not expected"),
        wrong_type("an object for a name", create, b'{"StreamName":{},"ShardCount":1}',
                   "Start of structure or map found where not expected."),
        wrong_type("a text for a list", "PutRecords", b'{"StreamName":"s","Records":"r"}', "Expected list or null"),
        wrong_type("a text for a time", "GetShardIterator",
                   b'{"StreamName":"s","ShardId":"s-0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":"now"}',
                   "class java.lang.String can not be converted to milliseconds since epoch"),
    ]
