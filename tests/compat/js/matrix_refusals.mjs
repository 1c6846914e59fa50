// Groups of the matrix: refusals as modelled classes, throttles and how the SDK lives with them, and what
// this server has not built yet.
import assert from "node:assert/strict";
import {
  InvalidArgumentException,
  LimitExceededException,
  ResourceInUseException,
  ResourceNotFoundException,
  ValidationException,
} from "@aws-sdk/client-kinesis";
import { connect } from "./client.mjs";
import { createStream, iterator, kinesis, poll, refused } from "./steps.mjs";

const SHARD = "shardId-000000000000";
const KIB = 1024;

/** An operation that is not there, with the reason in a clause. */
export class Absent extends Error {}

export async function errors(name) {
  const stream = await createStream(name);
  const other = await createStream(`${name}-other`);
  const missing = { StreamName: `${name}-missing` };
  await refused(
    kinesis.describeStreamSummary(missing),
    ResourceNotFoundException,
    /missing under account \d{12} not found/,
  );
  const nobody = kinesis.putRecord({ ...missing, Data: Buffer.from("x"), PartitionKey: "k" });
  await refused(nobody, ResourceNotFoundException, /not found/);
  await refused(
    kinesis.createStream({ StreamName: name, ShardCount: 1 }),
    ResourceInUseException,
    /already exists/,
  );
  await refused(
    kinesis.getRecords({ ShardIterator: "AAAAAAAAAAE=" }),
    InvalidArgumentException,
    /ShardIterator/,
  );
  const ShardIterator = await iterator(other, SHARD, { ShardIteratorType: "LATEST" });
  await refused(kinesis.getRecords({ StreamARN: stream.StreamARN, ShardIterator }), InvalidArgumentException);
  await refused(
    kinesis.createStream({ StreamName: "a space", ShardCount: 1 }),
    ValidationException,
    /streamName/,
  );
  const Limit = 10_001;
  await refused(
    kinesis.getRecords({ ShardIterator, Limit }),
    ValidationException,
    /less than or equal to 10000/,
  );
  await tooManyShards(name);
}

/** More shards than the account has left. Asked once: this SDK takes any exceeded limit for a throttle. */
async function tooManyShards(name) {
  const { ShardLimit, OpenShardCount } = await kinesis.describeLimits({});
  const once = connect({ maxAttempts: 1 });
  const create = once.createStream({
    StreamName: `${name}-large`,
    ShardCount: ShardLimit - OpenShardCount + 1,
  });
  await refused(create, LimitExceededException, /shard limit/);
}

/** Three MiB at once: one is taken, the rest is refused entry by entry. Answers how many were taken. */
async function flooded(stream) {
  const Data = Buffer.alloc(64 * KIB, "x");
  const Records = Array.from({ length: 48 }, (_, number) => ({ Data, PartitionKey: `flood ${number}` }));
  const answer = await kinesis.putRecords({ ...stream, Records });
  assert.equal(answer.Records.length, Records.length);
  const failed = answer.Records.filter((each) => each.ErrorCode !== undefined);
  assert.equal(answer.FailedRecordCount, failed.length);
  for (const { ErrorCode, ErrorMessage, SequenceNumber, ShardId } of failed) {
    assert.equal(ErrorCode, "ProvisionedThroughputExceededException");
    assert.match(ErrorMessage, /^Rate exceeded for shard shardId-000000000000 in stream /);
    assert.deepEqual([SequenceNumber, ShardId], [undefined, undefined]);
  }
  const taken = Records.filter((_, number) => answer.Records[number].SequenceNumber !== undefined);
  assert.equal(taken.length + failed.length, Records.length);
  assert.ok(taken.length >= 14 && failed.length >= 14, `${taken.length} taken, ${failed.length} refused`);
  return taken.map((each) => each.PartitionKey);
}

export async function throttles(name) {
  const stream = await createStream(name);
  const taken = await flooded(stream);
  // The shard has nothing left: it takes most of a second until so much is accepted.
  const patient = connect({ maxAttempts: 10 });
  const answer = await patient.putRecord({
    ...stream,
    Data: Buffer.alloc(960 * KIB),
    PartitionKey: "patient",
  });
  assert.ok(answer.$metadata.attempts > 1, "it was not throttled");
  const start = await iterator(stream, SHARD, { ShardIteratorType: "TRIM_HORIZON" });
  const { records } = await poll(start, taken.length + 1);
  assert.deepEqual(
    records.map((each) => each.PartitionKey),
    [...taken, "patient"],
  );
}

export async function channels(name) {
  const ChannelARN = `arn:aws:kinesis:us-east-1:000000000000:channel/${name}`;
  const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`;
  const ServiceExecutionRoleARN = "arn:aws:iam::000000000000:role/delivery";
  const RecordConfiguration = { RecordFormatType: "JSON" };
  const StreamConfigurationList = [{ StreamARN, RecordConfiguration }];
  const requests = {
    CreateChannel: () =>
      kinesis.createChannel({ ChannelName: name, ServiceExecutionRoleARN, StreamConfigurationList }),
    DescribeChannel: () => kinesis.describeChannel({ ChannelARN }),
    ListChannels: () => kinesis.listChannels({}),
    UpdateChannel: () => kinesis.updateChannel({ ChannelARN }),
    DeleteChannel: () => kinesis.deleteChannel({ ChannelARN }),
  };
  for (const [operation, request] of Object.entries(requests)) {
    const { message } = await refused(request(), InvalidArgumentException);
    assert.equal(message, `${operation} is not supported by this server yet.`);
  }
  throw new Absent("not built yet: answered InvalidArgumentException");
}
