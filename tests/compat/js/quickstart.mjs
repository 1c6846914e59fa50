import { Kinesis } from "@aws-sdk/client-kinesis";
import { setTimeout as pause } from "node:timers/promises";

const kinesis = new Kinesis(); // AWS_ENDPOINT_URL_KINESIS, region and keys are read from the environment
const StreamName = "greetings";
await kinesis.createStream({ StreamName, ShardCount: 1 });
await kinesis.waitUntilStreamExists({ StreamName }, { maxWaitTime: 30, minDelay: 1 });
const { StreamARN } = (await kinesis.describeStreamSummary({ StreamName })).StreamDescriptionSummary;

let { Consumer } = await kinesis.registerStreamConsumer({ StreamARN, ConsumerName: "printer" });
const { ConsumerARN } = Consumer;
while (Consumer.ConsumerStatus !== "ACTIVE") {
  await pause(100);
  Consumer = (await kinesis.describeStreamConsumer({ ConsumerARN })).ConsumerDescription;
}

const subscription = { ConsumerARN, ShardId: "shardId-000000000000", StartingPosition: { Type: "LATEST" } };
const enough = new AbortController();
const { EventStream } = await kinesis.subscribeToShard(subscription, { abortSignal: enough.signal });
await kinesis.putRecord({ StreamName, PartitionKey: "customer-7", Data: Buffer.from("hello") });
for await (const { SubscribeToShardEvent } of EventStream) {
  for (const { Data } of SubscribeToShardEvent.Records) console.log(`pushed: ${Buffer.from(Data)}`);
  if (SubscribeToShardEvent.Records.length > 0) break;
}
enough.abort(); // or this would go on until the subscription ends
