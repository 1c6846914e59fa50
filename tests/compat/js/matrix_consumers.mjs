// Groups of the matrix: enhanced fan-out consumers, and the subscriptions records are pushed through.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { ResourceInUseException, ResourceNotFoundException } from "@aws-sdk/client-kinesis";
import {
  active,
  createStream,
  iterator,
  kinesis,
  poll,
  put,
  refused,
  registerConsumer,
  shards,
  unsharded,
  until,
} from "./steps.mjs";
import { SUBSCRIPTION_SECS, Subscription } from "./subscription.mjs";

const SHARD = "shardId-000000000000";
const PUT_EVERY_MS = 40;
// A consumer may take over its own subscription of a shard once that is this old.
const TAKEOVER_MS = 5000;
// One subscription a second, of a consumer to a shard.
const SUBSCRIBE_EVERY_MS = 1100;

async function namesInPages(StreamARN) {
  const names = [];
  for await (const page of kinesis.paginateListStreamConsumers({ StreamARN, MaxResults: 1 })) {
    assert.ok(page.Consumers.length <= 1);
    names.push(...page.Consumers.map((each) => each.ConsumerName));
  }
  return names.toSorted();
}

export async function consumers(name) {
  const { StreamARN } = await createStream(name);
  const names = ["first", "second", "third"];
  const arns = [];
  for (const each of names) arns.push(await registerConsumer(StreamARN, each));
  const { ConsumerDescription: byArn } = await kinesis.describeStreamConsumer({ ConsumerARN: arns[0] });
  const { ConsumerDescription: byName } = await kinesis.describeStreamConsumer({
    StreamARN,
    ConsumerName: "first",
  });
  assert.deepEqual(byArn, byName);
  assert.deepEqual([byArn.ConsumerName, byArn.ConsumerARN, byArn.StreamARN], ["first", arns[0], StreamARN]);
  assert.ok(Math.abs(Date.now() - byArn.ConsumerCreationTimestamp.getTime()) < 600_000);
  assert.deepEqual(await namesInPages(StreamARN), names);
  assert.equal((await active(name)).ConsumerCount, 3);
  await kinesis.deregisterStreamConsumer({ ConsumerARN: arns[0] });
  await until("the consumer is gone", async () => !(await namesInPages(StreamARN)).includes("first"));
  await refused(
    kinesis.describeStreamConsumer({ ConsumerARN: arns[0] }),
    ResourceNotFoundException,
    /not found/,
  );
}

/** Six records, each of a time of its own, and what each of the five positions gives of them. */
async function positions(stream) {
  const records = [];
  for (let number = 0; number < 6; number += 1) {
    records.push(await put(stream, `before ${number}`));
    await pause(PUT_EVERY_MS);
  }
  const at = { ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: records[4].sequence };
  const fifth = (await poll(await iterator(stream, SHARD, at), 1)).records[0];
  const SequenceNumber = records[2].sequence;
  const due = [
    [{ Type: "TRIM_HORIZON" }, 0],
    [{ Type: "LATEST" }, 6],
    [{ Type: "AT_SEQUENCE_NUMBER", SequenceNumber }, 2],
    [{ Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber }, 3],
    [{ Type: "AT_TIMESTAMP", Timestamp: fifth.ApproximateArrivalTimestamp }, 4],
  ];
  return { records, due };
}

/** A clean end, when it was promised. */
async function livedItsTime(subscription) {
  await subscription.ended();
  const secs = subscription.livedMs / 1000;
  assert.ok(secs > SUBSCRIPTION_SECS - 0.5, `ended after ${secs} s of ${SUBSCRIPTION_SECS}`);
}

/** Puts records, one after the other, for as long as a promise takes. */
async function putWhile(stream, records, promise) {
  let going = true;
  const done = promise.finally(() => {
    going = false;
  });
  // Awaited below; until then a failure is nobody's.
  done.catch(() => {});
  while (going) {
    records.push(await put(stream, `while ${records.length}`));
    await pause(PUT_EVERY_MS);
  }
  return done;
}

