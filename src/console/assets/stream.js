// One stream: its ring and table of shards, its consumers, and the shard that was chosen.
import { $, Tiles, bytes, count, el, fill, micros, percent, rate, say, shardName } from "./dom.js";
import { ask } from "./feed.js";
import { throttleRows } from "./overview.js";
import { Records } from "./records.js";
import { Ring } from "./ring.js";
import { Shards } from "./shards.js";

export class StreamView {
  constructor() {
    const pick = (id, focus) => this.choose(id, focus);
    this.tiles = new Tiles($("stream-tiles"));
    this.ring = new Ring(pick);
    this.table = new Shards(pick);
    this.records = new Records();
  }

  open(stream) {
    this.close();
    this.stream = stream;
    this.tiles.clear();
    say($("stream-title"), stream.account ? `${stream.account} / ${stream.name}` : stream.name);
    say($("stream-facts"), "");
    this.trouble("");
  }

  close() { this.records.leave(); this.stream = this.version = this.loading = null; this.shards = []; this.picked = null; }

  /** The server is back: what was known of it may not hold. */
  again() { this.version = this.loading = null; this.records.resume(); }

  /** Nobody looks. */
  rest() { this.records.rest(); }

  allow(full) { $("records").hidden = $("put-card").hidden = !full; $("figures-only").hidden = full; }

  redraw() { this.ring.redraw(); }

  trouble(text) { $("stream-note").hidden = !text; say($("stream-note"), text); $("stream-body").hidden = Boolean(text); }

  async load(version) {
    this.loading = version;
    const { account, name } = this.stream;
    try {
      const lineage = await ask("stream", { account, name });
      if (this.stream?.name !== name || this.loading !== version) return;
      this.version = lineage.version;
      this.shards = lineage.shards;
      this.ring.set(this.shards);
      this.table.set(this.shards);
      const stays = this.shards.some((shard) => shard.id === this.picked);
      this.choose(stays ? this.picked : this.shards.find((shard) => shard.closed_ms === null)?.id);
      if (lineage.all > this.shards.length) say($("shard-count"), `the latest ${count(this.shards.length)} of ${count(lineage.all)}`);
    } catch (error) {
      this.loading = null;
      console.info(`lineage: ${error.message}`);
    }
  }

  show(it) {
    if (!this.stream) return;
    if (it.error) return this.trouble(it.error === "NotFound" ? "There is no such stream any more." : it.message);
    if (it.name !== this.stream.name) return;
    this.trouble("");
    if (it.version !== this.version && it.version !== this.loading) this.load(it.version);
    say($("stream-facts"), `${it.status.toLowerCase()} · ${it.mode === "ON_DEMAND" ? "on demand" : "provisioned"} · kept ${it.retention_hours} h` +
      `${it.encrypted ? " · encrypted" : ""} · created ${new Date(it.created_ms).toLocaleString()}`);
    this.tiles.set("Records in/s", rate(it.records_in), `${bytes(it.bytes_in)}/s`, it.records_in);
    this.tiles.set("Pushed/s", rate(it.pushed), `${count(it.consumers.length)} consumers`, it.pushed);
    this.tiles.set("Pulled/s", rate(it.pulled), "by GetRecords", it.pulled);
    const throttled = Object.values(it.throttles).reduce((sum, kind) => sum + (kind.rate ?? 0), 0);
    this.tiles.set("Throttled/s", rate(throttled), "all kinds", throttled);
    fill($("stream-throttles"), throttleRows(it.throttles), "none");
    fill($("consumers").tBodies[0], it.consumers.map(consumerRow), "No consumers: register one to have records pushed.");
    if (it.version === this.version) {
      this.rates = new Map(this.shards.map((shard, at) => [shard.id, it.shard_rates[at]]).filter(([, value]) => value !== null));
      this.ring.heat(this.rates);
      this.table.heat(this.rates);
    }
  }

  choose(id, focus) {
    const shard = this.shards.find((one) => one.id === id);
    if (!shard) return;
    this.picked = id;
    this.ring.choose(id);
    this.table.choose(id, focus);
    say($("shard-title"), shardName(id));
    const facts = {
      "First hash key": shard.from, "Last hash key": shard.to,
      State: shard.closed_ms === null ? "open" : `closed ${new Date(shard.closed_ms).toLocaleString()}`,
      Opened: new Date(shard.opened_ms).toLocaleString(),
      "Share of the hash space": percent(shard.end - shard.begin),
      Parents: shard.parents.map(shardName).join(", ") || "none", Children: shard.children.map(shardName).join(", ") || "none",
    };
    $("shard-facts").replaceChildren(...Object.entries(facts).map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text))));
    this.records.choose(this.stream, shard);
  }
}

function consumerRow(it) {
  const number = (text, hot) => ({ text, number: true, hot });
  const behind = it.behind_records ? `${count(it.behind_records)} records` : it.subscriptions ? "0" : "";
  const time = it.behind_ms ? ` (${micros(it.behind_ms * 1000)})` : "";
  return [
    { text: it.name }, { text: it.status.toLowerCase(), hot: it.status !== "ACTIVE", extra: true },
    number(it.subscriptions ? `${count(it.at_tip)} of ${count(it.subscriptions)}` : "none"),
    number(rate(it.records)), number(micros(it.latency?.p50_us)), number(micros(it.latency?.p99_us)),
    number(behind + time, it.behind_records > 1000),
  ];
}
