// What a shard carries: the tail of what it gets, and the form that puts a record into it.
import { $, el, say } from "./dom.js";
import { Feed, put } from "./feed.js";

const LINES_MAX = 200;

export class Records {
  constructor() {
    this.lines = [];
    this.feed = new Feed("tail", {
      records: (page) => this.add(page),
      gone: () => { this.follow(false); say($("tail-state"), "The shard is gone."); },
    }, (how) => say($("tail-state"), how === "open" ? "Following." : "Lost the server. Trying again."));
    $("follow").addEventListener("click", () => this.follow(!this.following));
    $("clear").addEventListener("click", () => { this.lines = []; this.shown = 0; this.soon(true); });
    $("form").addEventListener("change", () => this.soon(true));
    $("put").addEventListener("submit", (event) => { event.preventDefault(); this.put(); });
    $("put-here").addEventListener("click", () => { $("put-hash").value = this.shard?.from ?? ""; });
  }

  choose(stream, shard) {
    if (this.stream === stream && this.shard?.id === shard.id) { this.shard = shard; return; }
    this.stream = stream;
    this.shard = shard;
    this.lines = [];
    this.soon(true);
    if (this.following) this.follow(true);
  }

  leave() { this.follow(false); this.stream = this.shard = null; }

  /** Nothing comes until it is resumed. */
  rest() { this.feed.close(); }

  /** After the server, or who looks, came back. */
  resume() { if (this.following && this.shard) this.follow(true); }

  follow(on) {
    const was = this.following;
    this.following = on && Boolean(this.shard);
    $("follow").setAttribute("aria-pressed", this.following);
    say($("follow"), this.following ? "Pause" : "Follow");
    if (this.following) this.feed.open({ account: this.stream.account, name: this.stream.name, shard: this.shard.id });
    else { this.feed.close(); if (was) say($("tail-state"), "Paused: what comes meanwhile is not shown."); }
  }

  add({ skipped, records }) {
    if (skipped) this.lines.push({ skipped });
    this.lines.push(...records);
    this.lines.splice(0, this.lines.length - LINES_MAX);
    if (records.length || skipped) this.soon();
  }

  soon(anew) {
    this.anew ||= anew;
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  draw() {
    const host = $("tail");
    const atEnd = host.scrollTop + host.clientHeight >= host.scrollHeight - 24;
    if (this.anew) { host.replaceChildren(); this.lines.forEach((line) => { line.drawn = false; }); }
    this.anew = false;
    host.append(...this.lines.filter((line) => !line.drawn).map((line) => { line.drawn = true; return this.line(line); }));
    while (host.childElementCount > LINES_MAX) host.firstElementChild.remove();
    if (atEnd) host.scrollTop = host.scrollHeight;
  }

  line(it) {
    if (it.skipped) return el("div", { className: "skipped" }, `… ${it.skipped} skipped`);
    const time = new Date(it.arrived_ms).toISOString().slice(11, 23);
    const data = decoded(it.data, $("form").value === "hex") + (it.bytes > 512 ? " …" : "");
    return el("div", { title: `${it.sequence}, ${it.bytes} bytes` },
      el("time", {}, `${time}  `), `${it.key}  `, el("i", {}, `${it.bytes} B  `), data);
  }

  async put() {
    const out = $("put-result");
    const record = { account: this.stream.account, stream: this.stream.name, key: $("put-key").value,
      hash_key: $("put-hash").value.trim(), data: $("put-data").value, base64: $("put-base64").checked };
    try {
      const { ok, value } = await put(record);
      out.className = ok ? "good" : "bad";
      say(out, ok ? `In ${value.ShardId} as ${value.SequenceNumber}.` : `${value.error}: ${value.message}`);
    } catch (error) {
      out.className = "bad";
      say(out, `Not put: ${error.message}`);
    }
  }
}

/** Bytes as text, what cannot be shown as a dot; or in hexadecimal. */
function decoded(base64, hex) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (hex) return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return new TextDecoder().decode(bytes).replace(/[\u0000-\u001f\u007f\ufffd]/g, "·");
}
