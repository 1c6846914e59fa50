// A consumer as an application would write it: every shard of a stream by enhanced fan-out, children after
// all their parents, on again whenever a subscription ends or breaks, through restarts of the server. What
// happens is told line by line on standard output, for others to judge; it ends when its standard input does.
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "./client.mjs";

const { FANLIGHT_STREAM: StreamName, FANLIGHT_CONSUMER: ConsumerName } = process.env;
const AGAIN_MS = 250;
/** How long the server may be away before this gives up. */
const AWAY_MS_MAX = 60_000;
const READY_MS_MAX = 30_000;
/** An idle subscription tells the time every five seconds; one silent for this long is dead. */
const SILENCE_MS_MAX = 20_000;

const kinesis = connect();
const followed = new Set();
const ended = new Set();

// Pipes are written to synchronously: a line is out before the next thing happens.
const tell = (...words) => process.stdout.write(`${words.join(" ")}\n`);

/** Registers the consumer, waits until it is active and answers its ARN. */
async function register() {
  const { StreamDescriptionSummary: stream } = await kinesis.describeStreamSummary({ StreamName });
  const { Consumer } = await kinesis.registerStreamConsumer({ StreamARN: stream.StreamARN, ConsumerName });
  const { ConsumerARN } = Consumer;
  for (const deadline = Date.now() + READY_MS_MAX; Date.now() < deadline; await pause(AGAIN_MS)) {
    const { ConsumerDescription } = await kinesis.describeStreamConsumer({ ConsumerARN });
    if (ConsumerDescription.ConsumerStatus === "ACTIVE") return ConsumerARN;
  }
  throw new Error(`${ConsumerName} did not become active`);
}

/** The shards of the stream none of whose parents are there: the others are named when their parents end. */
async function eldest() {
  const shards = [];
  let request = { StreamName };
  while (request) {
    const { Shards, NextToken } = await kinesis.listShards(request);
    shards.push(...Shards);
    request = NextToken && { NextToken };
  }
  const ids = new Set(shards.map((shard) => shard.ShardId));
  const orphans = shards.filter(
    (shard) => !ids.has(shard.ParentShardId) && !ids.has(shard.AdjacentParentShardId),
  );
  return orphans.map((shard) => shard.ShardId);
}

/** Reads one subscription to its end, moving the reader on; answers the children if the shard ended. */
async function subscription(reader) {
  const { ConsumerARN, ShardId } = reader;
  const silence = new AbortController();
  const watch = setTimeout(() => silence.abort(), SILENCE_MS_MAX);
  const request = { ConsumerARN, ShardId, StartingPosition: reader.position };
  try {
    const { EventStream } = await kinesis.subscribeToShard(request, { abortSignal: silence.signal });
    tell("subscribed", ShardId);
    for await (const { SubscribeToShardEvent: event } of EventStream) {
      watch.refresh();
      reader.heard = Date.now();
      for (const { SequenceNumber, Data } of event.Records) {
        tell("record", ShardId, SequenceNumber, Buffer.from(Data));
      }
      if (event.ChildShards?.length > 0) return event.ChildShards;
      reader.position = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: event.ContinuationSequenceNumber };
    }
    return undefined;
  } finally {
    clearTimeout(watch);
  }
}

/** Reads a shard to its end, with as many subscriptions as that takes; answers its children. */
async function read(ConsumerARN, ShardId) {
  const reader = { ConsumerARN, ShardId, position: { Type: "TRIM_HORIZON" }, heard: Date.now() };
  for (;;) {
    try {
      const children = await subscription(reader);
      if (children) return children;
    } catch (error) {
      // What the system reports, such as a refused connection, is a plain Error with a code.
      tell("trouble", ShardId, error.code ?? error.name);
      if (Date.now() - reader.heard > AWAY_MS_MAX) throw error;
      await pause(AGAIN_MS);
    }
  }
}

/** Follows a shard, once, and then those of its children whose other parents have ended, too. */
async function follow(ConsumerARN, ShardId) {
  if (followed.has(ShardId)) return;
  followed.add(ShardId);
  const children = await read(ConsumerARN, ShardId);
  ended.add(ShardId);
  tell("end", ShardId);
  const due = children.filter(({ ParentShards }) => ParentShards.every((parent) => ended.has(parent)));
  await Promise.all(due.map((child) => follow(ConsumerARN, child.ShardId)));
}

process.stdin.resume().on("close", () => process.exit(0));
try {
  const ConsumerARN = await register();
  tell("ready");
  await Promise.all((await eldest()).map((ShardId) => follow(ConsumerARN, ShardId)));
} catch (error) {
  console.error(error);
  process.exit(1);
}
