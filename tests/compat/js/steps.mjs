// What several groups of the matrix do: a ready stream or consumer, bounded waits, a refusal looked at
// closely, records polled from a shard, and the shard a partition key falls into.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "./client.mjs";

const READY_MS_MAX = 20_000;
const POLLS_MAX = 100;
// Five reads a second are what a shard allows; as any poller, stay below.
export const POLL_EVERY_MS = 220;

/** The client nearly all checks use: the SDK's defaults. */
export const kinesis = connect();

/** Asks again and again until the answer is there, and fails with what was awaited if it does not come. */
export async function until(what, ask, mostMs = READY_MS_MAX) {
  for (const deadline = Date.now() + mostMs; Date.now() < deadline; await pause(50)) {
    const answer = await ask();
    if (answer) return answer;
  }
  return assert.fail(`not within ${mostMs} ms: ${what}`);
}

/** Waits no longer than this for a promise. */
export async function within(mostMs, what, promise) {
  const gaveUp = new AbortController();
  const late = pause(mostMs, undefined, { signal: gaveUp.signal }).then(() =>
    assert.fail(`not within ${mostMs} ms: ${what}`),
  );
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    gaveUp.abort();
  }
}

export async function summary(StreamName) {
  return (await kinesis.describeStreamSummary({ StreamName })).StreamDescriptionSummary;
}

/** Waits until a stream is active; answers its summary. */
export function active(StreamName) {
  return until(`${StreamName} is active`, async () => {
    const found = await summary(StreamName);
    return found.StreamStatus === "ACTIVE" && found;
  });
}

/** Creates a stream, waits with the SDK's waiter and answers its name and ARN, as requests take them. */
export async function createStream(StreamName, ShardCount = 1) {
  await kinesis.createStream({ StreamName, ShardCount });
  await kinesis.waitUntilStreamExists({ StreamName }, { maxWaitTime: 30, minDelay: 1, maxDelay: 2 });
  return { StreamName, StreamARN: (await summary(StreamName)).StreamARN };
}

/** Registers a consumer, waits until it is active and answers its ARN. */
export async function registerConsumer(StreamARN, ConsumerName) {
  const { ConsumerARN } = (await kinesis.registerStreamConsumer({ StreamARN, ConsumerName })).Consumer;
  await until(`${ConsumerName} is active`, async () => {
    const { ConsumerDescription } = await kinesis.describeStreamConsumer({ ConsumerARN });
    return ConsumerDescription.ConsumerStatus === "ACTIVE";
  });
  return ConsumerARN;
}

/** A refusal: the modelled class, a message that says something, HTTP's 400, and one attempt alone. */
export async function refused(request, Class, message = /\w+/) {
  const error = await request.then(
    (answer) => assert.fail(`taken: ${JSON.stringify(answer)}`),
    (thrown) => thrown,
  );
  if (!(error instanceof Class)) throw error;
  assert.equal(error.name, Class.name);
  assert.match(error.message, message);
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.equal(error.$metadata.attempts, 1, `${error.name} was tried ${error.$metadata.attempts} times`);
  return error;
}

export const text = (data) => Buffer.from(data).toString();

/** Puts one record; answers what the record will look like when it is read. */
export async function put(stream, data, more = {}) {
  const answer = await kinesis.putRecord({ ...stream, Data: Buffer.from(data), PartitionKey: data, ...more });
  return { data, key: more.PartitionKey ?? data, sequence: answer.SequenceNumber, shard: answer.ShardId };
}

/** A record as [`put`] answers it, but for the shard, which a record does not name. */
export const seen = ({ Data, PartitionKey, SequenceNumber }) => ({
  data: text(Data),
  key: PartitionKey,
  sequence: SequenceNumber,
});

/** What was put, to be compared with what was seen. */
export const unsharded = (records) => records.map(({ data, key, sequence }) => ({ data, key, sequence }));

export async function iterator(stream, ShardId, position) {
  return (await kinesis.getShardIterator({ ...stream, ShardId, ...position })).ShardIterator;
}

/** Polls a shard until it has given so many records or has ended; answers the records and the last page. */
export async function poll(ShardIterator, wanted) {
  const records = [];
  for (let polls = 0; polls < POLLS_MAX; polls += 1) {
    // Before the first, too: a shard allows five reads a second, whoever asked for the ones before.
    await pause(POLL_EVERY_MS);
    const page = await kinesis.getRecords({ ShardIterator });
    records.push(...page.Records);
    if (records.length >= wanted || !page.NextShardIterator) return { records, page };
    ShardIterator = page.NextShardIterator;
  }
  return assert.fail(`${records.length} of ${wanted} records after ${POLLS_MAX} reads`);
}

/** Every shard of a stream, with its range as numbers. */
export async function shards(stream, filter = {}) {
  const { Shards, NextToken } = await kinesis.listShards({ ...stream, ...filter });
  assert.equal(NextToken, undefined);
  return Shards.map((shard) => ({
    id: shard.ShardId,
    parents: [shard.ParentShardId, shard.AdjacentParentShardId].filter(Boolean),
    first: BigInt(shard.HashKeyRange.StartingHashKey),
    last: BigInt(shard.HashKeyRange.EndingHashKey),
    starting: shard.SequenceNumberRange.StartingSequenceNumber,
    ending: shard.SequenceNumberRange.EndingSequenceNumber,
  }));
}

/** The shard, of open ones, that a partition key belongs to. */
export function shardOf(key, open) {
  const hash = BigInt(`0x${createHash("md5").update(key).digest("hex")}`);
  return open.find(({ first, last }) => first <= hash && hash <= last).id;
}

/** Checks that ranges cover the whole hash space, each key once. */
export function coversAll(open) {
  const sorted = open.toSorted((one, other) => (one.first < other.first ? -1 : 1));
  assert.equal(sorted[0].first, 0n);
  assert.equal(sorted.at(-1).last, 2n ** 128n - 1n);
  sorted.slice(1).forEach((shard, number) => assert.equal(shard.first, sorted[number].last + 1n));
}
