// The table of shards: only the rows in sight exist, however many shards there are.
import { $, count, el, percent, rate, say, shardName } from "./dom.js";

const ROW = 36;
const SPARE = 4;

export class Shards {
  constructor(pick) {
    this.pick = pick;
    this.rows = [];
    this.pool = [];
    this.rates = new Map();
    const heads = [["Shard", ""], ["Range", ""], ["Rec/s", "n"], ["State", "extra"], ["Lineage", "extra"]];
    const head = el("div", { role: "row" }, ...heads.map(([text, kind]) => el("div", { role: "columnheader", className: kind }, text)));
    this.inner = el("div", { role: "presentation" });
    this.window = el("div", { className: "window", role: "rowgroup", tabIndex: 0, "aria-label": "Rows of shards" }, this.inner);
    $("shards").append(el("div", { role: "rowgroup" }, head), this.window);
    this.window.addEventListener("scroll", () => this.soon());
    this.window.addEventListener("keydown", (event) => this.key(event));
    $("open-only").addEventListener("change", () => this.set(this.all));
  }

  set(all) {
    this.all = all;
    this.rows = $("open-only").checked ? all.filter((shard) => shard.closed_ms === null) : all;
    this.place = new Map(this.rows.map((shard, at) => [shard.id, at]));
    $("shards").setAttribute("aria-rowcount", this.rows.length + 1);
    say($("shard-count"), count(this.rows.length));
    this.inner.style.height = `${this.rows.length * ROW}px`;
    this.window.classList.toggle("few", this.rows.length < 10);
    this.soon();
  }

  heat(rates) { this.rates = rates; this.soon(); }

  choose(id, focus) {
    this.picked = id;
    const at = this.place?.get(id);
    if (at !== undefined) {
      const { scrollTop, clientHeight } = this.window;
      if (at * ROW < scrollTop) this.window.scrollTop = at * ROW;
      else if ((at + 1) * ROW > scrollTop + clientHeight) this.window.scrollTop = (at + 1) * ROW - clientHeight;
    }
    this.focus = focus;
    this.soon();
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !this.rows.length) return;
    event.preventDefault();
    const at = (this.place.get(this.picked) ?? -step) + step;
    this.pick(this.rows[Math.max(0, Math.min(this.rows.length - 1, at))].id, true);
  }

  soon() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  draw() {
    const first = Math.max(0, Math.floor(this.window.scrollTop / ROW) - SPARE);
    const seen = Math.ceil((this.window.clientHeight || 10 * ROW) / ROW) + 2 * SPARE;
    const shown = this.rows.slice(first, first + seen);
    while (this.pool.length > shown.length) this.pool.pop().row.remove();
    while (this.pool.length < shown.length) this.pool.push(this.make());
    // One of the buttons is in the order of tabs: the chosen one, or the first.
    const tab = shown.some((shard) => shard.id === this.picked) ? this.picked : shown[0]?.id;
    shown.forEach((shard, at) => this.put(this.pool[at], shard, first + at, shard.id === tab));
    this.focus = false;
  }

  make() {
    const parts = { button: el("button", { className: "link mono", type: "button" }), bar: el("i"), rate: el("div", { role: "cell", className: "n" }),
      state: el("div", { role: "cell", className: "extra" }), lineage: el("div", { role: "cell", className: "extra dim" }) };
    parts.range = el("span", { className: "range", role: "img" }, parts.bar);
    parts.row = el("div", { role: "row" }, el("div", { role: "cell" }, parts.button), el("div", { role: "cell" }, parts.range), parts.rate, parts.state, parts.lineage);
    parts.button.addEventListener("click", () => this.pick(parts.id));
    this.inner.append(parts.row);
    return parts;
  }

  put(parts, shard, at, isTab) {
    const isOpen = shard.closed_ms === null;
    parts.id = shard.id;
    parts.row.style.top = `${at * ROW}px`;
    parts.row.setAttribute("aria-rowindex", at + 2);
    parts.row.classList.toggle("picked", shard.id === this.picked);
    say(parts.button, shardName(shard.id));
    parts.button.tabIndex = isTab ? 0 : -1;
    parts.button.setAttribute("aria-pressed", shard.id === this.picked);
    if (this.focus && shard.id === this.picked) parts.button.focus({ preventScroll: true });
    parts.bar.style.left = `${Math.min(99, shard.begin * 100)}%`;
    parts.bar.style.width = `${(shard.end - shard.begin) * 100}%`;
    parts.range.classList.toggle("closed", !isOpen);
    parts.range.setAttribute("aria-label", `${percent(shard.begin)} to ${percent(shard.end)}`);
    say(parts.rate, isOpen ? rate(this.rates.get(shard.id)) : "");
    say(parts.state, isOpen ? "open" : "closed");
    const from = shard.parents.length ? `from ${shard.parents.join(" + ")}` : "";
    say(parts.lineage, [from, shard.children.length ? `to ${shard.children.join(", ")}` : ""].filter(Boolean).join(", "));
  }
}
