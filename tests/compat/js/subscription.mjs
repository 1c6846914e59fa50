// One enhanced fan-out subscription, read as it comes: its records, where the next goes on, how it ended.
import assert from "node:assert/strict";
import { kinesis, seen, until, within } from "./steps.mjs";

export const SUBSCRIPTION_SECS = Number(process.env.FANLIGHT_SUBSCRIPTION_SECS);
/** How much later than promised a subscription may end, on a loaded machine. */
const END_LATE_MS_MAX = 5000;
const RECORDS_MS_MAX = 20_000;

export class Subscription {
  records = [];
  /** Where the next subscription goes on; none once the shard has ended. */
  next = undefined;
  children = undefined;
  /** How long it lived; none while it lives. */
  livedMs = undefined;

  /** Subscribes; rejects if it is refused before the stream begins. */
  static async start(ConsumerARN, ShardId, StartingPosition) {
    const aborting = new AbortController();
    const since = Date.now();
    const request = { ConsumerARN, ShardId, StartingPosition };
    const { EventStream } = await kinesis.subscribeToShard(request, { abortSignal: aborting.signal });
    return new Subscription(EventStream, since, aborting);
  }

  constructor(events, since, aborting) {
    this.since = since;
    this.aborting = aborting;
    this.reading = this.read(events);
    // Whoever awaits the end is told how it came; until then it is nobody's unhandled rejection.
    this.reading.catch(() => {});
  }

  async read(events) {
    try {
      for await (const { SubscribeToShardEvent: event } of events) this.take(event);
    } finally {
      this.livedMs = Date.now() - this.since;
    }
  }

  take(event) {
    assert.ok(event, "an event this SDK does not know");
    assert.equal(this.children, undefined, "an event after the shard's end");
    this.records.push(...event.Records);
    if (event.ChildShards?.length > 0) {
      assert.equal(event.ContinuationSequenceNumber, undefined, "the last event says where to go on");
      this.children = event.ChildShards;
      this.next = undefined;
    } else {
      assert.match(event.ContinuationSequenceNumber, /^\d{56}$/);
      assert.ok(event.MillisBehindLatest >= 0, `${event.MillisBehindLatest} ms behind`);
      this.next = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: event.ContinuationSequenceNumber };
    }
  }

  /** Its records as `put` answered them. */
  get seen() {
    return this.records.map(seen);
  }

  /** Waits until so many records have come; rejects if it ends before. */
  async received(count) {
    const enough = () => this.records.length >= count;
    await until(`${count} records`, () => enough() || this.livedMs !== undefined, RECORDS_MS_MAX);
    if (enough()) return;
    await this.reading;
    assert.fail(`ended after ${this.records.length} of ${count} records`);
  }

  /** Waits for its end; rejects with what ended it, if it was not a clean one. */
  ended() {
    return within(SUBSCRIPTION_SECS * 1000 + END_LATE_MS_MAX, "the subscription's end", this.reading);
  }

  /** Leaves it before its end. */
  async cancel() {
    this.aborting.abort();
    await this.reading.catch(() => {});
  }
}
