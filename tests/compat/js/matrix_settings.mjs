// Groups of the matrix: what is set on a stream or the account, shown, and taken back.
import assert from "node:assert/strict";
import { InvalidArgumentException, ResourceNotFoundException } from "@aws-sdk/client-kinesis";
import { active, createStream, iterator, kinesis, poll, put, refused, text } from "./steps.mjs";

const SHARD = "shardId-000000000000";

export async function retention(name) {
  const stream = await createStream(name);
  const hours = async () => (await active(name)).RetentionPeriodHours;
  assert.equal(await hours(), 24);
  await kinesis.increaseStreamRetentionPeriod({ ...stream, RetentionPeriodHours: 48 });
  assert.equal(await hours(), 48);
  const tooShort = kinesis.decreaseStreamRetentionPeriod({ ...stream, RetentionPeriodHours: 23 });
  await refused(tooShort, InvalidArgumentException, /24 hours/);
  const wrongWay = kinesis.increaseStreamRetentionPeriod({ ...stream, RetentionPeriodHours: 36 });
  await refused(wrongWay, InvalidArgumentException, /shorter than/);
  await kinesis.decreaseStreamRetentionPeriod({ ...stream, RetentionPeriodHours: 24 });
  assert.equal(await hours(), 24);
}

export async function monitoring(name) {
  const stream = await createStream(name);
  const ShardLevelMetrics = ["IncomingBytes", "OutgoingRecords"];
  const on = await kinesis.enableEnhancedMonitoring({ ...stream, ShardLevelMetrics });
  assert.deepEqual([on.StreamName, on.CurrentShardLevelMetrics], [name, []]);
  assert.deepEqual(on.DesiredShardLevelMetrics.toSorted(), ShardLevelMetrics);
  const shown = (await active(name)).EnhancedMonitoring;
  assert.deepEqual(
    shown.map((each) => each.ShardLevelMetrics.toSorted()),
    [ShardLevelMetrics],
  );
  const off = await kinesis.disableEnhancedMonitoring({ ...stream, ShardLevelMetrics: ["IncomingBytes"] });
  assert.deepEqual(off.CurrentShardLevelMetrics.toSorted(), ShardLevelMetrics);
  assert.deepEqual(off.DesiredShardLevelMetrics, ["OutgoingRecords"]);
  await kinesis.disableEnhancedMonitoring({ ...stream, ShardLevelMetrics: ["ALL"] });
  assert.deepEqual((await active(name)).EnhancedMonitoring, [{ ShardLevelMetrics: [] }]);
}

export async function encryption(name) {
  const stream = await createStream(name);
  const key = { EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };
  await kinesis.startStreamEncryption({ ...stream, ...key });
  const encrypted = await active(name);
  assert.deepEqual([encrypted.EncryptionType, encrypted.KeyId], [key.EncryptionType, key.KeyId]);
  const answer = await kinesis.putRecord({ ...stream, Data: Buffer.from("locked"), PartitionKey: "k" });
  assert.equal(answer.EncryptionType, "KMS");
  await kinesis.stopStreamEncryption({ ...stream, ...key });
  assert.equal((await active(name)).EncryptionType, "NONE");
  await put(stream, "open");
  const start = await iterator(stream, SHARD, { ShardIteratorType: "TRIM_HORIZON" });
  const { records } = await poll(start, 2);
  const found = records.map(({ Data, EncryptionType }) => [text(Data), EncryptionType ?? "NONE"]);
  assert.deepEqual(found, [
    ["locked", "KMS"],
    ["open", "NONE"],
  ]);
}

async function warmed(StreamARN, name) {
  const Status = "ENABLED";
  const answer = await kinesis.updateAccountSettings({ MinimumThroughputBillingCommitment: { Status } });
  assert.equal(answer.MinimumThroughputBillingCommitment.Status, Status);
  const { MinimumThroughputBillingCommitment: settings } = await kinesis.describeAccountSettings({});
  assert.equal(settings.Status, Status);
  assert.ok(settings.EarliestAllowedEndAt > settings.StartedAt, JSON.stringify(settings));
  const { WarmThroughput } = await kinesis.updateStreamWarmThroughput({ StreamARN, WarmThroughputMiBps: 8 });
  assert.equal(WarmThroughput.TargetMiBps, 8);
  assert.equal((await active(name)).WarmThroughput.TargetMiBps, 8);
}

