"""The matrix's groups about bounds: refusals, more than a shard takes, and records as large as may be."""

import os

from common import (
    check,
    client,
    create_stream,
    iterator,
    read,
    refusal,
    register_consumer,
    same,
    shard_id,
    wait_active,
)
from report import Absent
from subscriber import Subscriber

SHARD = shard_id(0)
MIB = 1 << 20
# Of a client whose application would rather wait than lose a record.
PATIENT = {"total_max_attempts": 12, "mode": "standard"}
THROTTLE_ROUNDS_MAX = 8
READER_SECS_MAX = 40
ROLE = "arn:aws:iam::000000000000:role/delivery"


def errors(kinesis, name):
    """Modelled classes, each with a message and none tried again, but the one boto3 takes for a throttle."""
    create_stream(kinesis, name, 1)
    tampered = iterator(kinesis, name, SHARD)[:-8] + "AAAAAAAA"
    shard_limit = kinesis.describe_limits()["ShardLimit"]
    for code, call, arguments in (
        ("ResourceNotFoundException", kinesis.describe_stream_summary, {"StreamName": "nobody-made-it"}),
        ("ResourceInUseException", kinesis.create_stream, {"StreamName": name, "ShardCount": 1}),
        ("InvalidArgumentException", kinesis.get_records, {"ShardIterator": tampered}),
        ("ValidationException", kinesis.describe_stream, {"StreamName": "with a space"}),
    ):
        attempts = refusal(kinesis, code, call, **arguments).response["ResponseMetadata"]["RetryAttempts"]
        same(f"retries of {code}", attempts, 0)
    too_many = {"StreamName": f"{name}-large", "ShardCount": shard_limit + 1}
    error = refusal(kinesis, "LimitExceededException", kinesis.create_stream, **too_many)
    check(str(shard_limit) in error.response["Error"]["Message"], error)


def throttles(kinesis, name):
    """1.6 MiB into a shard that takes one: some entries fail, and the next put is retried by the SDK."""
    create_stream(kinesis, name, 1)
    patient, retries = client(retries=PATIENT), 0
    for _ in range(THROTTLE_ROUNDS_MAX):
        put_too_much(kinesis, name)
        answer = patient.put_record(StreamName=name, Data=bytes(MIB // 2), PartitionKey="patient")
        retries = answer["ResponseMetadata"]["RetryAttempts"]
        if retries:  # on a slow machine half a mebibyte may be allowed again by now
            break
    check(retries, f"no put was throttled in {THROTTLE_ROUNDS_MAX} rounds")


def put_too_much(kinesis, name):
    """Of 8 entries of 200 KiB some are accepted and some told to come again, each by an answer of its own."""
    data = bytes(200 << 10)
    entries = [{"Data": data, "PartitionKey": f"{number}"} for number in range(8)]
    answer = kinesis.put_records(StreamName=name, Records=entries)
    failed = [each for each in answer["Records"] if "ErrorCode" in each]
    accepted = [each for each in answer["Records"] if each.get("SequenceNumber") and each["ShardId"] == SHARD]
    check(failed and accepted, f"of 1.6 MiB {len(failed)} entries failed and {len(accepted)} were accepted")
    same("FailedRecordCount", answer["FailedRecordCount"], len(failed))
    same("answers", len(failed) + len(accepted), len(entries))
    same("codes", {each["ErrorCode"] for each in failed}, {"ProvisionedThroughputExceededException"})
    check(all(each["ErrorMessage"].startswith("Rate exceeded for shard") for each in failed), failed[0])


def large(kinesis, name):
    """Records of 1 MiB and of 10 MiB, by both ways of reading; a byte more than allowed is refused."""
    arn = create_stream(kinesis, name, 1)
    consumer = register_consumer(kinesis, arn, "reader")
    reader = Subscriber(kinesis, consumer, SHARD, {"Type": "TRIM_HORIZON"}, wanted=2)
    reader.start()
    one = put_and_get_largest(name, MIB)
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10 << 10)
    wait_active(kinesis, name)
    ten = put_and_get_largest(name, 10 * MIB)
    reader.collect(READER_SECS_MAX)
    check([data for _, data in reader.records] == [one, ten], "other bytes came by SubscribeToShard")


def put_and_get_largest(name, size):
    """Puts a record of the largest size, which comes back as it was; one byte more is refused."""
    patient, data = client(retries=PATIENT), os.urandom(size)
    put = {"StreamName": name, "PartitionKey": "large"}
    refusal(patient, "ValidationException", patient.put_record, **put, Data=data + b"1")
    number = patient.put_record(**put, Data=data)["SequenceNumber"]
    position = iterator(patient, name, SHARD, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    check(read(patient, position, 1)[0]["Data"] == data, f"other bytes came by GetRecords: {size} were put")
    return data


def queues_and_channels(kinesis, name):
    """Not built yet, and told so in the same words by each of their operations."""
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 75})
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    channel = {
        "ChannelName": "delivery",
        "ServiceExecutionRoleARN": ROLE,
        "StreamConfigurationList": [{"StreamARN": arn, "RecordConfiguration": {"RecordFormatType": "JSON"}}],
    }
    queue = {"QueueName": "jobs", "StreamConfigurationList": [{"StreamARN": arn}]}
    for operation, call, arguments in (
        ("CreateQueue", kinesis.create_queue, queue),
        ("ListQueues", kinesis.list_queues, {}),
        ("CreateChannel", kinesis.create_channel, channel),
        ("ListChannels", kinesis.list_channels, {}),
    ):
        error = refusal(kinesis, "InvalidArgumentException", call, **arguments)
        same("text", error.response["Error"]["Message"], f"{operation} is not supported by this server yet.")
    raise Absent("not built yet: answered InvalidArgumentException")
