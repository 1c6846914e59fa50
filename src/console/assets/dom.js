// Elements and numbers as text. Whatever users named or sent goes into text nodes, never into markup.
export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && name !== "role") element[name] = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Sets a text only where it changed: what is selected stays so. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes a table body's rows those of `rows`; each row is an array of cells, kept and changed in place. */
export function fill(body, rows, empty) {
  const wanted = rows.length ? rows : [[{ text: empty, span: 99, dim: true }]];
  while (body.rows.length > wanted.length) body.deleteRow(-1);
  wanted.forEach((cells, at) => {
    const row = body.rows[at] ?? body.insertRow();
    while (row.cells.length > cells.length) row.deleteCell(-1);
    cells.forEach((cell, column) => put(row.cells[column] ?? row.insertCell(), cell));
  });
}

function put(td, cell) {
  td.className = [cell.number ? "n" : "", cell.hot ? "hot" : "", cell.dim ? "dim" : "", cell.extra ? "extra" : ""].join(" ").trim();
  td.colSpan = cell.span ?? 1;
  if (!cell.href) return say(td, cell.text);
  const link = td.querySelector("a") ?? td.appendChild(el("a"));
  if (td.childNodes.length > 1) td.replaceChildren(link);
  if (link.getAttribute("href") !== cell.href) link.setAttribute("href", cell.href);
  say(link, cell.text);
}

const NONE = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const known = (value) => value !== null && value !== undefined;

export function count(value) {
  if (!known(value)) return NONE;
  return value >= 1e7 ? `${(value / 1e6).toFixed(1)} M` : whole.format(value);
}

export function rate(value) {
  if (!known(value)) return NONE;
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

export function bytes(value) {
  if (!known(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) { value /= 1024; at += 1; }
  return `${at && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

export function micros(value) {
  if (!known(value)) return NONE;
  if (value < 1000) return `${Math.round(value)} µs`;
  return value < 1e6 ? `${(value / 1000).toFixed(value < 1e4 ? 1 : 0)} ms` : `${(value / 1e6).toFixed(1)} s`;
}

export function since(ms) {
  const secs = Math.max(0, Math.floor((Date.now() - ms) / 1000));
  const [days, hours, minutes] = [Math.floor(secs / 86400), Math.floor(secs / 3600) % 24, Math.floor(secs / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${secs % 60} s` : `${secs} s`;
}

export const shardName = (id) => `shardId-${String(id).padStart(12, "0")}`;
export const percent = (part) => `${(part * 100).toFixed(part > 0 && part < 0.01 ? 3 : 1)} %`;

/** A row of tiles: each a name, a value, a second line, and the last minute as a line. */
export class Tiles {
  constructor(host) { this.host = host; this.tiles = new Map(); }

  clear() { this.host.replaceChildren(); this.tiles.clear(); }

  set(name, value, second, level) {
    const tile = this.tiles.get(name) ?? this.add(name);
    say(tile.value, value);
    say(tile.second, second);
    if (level === undefined || level === null) return;
    tile.past.push(level);
    if (tile.past.length > 60) tile.past.shift();
    const top = Math.max(...tile.past, 1e-9);
    const point = (past, at) => `${at ? "L" : "M"}${60 - tile.past.length + at} ${(25 - 22 * (past / top)).toFixed(1)}`;
    tile.path.setAttribute("d", tile.past.map(point).join(""));
  }

  add(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 59 26");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const path = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
    const [value, second] = [el("b"), el("span")];
    this.host.append(el("div", { className: "tile" }, el("span", {}, name), value, second, svg));
    const tile = { value, second, path, past: [] };
    this.tiles.set(name, tile);
    return tile;
  }
}