/** Where the service chooses the shard, a record needs no partition key, and comes back without one. */
async function distributed(StreamARN) {
  const strategy = (RecordDistributionStrategy) =>
    kinesis.updateStreamRecordDistributionStrategy({ StreamARN, RecordDistributionStrategy });
  await strategy("AUTO");
  const { ShardId, SequenceNumber } = await kinesis.putRecord({ StreamARN, Data: Buffer.from("keyless") });
  const at = { ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: SequenceNumber };
  const {
    records: [record],
  } = await poll(await iterator({ StreamARN }, ShardId, at), 1);
  assert.deepEqual([text(record.Data), record.PartitionKey], ["keyless", undefined]);
  await strategy("USER_PARTITION_KEY");
}

export async function modes(name) {
  const { StreamARN } = await createStream(name, 2);
  const mode = async (StreamMode) => {
    await kinesis.updateStreamMode({ StreamARN, StreamModeDetails: { StreamMode } });
    const shown = await active(name);
    assert.deepEqual([shown.StreamModeDetails.StreamMode, shown.OpenShardCount], [StreamMode, 2]);
  };
  await mode("ON_DEMAND");
  const { OnDemandStreamCount } = await kinesis.describeLimits({});
  assert.ok(OnDemandStreamCount >= 1, `${OnDemandStreamCount} streams on demand`);
  await kinesis.updateMaxRecordSize({ StreamARN, MaxRecordSizeInKiB: 2048 });
  assert.equal((await active(name)).MaxRecordSizeInKiB, 2048);
  await distributed(StreamARN);
  await warmed(StreamARN, name);
}

const pairs = (tagList) => tagList.map(({ Key, Value }) => [Key, Value]);

async function tagsInPages(stream) {
  const found = [];
  let ExclusiveStartTagKey;
  for (let pages = 0; pages < 10; pages += 1) {
    const { Tags, HasMoreTags } = await kinesis.listTagsForStream({
      ...stream,
      Limit: 1,
      ExclusiveStartTagKey,
    });
    found.push(...pairs(Tags));
    if (!HasMoreTags) return found;
    ExclusiveStartTagKey = Tags.at(-1).Key;
  }
  return assert.fail("tags without an end");
}

export async function tags(name) {
  const stream = await createStream(name);
  await kinesis.addTagsToStream({ ...stream, Tags: { team: "blue", stage: "test", ünit: "µ 1" } });
  assert.deepEqual(await tagsInPages(stream), [
    ["stage", "test"],
    ["team", "blue"],
    ["ünit", "µ 1"],
  ]);
  await kinesis.removeTagsFromStream({ ...stream, TagKeys: ["team", "unknown"] });
  assert.deepEqual(await tagsInPages(stream), [
    ["stage", "test"],
    ["ünit", "µ 1"],
  ]);
  const ResourceARN = stream.StreamARN;
  await kinesis.tagResource({ ResourceARN, Tags: { stage: "live", owner: "me" } });
  const listed = async () => pairs((await kinesis.listTagsForResource({ ResourceARN })).Tags).toSorted();
  assert.deepEqual(await listed(), [
    ["owner", "me"],
    ["stage", "live"],
    ["ünit", "µ 1"],
  ]);
  await kinesis.untagResource({ ResourceARN, TagKeys: ["owner", "ünit"] });
  assert.deepEqual(await listed(), [["stage", "live"]]);
}

export async function policies(name) {
  const { StreamARN: ResourceARN } = await createStream(name);
  const policy = {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "reader",
        Effect: "Allow",
        Principal: { AWS: "arn:aws:iam::111122223333:root" },
        Action: ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
        Resource: ResourceARN,
      },
    ],
  };
  const kept = async () => JSON.parse((await kinesis.getResourcePolicy({ ResourceARN })).Policy);
  assert.deepEqual(await kept(), {});
  await kinesis.putResourcePolicy({ ResourceARN, Policy: JSON.stringify(policy) });
  assert.deepEqual(await kept(), policy);
  await kinesis.deleteResourcePolicy({ ResourceARN });
  assert.deepEqual(await kept(), {});
  await refused(kinesis.deleteResourcePolicy({ ResourceARN }), ResourceNotFoundException);
}
