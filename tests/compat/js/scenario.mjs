// What the programs here share: a ready stream, a ready consumer, bounded waiting, and the one-line verdict.
import {
  CreateStreamCommand, DescribeStreamConsumerCommand, DescribeStreamSummaryCommand, KinesisClient,
  RegisterStreamConsumerCommand, waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import { setTimeout as pause } from "node:timers/promises";

const READY_MS_MAX = 15_000;

/** A client as an application would build it, but for the endpoint. */
export const kinesis = new KinesisClient({ endpoint: process.env.FANLIGHT_ENDPOINT });

/** Fails with what is wrong. */
export function check(holds, message) {
  if (!holds) throw new Error(typeof message === "string" ? message : JSON.stringify(message));
}

/** Creates a stream, waits until it is active and returns its ARN. */
export async function createStream(name, shards) {
  await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 30, minDelay: 1, maxDelay: 2 }, { StreamName: name });
  const answer = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: name }));
  return answer.StreamDescriptionSummary.StreamARN;
}

/** Registers a consumer, waits until it is active and returns its ARN. */
export async function registerConsumer(streamArn, name) {
  const answer = await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name }));
  const ConsumerARN = answer.Consumer.ConsumerARN;
  for (const deadline = Date.now() + READY_MS_MAX; Date.now() < deadline; await pause(100)) {
    const { ConsumerDescription } = await kinesis.send(new DescribeStreamConsumerCommand({ ConsumerARN }));
    if (ConsumerDescription.ConsumerStatus === "ACTIVE") return ConsumerARN;
  }
  throw new Error(`${name} did not become active`);
}

/** Runs the program; its last line of output is one JSON object, its exit code says the same. */
export async function verdict(program, run) {
  try {
    console.log(JSON.stringify({ program, ok: true, ...(await run()) }));
    process.exit(0);
  } catch (error) {
    console.error(error);
    console.log(JSON.stringify({ program, ok: false, error: String(error).slice(0, 2000) }));
    process.exit(1);
  }
}
