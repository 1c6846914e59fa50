// Groups of the matrix: records are put, read by polling, and as large as they may be.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { ValidationException } from "@aws-sdk/client-kinesis";
import { connect } from "./client.mjs";
import {
  POLL_EVERY_MS,
  active,
  coversAll,
  createStream,
  iterator,
  kinesis,
  poll,
  put as putOne,
  refused,
  registerConsumer,
  seen,
  shardOf,
  shards,
  unsharded,
} from "./steps.mjs";
import { Subscription } from "./subscription.mjs";

const BATCH = 500;
const MIB = 1024 * 1024;
const SHARD = "shardId-000000000000";
// Records of one millisecond cannot be told apart by their time.
const APART_MS = 20;
// Two processes need not read the clock to the same millisecond.
const CLOCKS_MS = 10;

async function ordered(stream) {
  let SequenceNumberForOrdering;
  for (let number = 0; number < 5; number += 1) {
    const { sequence } = await putOne(stream, `ordered ${number}`, {
      PartitionKey: "o",
      SequenceNumberForOrdering,
    });
    if (number > 0) assert.ok(BigInt(sequence) > BigInt(SequenceNumberForOrdering), sequence);
    SequenceNumberForOrdering = sequence;
  }
}

async function batch(stream, open) {
  const keys = Array.from({ length: BATCH }, (_, number) => `key ${number} ü`);
  const Records = keys.map((PartitionKey) => ({
    PartitionKey,
    Data: Buffer.from(`data of ${PartitionKey}`),
  }));
  const answer = await kinesis.putRecords({ ...stream, Records });
  assert.equal(answer.FailedRecordCount, 0);
  assert.deepEqual(
    answer.Records.map((each) => each.ShardId),
    keys.map((key) => shardOf(key, open)),
  );
  assert.equal(new Set(answer.Records.map((each) => each.SequenceNumber)).size, BATCH);
  assert.equal(
    new Set(answer.Records.map((each) => each.ShardId)).size,
    open.length,
    "not all shards were used",
  );
}

export async function put(name) {
  const stream = await createStream(name, 4);
  const open = await shards(stream);
  coversAll(open);
  for (const key of ["a", "b", "test", "partition-1", "ü"]) {
    assert.equal((await putOne(stream, key)).shard, shardOf(key, open));
  }
  for (const { id, first, last } of open) {
    for (const hash of [first, last]) {
      assert.equal((await putOne(stream, "one key", { ExplicitHashKey: String(hash) })).shard, id);
    }
  }
  await ordered(stream);
  await batch(stream, open);
}

/** Eight records, each some time after the other, with when it was put. */
async function eight(stream) {
  const records = [];
  for (let number = 0; number < 8; number += 1) {
    const before = Date.now();
    const record = await putOne(stream, `record ${number}`, { PartitionKey: `key ${number}` });
    records.push({ ...record, before, after: Date.now() });
    await pause(APART_MS);
  }
  return records;
}

async function everyPosition(stream, records) {
  const numbered = { StartingSequenceNumber: records[3].sequence };
  const { records: found } = await poll(
    await iterator(stream, SHARD, { ShardIteratorType: "TRIM_HORIZON" }),
    records.length,
  );
  assert.deepEqual(found.map(seen), unsharded(records));
  found.forEach(({ ApproximateArrivalTimestamp: arrival }, number) => {
    const { before, after } = records[number];
    const within = before - CLOCKS_MS <= +arrival && +arrival <= after + CLOCKS_MS;
    assert.ok(within, `it came at ${+arrival}, and was put from ${before} to ${after}`);
  });
  for (const [position, first] of [
    [{ ShardIteratorType: "AT_SEQUENCE_NUMBER", ...numbered }, 3],
    [{ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", ...numbered }, 4],
    [{ ShardIteratorType: "AT_TIMESTAMP", Timestamp: found[5].ApproximateArrivalTimestamp }, 5],
  ]) {
    const page = await poll(await iterator(stream, SHARD, position), records.length - first);
    assert.deepEqual(page.records.map(seen), unsharded(records.slice(first)), position.ShardIteratorType);
  }
}

/** Pages of three, three and two records, then an empty one at the tip. */
async function limited(stream, records) {
  let ShardIterator = await iterator(stream, SHARD, { ShardIteratorType: "TRIM_HORIZON" });
  const found = [];
  for (const length of [3, 3, 2, 0]) {
    await pause(POLL_EVERY_MS);
    const page = await kinesis.getRecords({ ShardIterator, Limit: 3 });
    assert.equal(page.Records.length, length);
    assert.equal(page.MillisBehindLatest > 0, found.length + length < records.length);
    found.push(...page.Records.map(seen));
    ShardIterator = page.NextShardIterator;
  }
  assert.deepEqual(found, unsharded(records));
}

export async function get(name) {
  const stream = await createStream(name);
  const records = await eight(stream);
  const latest = await iterator(stream, SHARD, { ShardIteratorType: "LATEST" });
  await everyPosition(stream, records);
  await limited(stream, records);
  // What came after the iterator was asked for, and nothing of before.
  const late = await putOne(stream, "late");
  assert.deepEqual((await poll(latest, 1)).records.map(seen), unsharded([late]));
}

/** The same record by polling and by a subscription of a consumer of its own, byte for byte. */
async function bothWays(stream, Data, { SequenceNumber }) {
  const at = { ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: SequenceNumber };
  const {
    records: [polled],
  } = await poll(await iterator(stream, SHARD, at), 1);
  const consumer = await registerConsumer(stream.StreamARN, `of-${Data.length}`);
  const from = { Type: "AT_SEQUENCE_NUMBER", SequenceNumber };
  const subscription = await Subscription.start(consumer, SHARD, from);
  await subscription.received(1);
  await subscription.cancel();
  for (const record of [polled, subscription.records[0]]) {
    assert.equal(record.SequenceNumber, SequenceNumber);
    assert.ok(
      Buffer.from(record.Data).equals(Data),
      `${Data.length} bytes came back as ${record.Data.length} others`,
    );
  }
}

export async function large(name) {
  const stream = await createStream(name);
  // A shard takes one MiB a second: a record of ten is accepted once so much has been saved up.
  const patient = connect({ maxAttempts: 20 });
  const putBytes = (Data) => patient.putRecord({ ...stream, PartitionKey: "k", Data });
  const [one, ten] = [randomBytes(MIB), randomBytes(10 * MIB)];
  await bothWays(stream, one, await putBytes(one));
  await refused(putBytes(Buffer.alloc(MIB + 1)), ValidationException, /1048576/);
  await refused(putBytes(ten), ValidationException);
  await kinesis.updateMaxRecordSize({ StreamARN: stream.StreamARN, MaxRecordSizeInKiB: 10_240 });
  assert.equal((await active(name)).MaxRecordSizeInKiB, 10_240);
  await bothWays(stream, ten, await putBytes(ten));
  await refused(putBytes(Buffer.alloc(10 * MIB + 1)), ValidationException);
}
