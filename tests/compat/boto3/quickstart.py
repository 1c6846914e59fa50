"""A record, pushed by enhanced fan-out as soon as it is put."""

import boto3

kinesis = boto3.client("kinesis")
kinesis.create_stream(StreamName="greetings", ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName="greetings", WaiterConfig={"Delay": 1})
stream = kinesis.describe_stream_summary(StreamName="greetings")["StreamDescriptionSummary"]["StreamARN"]

reader = {"StreamARN": stream, "ConsumerName": "reader"}
consumer = kinesis.register_stream_consumer(**reader)["Consumer"]
while consumer["ConsumerStatus"] != "ACTIVE":
    consumer = kinesis.describe_stream_consumer(**reader)["ConsumerDescription"]
subscription = kinesis.subscribe_to_shard(
    ConsumerARN=consumer["ConsumerARN"],
    ShardId="shardId-000000000000",
    StartingPosition={"Type": "LATEST"},
)

kinesis.put_record(StreamName="greetings", PartitionKey="world", Data=b"hello")
events = (event["SubscribeToShardEvent"] for event in subscription["EventStream"])
record = next(record for event in events for record in event["Records"])
print("pushed:", record["Data"].decode())
