// Every operation this SDK has, judged group by group over one transport: `node matrix.mjs [group ...]`.
// One JSON object per line on standard output; what went wrong in full on standard error.
import { VERSION } from "./client.mjs";
import { consumers, fanOut, shardEnd, takeover } from "./matrix_consumers.mjs";
import { Absent, channels, errors, throttles } from "./matrix_refusals.mjs";
import { get, large, put } from "./matrix_records.mjs";
import { encryption, modes, monitoring, policies, retention, tags } from "./matrix_settings.mjs";
import { scaling, shards, streams } from "./matrix_streams.mjs";
import { within } from "./steps.mjs";

const GROUPS = {
  streams,
  put,
  get,
  shards,
  scaling,
  consumers,
  "fan-out": fanOut,
  "shard-end": shardEnd,
  takeover,
  retention,
  monitoring,
  encryption,
  modes,
  tags,
  policies,
  errors,
  throttles,
  large,
  "queues and channels": channels,
};
const GROUP_MS_MAX = 60_000;
const WHY_LENGTH_MAX = 500;

const tell = (line) => console.log(JSON.stringify(line));

async function judged(group) {
  const stream = `matrix-${group.replaceAll(" ", "-")}`;
  try {
    await within(GROUP_MS_MAX, group, GROUPS[group](stream));
    return { group, ok: true };
  } catch (error) {
    if (error instanceof Absent) return { group, absent: error.message };
    console.error(`${group}:`, error);
    return { group, ok: false, why: `${error.name}: ${error.message}`.slice(0, WHY_LENGTH_MAX) };
  }
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(GROUPS);
const unknown = chosen.filter((group) => !(group in GROUPS));
if (unknown.length > 0) {
  console.error(`no such group: ${unknown.join(", ")}; there are ${Object.keys(GROUPS).join(", ")}`);
  process.exit(2);
}

tell({ client: "@aws-sdk/client-kinesis", version: VERSION });
let ok = true;
for (const group of chosen) {
  const verdict = await judged(group);
  ok &&= verdict.ok !== false;
  tell(verdict);
}
tell({ program: "matrix", ok });
// A group that failed may have left a subscription open.
process.exit(ok ? 0 : 1);
