// The page: what is shown is in the address (#/ or #/stream/ACCOUNT/NAME), what it shows comes by one feed.
import { $, el, say, since } from "./dom.js";
import { Feed, ask } from "./feed.js";
import { Overview } from "./overview.js";
import { StreamView } from "./stream.js";

const overview = new Overview((query) => listen(query));
const view = new StreamView();
let facts = null;
let here = { account: "", name: "" };
let filter = {};

const feed = new Feed("live", {
  overview: (data) => { state(data); if (data.totals) overview.show(data); },
  stream: (data) => view.show(data),
}, (how) => {
  document.body.classList.toggle("stale", how === "lost");
  $("lost").hidden = how !== "lost";
  if (how === "lost") {
    say($("lost"), `Lost the server at ${new Date().toLocaleTimeString()}. Trying again.`);
    badge("lost", "bad");
  } else {
    tellFacts();
    view.again();
  }
});

function badge(text, kind) { say($("state"), text); $("state").className = `badge ${kind}`; }

function state(data) {
  badge(data.ready ? "ready" : (data.why_not_ready ?? "starting"), data.ready ? "good" : "warn");
  if (!facts) tellFacts();
  else say($("facts").firstElementChild, summary());
}

const summary = () =>
  `${facts.version} · ${facts.durability} · ${facts.backend} · limits ${facts.limits} · up ${since(facts.started_ms)}`;

async function tellFacts() {
  try { facts = await ask("facts"); } catch { return; }
  const rows = {
    Endpoint: facts.endpoint, Admin: facts.admin, "Data directory": facts.data_dir, Durability: facts.durability,
    "Disk I/O": facts.backend, Limits: facts.limits, Region: facts.region, Account: facts.account,
    "Subscriptions last": `${facts.subscription_secs} s`, Started: new Date(facts.started_ms).toLocaleString(),
    Version: facts.version, Console: facts.access === "full" ? "records shown, puts allowed" : "figures only",
  };
  const pairs = Object.entries(rows).map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)));
  $("facts").lastElementChild.replaceChildren(...pairs);
  say($("facts").firstElementChild, summary());
  view.allow(facts.access === "full");
}

function listen(query = filter) {
  filter = query;
  const both = { ...query, ...here };
  feed.open(Object.fromEntries(Object.entries(both).filter(([, value]) => value)));
}

function route() {
  let [, kind, account, name] = location.hash.split("/");
  try { name = decodeURIComponent(name ?? ""); } catch { name = ""; }
  const isStream = kind === "stream" && Boolean(name);
  here = isStream ? { account: account === "own" ? "" : account, name } : { account: "", name: "" };
  $("overview").hidden = isStream;
  $("stream").hidden = !isStream;
  document.title = isStream ? `${name} – Fanlight console` : "Fanlight console";
  if (isStream) view.open(here); else view.close();
  listen();
}

const THEMES = { auto: "Auto: colours as the system has them", light: "Light colours", dark: "Dark colours" };

function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  say($("theme"), name[0].toUpperCase() + name.slice(1));
  $("theme").setAttribute("aria-label", THEMES[name]);
  try { localStorage.setItem("theme", name); } catch { /* not remembered, then */ }
  view.redraw();
}

$("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  theme(names[(names.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % names.length]);
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view.redraw());
addEventListener("hashchange", route);
// Nobody looks: nothing is asked.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { feed.close(); view.rest(); } else feed.open();
});

let remembered = "auto";
try { remembered = localStorage.getItem("theme") ?? "auto"; } catch { /* as the system, then */ }
theme(remembered in THEMES ? remembered : "auto");
route();
