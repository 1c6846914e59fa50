"""Tags by both families of operations, and resource policies, of a stream and of a consumer."""

import json

from botocore.exceptions import ClientError

from common import check, client, create_stream, register_consumer, verdict

STREAM = "tagged"
TAGS = {"team": "blue", "cost centre": "4711", "empty": ""}

kinesis = client()


def tags_of(arn):
    """The tags of a resource as a map, in the order they are listed."""
    return {tag["Key"]: tag["Value"] for tag in kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]}


def paged_keys(limit):
    """Keys of the stream's tags, page by page."""
    keys, more, start = [], True, {}
    while more:
        page = kinesis.list_tags_for_stream(StreamName=STREAM, Limit=limit, **start)
        keys += [tag["Key"] for tag in page["Tags"]]
        more, start = page["HasMoreTags"], {"ExclusiveStartTagKey": keys[-1]}
    return keys


def tags(stream, consumer):
    """Both families see the same tags; a consumer has its own."""
    kinesis.add_tags_to_stream(StreamName=STREAM, Tags=TAGS)
    check(tags_of(stream) == TAGS and list(tags_of(stream)) == sorted(TAGS), tags_of(stream))
    check(paged_keys(2) == sorted(TAGS), paged_keys(2))
    kinesis.tag_resource(ResourceARN=consumer, Tags={"a": "1", "b": "2"})
    kinesis.untag_resource(ResourceARN=consumer, TagKeys=["a", "unknown"])
    check(tags_of(consumer) == {"b": "2"}, tags_of(consumer))
    kinesis.remove_tags_from_stream(StreamName=STREAM, TagKeys=list(TAGS))
    check(tags_of(stream) == {}, tags_of(stream))


def policy(arn, actions):
    """A policy as the service's guide writes it."""
    statement = {
        "Sid": "other-account",
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": actions,
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def policies(arn, actions):
    """None, put, given back as it was, deleted once and not twice."""
    check(kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == "{}", "a policy nobody put")
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy(arn, actions))
    check(kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == policy(arn, actions), "another policy")
    check(code_of(kinesis.put_resource_policy, Policy="{", ResourceARN=arn) == "ValidationException", "no JSON")
    foreign = policy(arn, ["kinesis:DeleteStream"])
    check(code_of(kinesis.put_resource_policy, Policy=foreign, ResourceARN=arn) == "InvalidArgumentException", "action")
    kinesis.delete_resource_policy(ResourceARN=arn)
    again = code_of(kinesis.delete_resource_policy, ResourceARN=arn)
    check(again == "ResourceNotFoundException", again)


def code_of(call, **arguments):
    """The code of the error a call raises."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def run():
    """A stream and its consumer: tags, then policies."""
    stream = create_stream(kinesis, STREAM, 1)
    consumer = register_consumer(kinesis, stream, "app")
    tags(stream, consumer)
    policies(stream, ["kinesis:PutRecord", "kinesis:Get*"])
    policies(consumer, ["kinesis:SubscribeToShard", "kinesis:DescribeStreamConsumer"])
    return {"tags": len(TAGS)}


if __name__ == "__main__":
    verdict("tags_and_policies", run)
