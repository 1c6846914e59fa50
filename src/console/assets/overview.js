// The first page: tiles of the whole server, throttles, and the streams, a page at a time.
import { $, Tiles, bytes, count, fill, micros, rate, say } from "./dom.js";

/** Rows of a table of throttles. */
export function throttleRows(throttles) {
  return Object.entries(throttles).map(([kind, it]) => [
    { text: kind }, { text: rate(it.rate), number: true, hot: it.rate > 0 }, { text: it.total === null ? "" : count(it.total), number: true },
  ]);
}

export class Overview {
  /** `listen` is told which streams are wanted. */
  constructor(listen) {
    this.tiles = new Tiles($("tiles"));
    this.offset = 0;
    const turn = (by) => { this.offset = Math.max(0, this.offset + by * this.page); listen(this.query()); };
    $("previous").addEventListener("click", () => turn(-1));
    $("next").addEventListener("click", () => turn(1));
    $("filter").addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => { this.offset = 0; listen(this.query()); }, 250);
    });
  }

  query() { return { q: $("filter").value.trim(), offset: this.offset }; }

  show({ totals: it, throttles, streams }) {
    const latency = (name, of) => this.tiles.set(name, micros(of?.p50_us), `p99 ${micros(of?.p99_us)}`, of?.p50_us);
    this.tiles.set("Records in/s", rate(it.records_in), `${bytes(it.bytes_in)}/s`, it.records_in);
    this.tiles.set("Pushed/s", rate(it.pushed), `${bytes(it.pushed_bytes)}/s`, it.pushed);
    latency("Put to push, p50", it.put_to_push);
    latency("Commit, p50", it.commit);
    latency("Push, p50", it.push);
    this.tiles.set("Subscriptions", count(it.subscriptions), it.connections === null ? `${rate(it.commits)} commits/s` : `${count(it.connections)} connections`, it.subscriptions);
    this.tiles.set("Throttled/s", rate(it.throttled), `${rate(it.pulled)} pulled/s`, it.throttled);
    this.tiles.set("Data on disk", bytes(it.data_bytes), it.disk_free_bytes ? `${bytes(it.disk_free_bytes)} free` : `${bytes(it.tail_bytes)} in memory`, it.data_bytes);
    fill($("throttles"), throttleRows({ ...throttles, "control plane": { rate: it.calls_throttled, total: null } }), "none");
    this.list(streams);
  }

  list({ count: all, looked_through: seen, matching, offset, page, rows }) {
    this.page = page;
    say($("stream-count"), matching === all ? count(all) : `${count(matching)} of ${count(all)}`);
    const number = (text, hot) => ({ text, number: true, hot });
    fill($("streams").tBodies[0], rows.map((it) => [
      { text: it.account ? `${it.account} / ${it.name}` : it.name, href: `#/stream/${it.account || "own"}/${encodeURIComponent(it.name)}` },
      { text: it.status.toLowerCase(), hot: it.status !== "ACTIVE", extra: true },
      number(count(it.open)), { ...number(count(it.consumers)), extra: true }, number(rate(it.records_in)),
      { ...number(bytes(it.bytes_in)), extra: true }, number(rate(it.pushed)), number(rate(it.throttled), it.throttled > 0),
    ]), all ? "No stream’s name holds that." : "No streams yet: create one with any AWS SDK.");
    $("streams-note").hidden = seen === all;
    say($("streams-note"), `The first ${count(seen)} streams are looked through.`);
    $("pager").hidden = matching <= page;
    say($("page"), `${offset + 1}–${offset + rows.length}`);
    $("previous").disabled = offset === 0;
    $("next").disabled = offset + rows.length >= matching;
  }
}