export async function fanOut(name) {
  const stream = await createStream(name);
  const { records, due } = await positions(stream);
  const followers = [];
  for (const [position, skipped] of due) {
    const consumer = await registerConsumer(stream.StreamARN, position.Type.toLowerCase());
    const first = await Subscription.start(consumer, SHARD, position);
    followers.push({ type: position.Type, skipped, consumer, first });
  }
  await putWhile(
    stream,
    records,
    Promise.all(
      followers.map(async (each) => {
        await livedItsTime(each.first);
        each.second = await Subscription.start(each.consumer, SHARD, each.first.next);
      }),
    ),
  );
  for (let number = 0; number < 5; number += 1) records.push(await put(stream, `after ${number}`));
  for (const { type, skipped, first, second } of followers) {
    const wanted = unsharded(records.slice(skipped));
    await second.received(wanted.length - first.records.length);
    // Time for what comes twice to show.
    await pause(PUT_EVERY_MS);
    await second.cancel();
    assert.deepEqual([...first.seen, ...second.seen], wanted, `${type}: not exactly what was due`);
  }
}

/** What the last event of a split shard says of its children. */
function checkChildren(children, parent, [lower, upper]) {
  const shape = children.map(({ ShardId, ParentShards, HashKeyRange }) => ({
    id: ShardId,
    parents: ParentShards,
    range: [HashKeyRange.StartingHashKey, HashKeyRange.EndingHashKey],
  }));
  const due = [lower, upper].map(({ id, first, last }) => ({
    id,
    parents: [parent],
    range: [String(first), String(last)],
  }));
  assert.deepEqual(shape, due);
}

async function putSome(stream, records, what) {
  for (let number = 0; number < 20; number += 1) records.push(await put(stream, `${what} ${number}`));
}

export async function shardEnd(name) {
  const stream = await createStream(name);
  const consumer = await registerConsumer(stream.StreamARN, "through");
  const records = [];
  await putSome(stream, records, "before");
  const parent = await Subscription.start(consumer, SHARD, { Type: "TRIM_HORIZON" });
  const NewStartingHashKey = String(2n ** 127n);
  const split = kinesis.splitShard({ ...stream, ShardToSplit: SHARD, NewStartingHashKey });
  await putWhile(stream, records, Promise.all([split, parent.ended()]));
  await putSome(stream, records, "after");

  assert.ok(parent.livedMs < SUBSCRIPTION_SECS * 1000, "it outlived its shard");
  const [, lower, upper] = await shards(stream);
  assert.ok(parent.children, "it ended without naming children");
  checkChildren(parent.children, SHARD, [lower, upper]);
  const of = (shard) => records.filter((record) => record.shard === shard);
  assert.deepEqual(parent.seen, unsharded(of(SHARD)));
  for (const { id } of [lower, upper]) {
    const child = await Subscription.start(consumer, id, { Type: "TRIM_HORIZON" });
    assert.ok(of(id).length > 0, `nothing fell into ${id}`);
    await child.received(of(id).length);
    await child.cancel();
    assert.deepEqual(child.seen, unsharded(of(id)));
  }
}

export async function takeover(name) {
  assert.ok(
    SUBSCRIPTION_SECS * 1000 > TAKEOVER_MS + 500,
    "a subscription does not live long enough to be taken over",
  );
  const stream = await createStream(name);
  const consumer = await registerConsumer(stream.StreamARN, "twice");
  const subscribe = () => Subscription.start(consumer, SHARD, { Type: "LATEST" });
  const old = await subscribe();
  const since = Date.now();
  await pause(SUBSCRIBE_EVERY_MS);
  await refused(subscribe(), ResourceInUseException, /active subscription/i);
  assert.equal(old.livedMs, undefined, "who was there first had to go");
  await pause(since + TAKEOVER_MS + 100 - Date.now());
  const young = await subscribe();
  await assert.rejects(old.ended(), (error) => {
    assert.ok(error instanceof ResourceInUseException, `${error.name}: ${error.message}`);
    return true;
  });
  const record = await put(stream, "for the new one");
  await young.received(1);
  await young.cancel();
  assert.deepEqual(young.seen, unsharded([record]));
  assert.deepEqual(old.seen, []);
}
