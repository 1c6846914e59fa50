"""Assertions of moto's tests about tags, encryption, monitoring, policies and consumers."""

import json

from common import check, consumer_status, register_consumer, wait_until
from published_facts import arn_of, describe, equal, kinesis, moto, new_stream, settle

IN, OUT, REFUSED = "IncomingBytes", "OutgoingBytes", "WriteProvisionedThroughputExceeded"
ALL_METRICS = {IN, OUT, REFUSED, "IncomingRecords", "OutgoingRecords", "ReadProvisionedThroughputExceeded",
               "IteratorAgeMilliseconds"}
KEY = "alias/aws/kinesis"


def tags_of(name):
    """The stream's tags as a map."""
    return {tag["Key"]: tag["Value"] for tag in kinesis.list_tags_for_stream(StreamName=name)["Tags"]}


@moto("test_add_list_remove_tags", "tags are added to those there are, and removed by key")
def tags():
    name = new_stream()
    four = {f"tag{index}": f"val{index}" for index in range(1, 5)}
    kinesis.add_tags_to_stream(StreamName=name, Tags=four)
    equal(tags_of(name), four)
    kinesis.add_tags_to_stream(StreamName=name, Tags={"tag5": "val5"})
    equal(tags_of(name), four | {"tag5": "val5"})
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["tag2", "tag3"])
    equal(tags_of(name), {"tag1": "val1", "tag4": "val4", "tag5": "val5"})


def encryption_by(name, named):
    """Encryption is started and stopped; the description follows."""
    def shown():
        told = describe(name)
        return told["EncryptionType"], told.get("KeyId")

    equal(shown(), ("NONE", None))
    for operation, expected in [("start", ("KMS", KEY)), ("stop", ("NONE", None))]:
        getattr(kinesis, f"{operation}_stream_encryption")(**named, EncryptionType="KMS", KeyId=KEY)
        settle(name)
        equal(shown(), expected)


@moto("test_enable_encryption, test_disable_encryption", "type and key are described while a stream is encrypted only")
def encryption():
    name = new_stream()
    encryption_by(name, {"StreamName": name})


@moto("test_disable_encryption__using_arns", "encryption is started and stopped by ARN as well")
def encryption_by_arn():
    name = new_stream()
    encryption_by(name, {"StreamARN": arn_of(name)})


def monitoring(name, operation, *metrics):
    """A change of metrics: those before and after, as sets."""
    answer = getattr(kinesis, f"{operation}_enhanced_monitoring")(StreamName=name, ShardLevelMetrics=list(metrics))
    settle(name)
    equal(answer["StreamName"], name)
    return set(answer["CurrentShardLevelMetrics"]), set(answer["DesiredShardLevelMetrics"])


def metrics_of(name):
    """The metrics as described."""
    return set(describe(name)["EnhancedMonitoring"][0]["ShardLevelMetrics"])


@moto("test_enable_enhanced_monitoring_all", "ALL is taken where there was nothing; the answer names the stream")
def monitoring_all():
    name = new_stream()
    equal(monitoring(name, "enable", "ALL"), (set(), ALL_METRICS))


@moto("test_enable_enhanced_monitoring_is_persisted", "metrics asked for are described")
def monitoring_kept():
    name = new_stream()
    monitoring(name, "enable", IN, OUT)
    equal(metrics_of(name), {IN, OUT})


@moto("test_enable_enhanced_monitoring_in_steps", "metrics add up; the answer tells those before and after")
def monitoring_in_steps():
    name = new_stream()
    monitoring(name, "enable", IN, OUT)
    equal(monitoring(name, "enable", REFUSED), ({IN, OUT}, {IN, OUT, REFUSED}))
    equal(metrics_of(name), {IN, OUT, REFUSED})


@moto("test_disable_enhanced_monitoring", "one metric is taken away; the answer tells those before and after")
def monitoring_less():
    name = new_stream()
    monitoring(name, "enable", IN, OUT, REFUSED)
    equal(monitoring(name, "disable", OUT), ({IN, OUT, REFUSED}, {IN, REFUSED}))
    equal(metrics_of(name), {IN, REFUSED})


@moto("test_disable_enhanced_monitoring_all", "disabling ALL leaves none")
def monitoring_none():
    name = new_stream()
    monitoring(name, "enable", IN, OUT, REFUSED)
    monitoring(name, "disable", "ALL")
    equal(metrics_of(name), set())


@moto("test_put_resource_policy, test_delete_resource_policy", "a policy comes back as put, and is `{}` once deleted")
def policy():
    arn = arn_of(new_stream())
    statement = {"Principal": {"AWS": "111122223333"}, "Effect": "Allow", "Action": ["kinesis:*"], "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kinesis.put_resource_policy(ResourceARN=arn, Policy=document)
    equal(kinesis.get_resource_policy(ResourceARN=arn)["Policy"], document)
    kinesis.delete_resource_policy(ResourceARN=arn)
    equal(kinesis.get_resource_policy(ResourceARN=arn)["Policy"], "{}")


def consumers_of(arn):
    """The consumers' names."""
    return [each["ConsumerName"] for each in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]]


@moto("test_list_stream_consumers", "a stream without consumers lists none")
def no_consumers():
    equal(kinesis.list_stream_consumers(StreamARN=arn_of(new_stream()))["Consumers"], [])


@moto("test_register_stream_consumer", "a registered consumer has name, ARN below the stream's, time; is listed, active")
def consumer():
    arn = arn_of(new_stream())
    told = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="newconsumer")["Consumer"]
    check(told["ConsumerARN"].startswith(f"{arn}/consumer/newconsumer:"), told)
    wait_until(lambda: consumer_status(kinesis, told["ConsumerARN"]) == "ACTIVE", "an active consumer")
    equal(kinesis.list_stream_consumers(StreamARN=arn)["Consumers"], [told | {"ConsumerStatus": "ACTIVE"}])


@moto("test_describe_stream_consumer_by_name, …_by_arn", "by either a consumer is described, with its stream's ARN")
def described():
    arn = arn_of(new_stream())
    consumer_arn = register_consumer(kinesis, arn, "newconsumer")
    for named in [{"StreamARN": arn, "ConsumerName": "newconsumer"}, {"ConsumerARN": consumer_arn}]:
        told = kinesis.describe_stream_consumer(**named)["ConsumerDescription"]
        shown = [told[each] for each in ("ConsumerName", "ConsumerARN", "ConsumerStatus", "StreamARN")]
        equal(shown, ["newconsumer", consumer_arn, "ACTIVE", arn])
        check("ConsumerCreationTimestamp" in told, told)


@moto("test_deregister_stream_consumer_by_name, …_by_arn", "by either a consumer is deregistered and the other stays")
def deregistered():
    for by_arn in (False, True):
        arn = arn_of(new_stream())
        one, _ = [register_consumer(kinesis, arn, name) for name in ("consumer1", "consumer2")]
        equal(sorted(consumers_of(arn)), ["consumer1", "consumer2"])
        named = {"ConsumerARN": one} if by_arn else {"StreamARN": arn, "ConsumerName": "consumer1"}
        kinesis.deregister_stream_consumer(**named)
        wait_until(lambda: consumers_of(arn) == ["consumer2"], "one consumer")
