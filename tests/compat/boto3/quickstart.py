"""A record, pushed by enhanced fan-out as soon as it is put."""

import boto3

STREAM = "greetings"
kinesis = boto3.client("kinesis")
kinesis.create_stream(StreamName=STREAM, ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
stream_arn = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]

consumer = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")["Consumer"]
while consumer["ConsumerStatus"] != "ACTIVE":
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    consumer = described["ConsumerDescription"]

subscription = kinesis.subscribe_to_shard(
    ConsumerARN=consumer["ConsumerARN"],
    ShardId="shardId-000000000000",
    StartingPosition={"Type": "LATEST"},
)
kinesis.put_record(StreamName=STREAM, PartitionKey="world", Data=b"hello")
events = (event["SubscribeToShardEvent"] for event in subscription["EventStream"])
records = (record for event in events for record in event["Records"])
print("pushed:", next(records)["Data"].decode())
