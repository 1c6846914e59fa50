"""A record, pushed by enhanced fan-out as soon as it is put."""

import boto3

kinesis = boto3.client("kinesis")
kinesis.create_stream(StreamName="greetings", ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName="greetings", WaiterConfig={"Delay": 1})
stream = kinesis.describe_stream_summary(StreamName="greetings")["StreamDescriptionSummary"]["StreamARN"]

consumer = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="reader")["Consumer"][
    "ConsumerARN"
]
while (
    kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"]
    != "ACTIVE"
):
    pass
subscription = kinesis.subscribe_to_shard(
    ConsumerARN=consumer, ShardId="shardId-000000000000", StartingPosition={"Type": "LATEST"}
)
kinesis.put_record(StreamName="greetings", PartitionKey="world", Data=b"hello")
records = (
    each for event in subscription["EventStream"] for each in event["SubscribeToShardEvent"]["Records"]
)
print("pushed:", next(records)["Data"].decode())
