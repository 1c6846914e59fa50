"""botocore's own paginators and waiters, with pages small enough that every listing needs several."""

from common import check, client, create_stream, register_consumer, verdict

STREAMS = [f"page-{letter}" for letter in "abcde"]
SHARDS = 7
CONSUMERS = [f"reader-{number}" for number in range(5)]
PAGE = 2

kinesis = client()


def pages(operation, **arguments):
    """All pages of a listing."""
    return list(kinesis.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": PAGE}))


def streams():
    """ListStreams, in byte order, with summaries beside the names."""
    found = pages("list_streams")
    names = [name for page in found for name in page["StreamNames"]]
    check(names == sorted(STREAMS), names)
    check([each["StreamName"] for page in found for each in page["StreamSummaries"]] == names, found)
    check(len(found) == 3 and found[-1]["HasMoreStreams"] is False, [page["HasMoreStreams"] for page in found])
    tokens = [page["NextToken"] for page in found if "NextToken" in page]
    check(len(set(tokens)) == len(tokens), "a token was repeated")


def listed_shards(name):
    """All pages of ListShards. Not by botocore's paginator: it repeats StreamName beside NextToken, which the
    service refuses."""
    page = kinesis.list_shards(StreamName=name, MaxResults=PAGE)
    listed = page["Shards"]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=PAGE)
        listed += page["Shards"]
    return listed


def shards(name):
    """ListShards and DescribeStream agree, in order, and cover the whole hash space."""
    listed = listed_shards(name)
    described = pages("describe_stream", StreamName=name)
    check([each for page in described for each in page["StreamDescription"]["Shards"]] == listed, "listings differ")
    check([each["ShardId"] for each in listed] == [f"shardId-{n:012}" for n in range(SHARDS)], listed)
    ranges = [(int(e["HashKeyRange"]["StartingHashKey"]), int(e["HashKeyRange"]["EndingHashKey"])) for e in listed]
    check(ranges[0][0] == 0 and ranges[-1][1] == 2**128 - 1, ranges)
    check(all(low[1] + 1 == high[0] for low, high in zip(ranges, ranges[1:])), ranges)


def consumers(stream_arn):
    """ListStreamConsumers."""
    for name in CONSUMERS:
        register_consumer(kinesis, stream_arn, name)
    found = [each for page in pages("list_stream_consumers", StreamARN=stream_arn) for each in page["Consumers"]]
    check(sorted(each["ConsumerName"] for each in found) == CONSUMERS, found)
    check({each["ConsumerStatus"] for each in found} == {"ACTIVE"}, found)


def run():
    """Create, list everything, delete, wait until nothing is left."""
    arns = [create_stream(kinesis, name, SHARDS if name == STREAMS[0] else 1) for name in STREAMS]
    streams()
    shards(STREAMS[0])
    consumers(arns[0])
    for name in STREAMS:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    for name in STREAMS:
        waiter = kinesis.get_waiter("stream_not_exists")
        waiter.wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    check(kinesis.list_streams()["StreamNames"] == [], "a deleted stream is still listed")
    return {"streams": len(STREAMS), "shards": SHARDS, "consumers": len(CONSUMERS)}


if __name__ == "__main__":
    verdict("pages", run)
