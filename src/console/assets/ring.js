// The hash ring on a canvas: open shards outside, closed generations within. Drawn at most once a frame,
// whatever comes; a thousand arcs take a few milliseconds.
import { $, count, percent, rate, shardName } from "./dom.js";

const LEVELS_MAX = 6;
const TURN = 2 * Math.PI;

/** How many generations below each shard there are; open ones have none. */
export function levels(shards) {
  const level = new Map();
  // Children have higher ids than their parents: from the last one on, all children are known.
  for (let at = shards.length - 1; at >= 0; at -= 1) {
    const below = shards[at].children.map((id) => level.get(id) ?? -1);
    level.set(shards[at].id, shards[at].closed_ms === null ? 0 : Math.min(LEVELS_MAX, 1 + Math.max(0, ...below)));
  }
  return level;
}

export class Ring {
  /** `pick` is told the id of the shard that was chosen. */
  constructor(pick) {
    this.canvas = $("ring");
    this.shards = [];
    this.rates = new Map();
    this.pick = pick;
    this.canvas.addEventListener("pointermove", (event) => this.hover(this.at(event)));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => { const id = this.at(event); if (id !== null) pick(id); });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }

  set(shards) {
    this.shards = shards;
    this.level = levels(shards);
    this.byId = new Map(shards.map((shard) => [shard.id, shard]));
    this.depth = Math.max(0, ...this.level.values());
    // The way the arrow keys go: around the outer ring, then around the next one.
    this.order = [...shards].sort((a, b) => this.level.get(a.id) - this.level.get(b.id) || a.begin - b.begin || a.id - b.id);
    this.place = new Map(this.order.map((shard, at) => [shard.id, at]));
    this.open = shards.filter((shard) => shard.closed_ms === null).length;
    this.hovered = null;
    this.canvas.setAttribute("aria-valuemax", Math.max(0, shards.length - 1));
    this.redraw();
  }

  /** The strongest colour is the busiest shard's. */
  heat(rates) { this.rates = rates; this.top = Math.max(1, ...rates.values()); this.redraw(); }

  choose(id) {
    this.picked = id;
    const shard = this.byId?.get(id);
    this.canvas.setAttribute("aria-valuenow", this.place?.get(id) ?? 0);
    this.canvas.setAttribute("aria-valuetext", shard ? this.words(shard) : "none");
    this.redraw();
  }

  words(shard) {
    const state = shard.closed_ms === null ? "open" : "closed";
    return `${shardName(shard.id)}, ${state}, ${percent(shard.begin)} to ${percent(shard.end)} of the hash space`;
  }

  hover(id) { if (id !== this.hovered) { this.hovered = id; this.redraw(); } }

  key(event) {
    const last = this.order.length - 1;
    const at = this.place.get(this.picked) ?? 0;
    const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + 10, PageUp: at - 10 };
    if (!(event.key in steps) || last < 0) return;
    event.preventDefault();
    const wrapped = event.key.startsWith("Arrow") ? (steps[event.key] + last + 1) % (last + 1) : steps[event.key];
    this.pick(this.order[Math.max(0, Math.min(last, wrapped))].id);
  }

  /** Radius and width of a level's ring. */
  band(level) {
    const outer = this.size / 2 - 8;
    const first = this.size * 0.085;
    const rest = Math.min(this.size * 0.05, (outer - first - this.size * 0.17) / Math.max(1, this.depth));
    return level === 0 ? [outer - first / 2, first] : [outer - first - rest * (level - 0.5) - 2, rest - 2];
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    const distance = Math.hypot(x, y);
    const turn = ((Math.atan2(y, x) + TURN / 4 + TURN) % TURN) / TURN;
    const hit = this.shards.filter((shard) => {
      const [radius, width] = this.band(this.level.get(shard.id));
      return Math.abs(distance - radius) <= width / 2 + 1 && shard.begin <= turn && turn <= shard.end;
    });
    return hit.length ? hit[hit.length - 1].id : null;
  }

  redraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  draw() {
    const side = this.canvas.clientWidth;
    if (!side || !this.level) return;
    this.size = side;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(side * scale)) this.canvas.width = this.canvas.height = Math.round(side * scale);
    const style = getComputedStyle(document.documentElement);
    const colour = Object.fromEntries(["idle", "accent", "closed", "pick", "ink", "dim"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, side * scale / 2, side * scale / 2);
    pen.clearRect(-side, -side, 2 * side, 2 * side);
    const family = this.family(this.hovered ?? this.picked);
    for (const shard of this.shards) this.arc(pen, shard, colour, family);
    this.middle(pen, colour);
  }

  /** Parents and children of a shard: its lineage by one step. */
  family(id) {
    const shard = this.byId.get(id);
    return new Set(shard ? [...shard.parents, ...shard.children] : []);
  }

  arc(pen, shard, colour, family) {
    const level = this.level.get(shard.id);
    const [radius, width] = this.band(level);
    const gap = Math.min(0.75 / radius, (shard.end - shard.begin) * TURN * 0.12);
    const [begin, end] = [shard.begin * TURN - TURN / 4 + gap, shard.end * TURN - TURN / 4 - gap];
    const stroke = (style, alpha) => {
      pen.globalAlpha = alpha;
      pen.strokeStyle = style;
      pen.beginPath();
      pen.arc(0, 0, radius, begin, end);
      pen.stroke();
    };
    pen.lineWidth = width;
    if (level) stroke(colour.closed, 0.75);
    else {
      stroke(colour.idle, 1);
      const heat = (this.rates.get(shard.id) ?? 0) / (this.top ?? 1);
      if (heat > 0) stroke(colour.accent, 0.15 + 0.85 * Math.sqrt(heat));
    }
    if (family.has(shard.id)) stroke(colour.pick, 0.45);
    if (shard.id !== this.picked && shard.id !== this.hovered) return;
    // Its edges, so that the strength of its colour stays to be seen.
    pen.globalAlpha = 1;
    pen.strokeStyle = colour.pick;
    pen.lineWidth = 3;
    pen.beginPath();
    pen.arc(0, 0, radius + width / 2 - 1.5, begin, end);
    pen.arc(0, 0, radius - width / 2 + 1.5, end, begin, true);
    pen.closePath();
    pen.stroke();
  }

  middle(pen, colour) {
    pen.globalAlpha = 1;
    pen.textAlign = "center";
    const shard = this.byId.get(this.hovered);
    const lines = shard
      ? [`shard ${shard.id}`, shard.closed_ms === null ? `${rate(this.rates.get(shard.id))} records/s` : "closed"]
      : [`${count(this.open)} open`, this.shards.length > this.open ? `${count(this.shards.length - this.open)} closed` : "none closed"];
    const font = getComputedStyle(document.body).fontFamily;
    pen.fillStyle = colour.ink;
    pen.font = `600 ${Math.round(this.size * 0.047)}px ${font}`;
    pen.fillText(lines[0], 0, 0);
    pen.fillStyle = colour.dim;
    pen.font = `${Math.round(this.size * 0.036)}px ${font}`;
    pen.fillText(lines[1], 0, this.size * 0.058);
  }
}
