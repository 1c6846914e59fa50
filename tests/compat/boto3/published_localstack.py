"""Assertions of LocalStack's tests, which ran against the service and were recorded there."""

from datetime import datetime, timezone

import raw
from common import check, register_consumer
from published_facts import (FIRST, NEWEST, OLDEST, arn_of, describe, equal, iterator, kinesis, localstack, new_name,
                             new_stream, put, read, refused, settle)

CBOR = "application/x-amz-cbor-1.1"
MEMBERS = {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
GREETINGS = [f"Hello world_{index}".encode() for index in range(5)]
DATA = ["test".encode(), "ünicödé 统一码 💣💻🔥".encode(), b"a" * 1000, b""]


@localstack("test_create_stream_without_stream_name_raises", "CreateStream without a name is refused with 400")
def nameless():
    refused("ValidationException", None, "create_stream")


@localstack("test_create_stream_without_shard_count", "a name alone makes four shards: id, range, first number only")
def countless():
    name = new_name()
    kinesis.create_stream(StreamName=name)
    settle(name)
    shards = describe(name)["Shards"]
    equal(len(shards), 4)
    for shard in shards:
        equal(set(shard), {"ShardId", "HashKeyRange", "SequenceNumberRange"})
        equal(set(shard["HashKeyRange"]), {"StartingHashKey", "EndingHashKey"})
        equal(set(shard["SequenceNumberRange"]), {"StartingSequenceNumber"})


@localstack("test_stream_consumers", "a consumer's listing has four members, its description the stream's ARN besides")
def consumers():
    arn = arn_of(new_stream())
    equal(kinesis.list_stream_consumers(StreamARN=arn)["Consumers"], [])
    consumer_arn = register_consumer(kinesis, arn, "consumer")
    [listed] = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    equal(set(listed), {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"})
    equal((listed["ConsumerName"], listed["ConsumerStatus"]), ("consumer", "ACTIVE"))
    told = kinesis.describe_stream_consumer(StreamARN=arn, ConsumerARN=consumer_arn)["ConsumerDescription"]
    equal(told, listed | {"StreamARN": arn})


def pushed_from(position):
    """Five records put one by one after a subscription arrive, with four members each."""
    name = new_stream()
    consumer = register_consumer(kinesis, arn_of(name), "c1")
    if position["Type"] == "AT_SEQUENCE_NUMBER":
        position = position | {"SequenceNumber": first_number(name)}
    stream = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position)["EventStream"]
    for data in GREETINGS:
        kinesis.put_records(StreamName=name, Records=[{"Data": data, "PartitionKey": "1"}])
    records = []
    for event in stream:
        records += event["SubscribeToShardEvent"]["Records"]
        if len(records) >= len(GREETINGS):
            break
    stream.close()
    equal([(record["Data"], record["PartitionKey"]) for record in records], [(data, "1") for data in GREETINGS])
    check(all(set(record) == MEMBERS for record in records), records)


def first_number(name):
    """The first shard's starting sequence number."""
    return describe(name)["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]


for test, position in [("test_subscribe_to_shard", {"Type": OLDEST}),
                       ("test_subscribe_to_shard_with_sequence_number_as_iterator", {"Type": "AT_SEQUENCE_NUMBER"}),
                       ("test_subscribe_to_shard_with_at_timestamp",
                        {"Type": "AT_TIMESTAMP", "Timestamp": datetime(2015, 1, 1, tzinfo=timezone.utc)})]:
    localstack(test, f"a subscription from {position['Type']} gets five records put after it; no EncryptionType in them")(
        lambda position=position: pushed_from(position))


@localstack("test_record_lifecycle_data_integrity", "empty, long and non-ASCII data come back as put; four members each")
def integrity():
    name = new_stream()
    start = iterator(name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=first_number(name))
    for data in DATA:
        put(name, "1", data)
    records = read(start)["Records"]
    equal([record["Data"] for record in records], DATA)
    check(all(set(record) == MEMBERS for record in records), records)


@localstack("test_add_tags_to_stream", "a tag is listed as key and value, and no more are announced")
def tags():
    name = new_stream()
    kinesis.add_tags_to_stream(StreamName=name, Tags={"foo": "bar"})
    told = kinesis.list_tags_for_stream(StreamName=name)
    equal((told["Tags"], told["HasMoreTags"]), ([{"Key": "foo", "Value": "bar"}], False))


@localstack("test_get_records_next_shard_iterator", "each page has an iterator of its own, also where nothing is read")
def iterators():
    name = new_stream()
    seen = [iterator(name, NEWEST)]
    for _ in range(2):
        seen.append(read(seen[-1])["NextShardIterator"])
    equal(len(set(seen)), 3)


@localstack("test_get_records_shard_iterator_with_surrounding_quotes", "an iterator in quotes reads as without them")
def quoted():
    name = new_stream()
    put(name, "1", b"Hello world")
    equal(len(read(f'"{iterator(name)}"')["Records"]), 1)


def cbor(operation, *members):
    """A call in CBOR, its members being text or blobs; answers the body."""
    def word(value):
        kind, value = (0x40, value) if isinstance(value, bytes) else (0x60, value.encode())
        return bytes([kind | 25]) + len(value).to_bytes(2, "big") + value

    body = bytes([0xA0 | len(members)]) + b"".join(word(name) + word(value) for name, value in members)
    status, headers, answer = raw.request(f"Kinesis_20131202.{operation}", body, CBOR)
    equal((status, headers["content-type"]), (200, CBOR))
    return answer


def time_in(answer, member):
    """The member's time: tag 1 and an integer of eight bytes, milliseconds."""
    at = answer.index(member.encode() + b"\xc1\x1b") + len(member) + 2
    return int.from_bytes(answer[at:at + 8], "big")


def millis(moment):
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


@localstack("test_subscribe_to_shard_with_at_timestamp_cbor", "DescribeStream in CBOR: the creation's time is an integer")
def created_in_cbor():
    name = new_stream()
    answer = cbor("DescribeStream", ("StreamARN", arn_of(name)))
    equal(time_in(answer, "StreamCreationTimestamp"), millis(describe(name)["StreamCreationTimestamp"]))


@localstack("test_cbor_blob_handling", "data put as a CBOR byte string comes back as one")
def blob_in_cbor():
    name = new_stream()
    cbor("PutRecord", ("Data", b"hello world"), ("PartitionKey", "key"), ("StreamName", name))
    check(b"\x4bhello world" in cbor("GetRecords", ("ShardIterator", iterator(name))), "no byte string")
    equal(read(iterator(name))["Records"][0]["Data"], b"hello world")


@localstack("test_get_records", "GetRecords in CBOR and in JSON agree; arrival is an integer of milliseconds in CBOR")
def read_in_cbor():
    name = new_stream()
    put(name, "1", b"SGVsbG8gd29ybGQ=")
    [record] = read(iterator(name))["Records"]
    answer = cbor("GetRecords", ("ShardIterator", iterator(name)))
    equal(time_in(answer, "ApproximateArrivalTimestamp"), millis(record["ApproximateArrivalTimestamp"]))
    check(record["Data"] in answer and record["SequenceNumber"].encode() in answer, answer)


@localstack("test_get_records_empty_stream", "an empty stream's records are an empty list in JSON and in CBOR")
def empty_in_cbor():
    name = new_stream()
    equal(read(iterator(name))["Records"], [])
    answer = cbor("GetRecords", ("ShardIterator", iterator(name)))
    check(any(b"Records" + empty in answer for empty in (b"\x80", b"\x9f\xff")), answer)


@localstack("resource_providers: test_stream_creation, test_default_parameters_kinesis",
            "a provisioned stream's description has these members, and no others")
def described():
    told = describe(new_stream())
    expected = {"EncryptionType": "NONE", "EnhancedMonitoring": [{"ShardLevelMetrics": []}], "HasMoreShards": False,
                "RetentionPeriodHours": 24, "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "StreamStatus": "ACTIVE"}
    equal({member: told[member] for member in expected}, expected)
    equal(set(told) - set(expected), {"Shards", "StreamARN", "StreamCreationTimestamp", "StreamName"})
    [shard] = told["Shards"]
    equal((set(shard), shard["HashKeyRange"]), ({"HashKeyRange", "SequenceNumberRange", "ShardId"},
                                                {"StartingHashKey": "0", "EndingHashKey": str((1 << 128) - 1)}))
    equal(set(shard["SequenceNumberRange"]), {"StartingSequenceNumber"})
