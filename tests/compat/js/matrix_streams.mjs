// Groups of the matrix: streams come and go, shards are listed, split and merged, their number is changed.
import assert from "node:assert/strict";
import {
  active,
  coversAll,
  createStream,
  iterator,
  kinesis,
  poll,
  put,
  seen,
  shardOf,
  shards as listed,
  summary,
  unsharded,
} from "./steps.mjs";

const ARN = /^arn:aws:kinesis:us-east-1:\d{12}:stream\//;
const CREATED_MS_AGO_MAX = 600_000;
const WAITS = { maxWaitTime: 30, minDelay: 1, maxDelay: 2 };

async function described(StreamName, StreamARN) {
  const { StreamDescription: found } = await kinesis.describeStream({ StreamName });
  assert.deepEqual(
    [found.StreamName, found.StreamARN, found.StreamStatus],
    [StreamName, StreamARN, "ACTIVE"],
  );
  assert.deepEqual(
    found.Shards.map((shard) => shard.ShardId),
    ["shardId-000000000000", "shardId-000000000001"],
  );
  assert.deepEqual([found.HasMoreShards, found.RetentionPeriodHours], [false, 24]);
  const half = await kinesis.describeStream({ StreamName, Limit: 1 });
  assert.deepEqual([half.StreamDescription.Shards.length, half.StreamDescription.HasMoreShards], [1, true]);
}

async function summarised(StreamName) {
  const found = await summary(StreamName);
  assert.match(found.StreamARN, ARN);
  assert.ok(found.StreamARN.endsWith(`/${StreamName}`), found.StreamARN);
  assert.deepEqual([found.OpenShardCount, found.ConsumerCount], [2, 0]);
  assert.equal(found.StreamModeDetails.StreamMode, "PROVISIONED");
  // A wrong unit would be off by a factor of a thousand.
  const age = Date.now() - found.StreamCreationTimestamp.getTime();
  assert.ok(Math.abs(age) < CREATED_MS_AGO_MAX, `created ${age} ms ago`);
  return found.StreamARN;
}

async function namesInPages() {
  const found = [];
  for await (const page of kinesis.paginateListStreams({ Limit: 1 })) {
    assert.equal(page.StreamNames.length, 1);
    assert.deepEqual(
      page.StreamSummaries.map((each) => each.StreamName),
      page.StreamNames,
    );
    found.push(...page.StreamNames);
  }
  assert.deepEqual(found, found.toSorted());
  return found;
}

export async function streams(StreamName) {
  const names = [StreamName, `${StreamName}-b`, `${StreamName}-c`];
  for (const name of names) await createStream(name, 2);
  await described(StreamName, await summarised(StreamName));
  assert.deepEqual(
    (await namesInPages()).filter((name) => names.includes(name)),
    names,
  );
  const limits = await kinesis.describeLimits({});
  assert.ok(limits.OpenShardCount >= 6 && limits.ShardLimit > limits.OpenShardCount, JSON.stringify(limits));
  await kinesis.deleteStream({ StreamName });
  await kinesis.waitUntilStreamNotExists({ StreamName }, WAITS);
  assert.deepEqual(
    (await namesInPages()).filter((name) => names.includes(name)),
    names.slice(1),
  );
}

async function listedOneByOne(stream, ids) {
  const found = [];
  let request = { ...stream, MaxResults: 1 };
  for (let pages = 0; request && pages <= ids.length; pages += 1) {
    const { Shards, NextToken } = await kinesis.listShards(request);
    assert.equal(Shards.length, 1);
    found.push(Shards[0].ShardId);
    request = NextToken && { NextToken, MaxResults: 1 };
  }
  assert.deepEqual(found, ids);
}

async function ids(stream, ShardFilter) {
  return (await listed(stream, { ShardFilter })).map((shard) => shard.id);
}

/** Reads a closed shard to its end: the records put to it, then no further iterator, but its children. */
async function endOf(stream, shard, records, children) {
  const start = await iterator(stream, shard.id, { ShardIteratorType: "TRIM_HORIZON" });
  // One more than there are: only the end of the shard can end this.
  const { records: found, page } = await poll(start, records.length + 1);
  assert.deepEqual(found.map(seen), unsharded(records));
  assert.equal(page.NextShardIterator, undefined);
  const shape = page.ChildShards.map(({ ShardId, ParentShards, HashKeyRange }) => ({
    id: ShardId,
    parents: ParentShards.toSorted(),
    first: BigInt(HashKeyRange.StartingHashKey),
    last: BigInt(HashKeyRange.EndingHashKey),
  }));
  const due = children.map(({ id, parents, first, last }) => ({
    id,
    parents: parents.toSorted(),
    first,
    last,
  }));
  assert.deepEqual(shape, due);
}

/** Splits shard 0 into 2 and 3, and merges 3 with 1 into 4. */
async function reshaped(stream, left) {
  const middle = (left.first + left.last + 1n) / 2n;
  await kinesis.splitShard({ ...stream, ShardToSplit: left.id, NewStartingHashKey: String(middle) });
  await active(stream.StreamName);
  const merge = { ShardToMerge: "shardId-000000000003", AdjacentShardToMerge: "shardId-000000000001" };
  await kinesis.mergeShards({ ...stream, ...merge });
  await active(stream.StreamName);
  return middle;
}

export async function shards(name) {
  const stream = await createStream(name, 2);
  const open = await listed(stream);
  coversAll(open);
  const records = [];
  for (const data of ["a", "b", "c", "d", "e", "f"]) records.push(await put(stream, data));
  for (const { key, shard } of records) assert.equal(shard, shardOf(key, open));
  const middle = await reshaped(stream, open[0]);

  const all = await listed(stream);
  const five = Array.from({ length: 5 }, (_, number) => `shardId-00000000000${number}`);
  await listedOneByOne(stream, five);
  assert.deepEqual(await ids(stream, { Type: "AT_LATEST" }), [five[2], five[4]]);
  assert.deepEqual(await ids(stream, { Type: "FROM_TRIM_HORIZON" }), five);
  assert.deepEqual(await ids(stream, { Type: "AFTER_SHARD_ID", ShardId: five[1] }), five.slice(2));
  coversAll(await listed(stream, { ShardFilter: { Type: "AT_LATEST" } }));

  assert.deepEqual(
    all.map((shard) => shard.ending !== undefined),
    [true, true, false, true, false],
  );
  assert.ok(all.every(({ starting, ending }) => ending === undefined || BigInt(ending) > BigInt(starting)));
  assert.deepEqual(
    all.map((shard) => shard.parents),
    [[], [], [five[0]], [five[0]], [five[3], five[1]]],
  );
  assert.deepEqual([all[2].last, all[3].first], [middle - 1n, middle]);
  const of = (shard) => records.filter((record) => record.shard === shard.id);
  await endOf(stream, all[0], of(all[0]), [all[2], all[3]]);
  await endOf(stream, all[1], of(all[1]), [all[4]]);
}

export async function scaling(name) {
  const stream = await createStream(name, 2);
  const answer = await kinesis.updateShardCount({
    ...stream,
    TargetShardCount: 4,
    ScalingType: "UNIFORM_SCALING",
  });
  assert.deepEqual([answer.CurrentShardCount, answer.TargetShardCount, answer.StreamName], [2, 4, name]);
  assert.equal((await active(name)).OpenShardCount, 4);
  const open = await listed(stream, { ShardFilter: { Type: "AT_LATEST" } });
  assert.equal(open.length, 4);
  coversAll(open);
  const quarter = 2n ** 126n;
  for (const { first, last } of open) assert.equal(last - first + 1n, quarter);
}
