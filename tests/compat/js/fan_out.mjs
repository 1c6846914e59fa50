// Enhanced fan-out over HTTP/2: two consumers of two shards, puts that go on across resubscriptions, then the same
// records again by polling. Each consumer must see its records once, in order.
import {
  GetRecordsCommand, GetShardIteratorCommand, PutRecordCommand, PutRecordsCommand, SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";
import { setTimeout as pause } from "node:timers/promises";
import { check, createStream, kinesis, registerConsumer, verdict } from "./scenario.mjs";

const STREAM = `fan-out-${new URL(process.env.FANLIGHT_ENDPOINT).protocol.replace(":", "")}`;
const SUBSCRIPTION_SECS = Number(process.env.FANLIGHT_SUBSCRIPTION_SECS);
// Long enough that every subscriber resubscribes at least twice while records come.
const PUT_MS = (2 * SUBSCRIPTION_SECS + 2) * 1000;
const PUT_EVERY_MS = 15;
const BATCH = 40;

const putByShard = new Map();
let count = 0;
let stopping = false;

function note(result, data) {
  if (!putByShard.has(result.ShardId)) putByShard.set(result.ShardId, []);
  putByShard.get(result.ShardId).push(`${result.SequenceNumber} ${data}`);
  count += 1;
}

async function putBatch() {
  const data = Array.from({ length: BATCH }, (_, number) => `batch record ${count + number}`);
  const Records = data.map((each) => ({ Data: Buffer.from(each), PartitionKey: each }));
  const answer = await kinesis.send(new PutRecordsCommand({ StreamName: STREAM, Records }));
  check(answer.FailedRecordCount === 0, answer);
  answer.Records.forEach((result, number) => note(result, data[number]));
}

async function putOne() {
  const data = `record ${count}`;
  const input = { StreamName: STREAM, Data: Buffer.from(data), PartitionKey: `key ${count}` };
  note(await kinesis.send(new PutRecordCommand(input)), data);
}

const shown = (record) => `${record.SequenceNumber} ${Buffer.from(record.Data)}`;

/** Collects one consumer's records of one shard, across any number of subscriptions. */
class Subscriber {
  constructor(consumerArn, shardId, type) {
    Object.assign(this, { consumerArn, shardId, type, position: { Type: type }, got: [], subscriptions: 0 });
    this.accepted = new Promise((resolve) => { this.accept = resolve; });
    this.done = this.run();
    this.done.catch(this.accept);
  }

  async run() {
    while (!stopping) await this.subscribeOnce();
  }

  async subscribeOnce() {
    const input = { ConsumerARN: this.consumerArn, ShardId: this.shardId, StartingPosition: this.position };
    const answer = await kinesis.send(new SubscribeToShardCommand(input));
    this.subscriptions += 1;
    this.accept();
    for await (const { SubscribeToShardEvent: event } of answer.EventStream) {
      check(event.MillisBehindLatest >= 0 && event.ContinuationSequenceNumber, event);
      this.got.push(...event.Records.map(shown));
      this.position = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: event.ContinuationSequenceNumber };
    }
  }
}

async function startSubscribers(streamArn) {
  const subscribers = [];
  for (const type of ["TRIM_HORIZON", "LATEST"]) {
    const arn = await registerConsumer(streamArn, `consumer-${type.toLowerCase()}`);
    for (const shard of putByShard.keys()) subscribers.push(new Subscriber(arn, shard, type));
  }
  await Promise.all(subscribers.map((each) => each.accepted));
  return subscribers;
}

function compare(what, got, expected) {
  if (got.join("\n") === expected.join("\n")) return;
  const have = new Set(got);
  const lost = expected.filter((each) => !have.has(each));
  throw new Error(`${what}: ${lost.length} lost (${lost.slice(0, 3)}), ${got.length - have.size} doubled, ` +
    `${got.length} of ${expected.length} came`);
}

/** Everything in a shard, by polling. */
async function poll(shardId, wanted) {
  const input = { StreamName: STREAM, ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" };
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(input));
  const got = [];
  for (let reads = 0; reads < 50 && got.length < wanted; reads += 1) {
    const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    got.push(...answer.Records.map(shown));
    ShardIterator = answer.NextShardIterator;
    await pause(250);
  }
  return got;
}

await verdict("fan_out", async () => {
  const streamArn = await createStream(STREAM, 2);
  await putBatch();
  check(putByShard.size === 2, "forty keys all fell into one shard");
  const skipped = new Map([...putByShard].map(([shard, records]) => [shard, records.length]));
  const subscribers = await startSubscribers(streamArn);
  for (const until = Date.now() + PUT_MS; Date.now() < until; await pause(PUT_EVERY_MS)) {
    await (count % 97 === 0 ? putBatch() : putOne());
  }
  stopping = true;
  await Promise.all(subscribers.map((each) => each.done));
  for (const { shardId, type, got, subscriptions } of subscribers) {
    check(subscriptions >= 3, `${shardId} ${type}: only ${subscriptions} subscriptions`);
    compare(`${shardId} ${type}`, got, putByShard.get(shardId).slice(type === "LATEST" ? skipped.get(shardId) : 0));
  }
  for (const [shard, records] of putByShard) compare(`${shard} polled`, await poll(shard, records.length), records);
  return { records: count, subscriptions: subscribers.reduce((sum, each) => sum + each.subscriptions, 0) };
});
