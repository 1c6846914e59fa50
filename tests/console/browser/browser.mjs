// The console in Chromium. `node browser.mjs PART ADDRESS`: one part of the judgement, its verdict in JSON on
// the last line. Pictures go to the directory PICTURES names.
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [part, address] = process.argv.slice(2);
const base = `http://${address}/console`;
const pictures = process.env.PICTURES;
const patience = Number(process.env.PATIENCE ?? 1);
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];

const failures = [];
const check = (holds, what) => { if (!holds) failures.push(what); };
const until = async (what, look, secs = 30) => {
  const deadline = Date.now() + secs * 1000 * patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((again) => setTimeout(again, 100));
  }
};

/** A page that notes whatever goes wrong. */
async function open(browser, { size = "desktop", scheme = "light", hash = "", quiet = false, file = null } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: scheme, deviceScaleFactor: size === "phone" ? 2 : 1,
    hasTouch: size === "phone", isMobile: size === "phone", reducedMotion: "reduce" });
  const page = await context.newPage();
  const note = (what) => { if (!quiet) failures.push(`${size} ${scheme} ${hash || "#/"}: ${what}`); };
  page.on("console", (said) => { if (["error", "warning"].includes(said.type())) note(`console: ${said.text()}`); });
  page.on("pageerror", (error) => note(`error: ${error.message}`));
  page.on("response", (answer) => { if (answer.status() >= 400) note(`${answer.status()} ${answer.url()}`); });
  // A feed that the page itself closes is no failure.
  page.on("requestfailed", (request) => { if (request.failure()?.errorText !== "net::ERR_ABORTED") note(`failed: ${request.url()}`); });
  await page.addInitScript(() => {
    window.longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((it) => { window.longest = Math.max(window.longest, it.duration); }))
      .observe({ type: "longtask", buffered: true });
    document.addEventListener("securitypolicyviolation", (it) => console.error(`policy: ${it.violatedDirective} ${it.blockedURI}`));
  });
  await page.goto(file ? pathToFileURL(file).href : base + hash);
  return page;
}

const tile = (page, name) => page.locator(".tile:visible", { hasText: name }).locator("b").textContent();
const picture = (page, name, full = true) => page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: full });

async function fits(page, where) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  check(inner <= outer, `${where}: ${inner} pixels wide, ${outer} are there`);
}

async function accessible(page, where) {
  // Playwright's own evaluation is not bound by the page's policy.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const it of violations.filter(({ impact }) => ["serious", "critical", "moderate"].includes(impact))) {
    failures.push(`${where}: axe ${it.id} (${it.impact}): ${it.nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
  }
}

/** Goes through the page with the tab key: everything that can be used is reached, and seen to be. */
async function tabbed(page, where) {
  await page.evaluate(() => { document.activeElement?.blur(); window.scrollTo(0, 0); window.reached = new Set(); });
  const wanted = () => page.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
    window.wanted = all.filter((it) => it.tabIndex >= 0 && !it.disabled && it.checkVisibility({ visibilityProperty: true }));
    return window.wanted.length;
  });
  const count = await wanted();
  check(count > 5, `${where}: only ${count} elements can be used`);
  for (let at = 0; at < count + 10; at += 1) {
    await page.keyboard.press("Tab");
    const unseen = await page.evaluate(() => {
      const here = document.activeElement;
      window.reached.add(here);
      const style = getComputedStyle(here);
      return here !== document.body && (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1) && here.outerHTML.slice(0, 80);
    });
    check(!unseen, `${where}: the focus is not seen on ${unseen}`);
  }
  await wanted();
  const missed = await page.evaluate(() => window.wanted.filter((it) => !window.reached.has(it)).map((it) => it.outerHTML.slice(0, 100)));
  check(missed.length === 0, `${where}: not reached by tab: ${missed.join(" ")}`);
}

/** What is live goes on changing while a load runs. */
async function changes(page, names, where) {
  const seen = new Set();
  await until(`${where}: figures that change`, async () => {
    const figures = await Promise.all(names.map((name) => tile(page, name)));
    if (!figures.includes("–")) seen.add(figures.join());
    return seen.size >= 3;
  });
}

async function look(browser) {
  for (const [size, scheme] of [["desktop", "light"], ["desktop", "dark"], ["phone", "light"], ["phone", "dark"]]) {
    const where = `${size}-${scheme}`;
    const page = await open(browser, { size, scheme });
    await until("records a second", async () => parseFloat(await tile(page, "Records in/s").catch(() => "0")) > 0);
    await changes(page, ["Records in/s", "Pushed/s", "Put to push"], where);
    // A line needs some past to be one.
    await until("a line of figures", async () => (await page.locator(".tile path").first().getAttribute("d"))?.length > 60);
    await fits(page, where);
    await accessible(page, where);
    await picture(page, `console-${where}-overview`);
    if (scheme === "light") await tabbed(page, `${where} overview`);

    await page.getByRole("link", { name: "orders", exact: true }).click();
    await until("the consumers", async () => (await page.locator("#consumers tbody tr").count()) > 1);
    await until("records for a consumer", async () => (await page.locator("#consumers tbody tr td:nth-child(4)").allTextContents()).some((it) => parseFloat(it) > 0));
    await until("a median latency", async () => /[µm]s/.test((await page.locator("#consumers tbody tr td:nth-child(5)").allTextContents()).join()));
    await page.locator("#follow").click();
    await until("lines of the tail", async () => (await page.locator("#tail div").count()) > 3);
    await fits(page, `${where} stream`);
    await accessible(page, `${where} stream`);
    await picture(page, `console-${where}-stream`);
    if (scheme === "light") await tabbed(page, `${where} stream`);
    if (where === "desktop-light") await used(page);
    await page.context().close();
  }
}

/** The controls do what they say. */
async function used(page) {
  const markup = "<img src=x onerror=alert(1)>";
  await page.locator("#put-key").fill(markup);
  await page.locator("#put-data").fill(markup);
  await page.locator("#put-here").click();
  await page.locator("#put button[type=submit]").click();
  await until("the put", async () => (await page.locator("#put-result").textContent()).includes(" as 4"));
  // On a busy machine a look comes late and skips what came before: the record is put again, then.
  await until("the record in the tail", async () => {
    await page.locator("#put button[type=submit]").click();
    await page.waitForTimeout(500);
    return (await page.locator("#tail").textContent()).includes(markup);
  });
  check((await page.locator("#tail img").count()) === 0, "a record's data became markup");
  await page.locator("#put-hash").fill("9".repeat(39));
  const refused = page.waitForEvent("console", { timeout: 5000 }).catch(() => null);
  await page.locator("#put button[type=submit]").click();
  await until("the refusal", async () => (await page.locator("#put-result").textContent()).includes("InvalidArgumentException"));
  await refused;
  // The browser itself tells of answers above 399: this one was asked for.
  for (let at = failures.length - 1; at >= 0; at -= 1) if (/400|Bad Request/.test(failures[at])) failures.splice(at, 1);

  await page.locator("#follow").click();
  const before = await page.locator("#shard-title").textContent();
  await page.locator("#ring").focus();
  await page.keyboard.press("ArrowRight");
  check(before !== await page.locator("#shard-title").textContent(), "the arrow keys do not go around the ring");
  check((await page.locator("#ring").getAttribute("aria-valuetext")).includes("of the hash space"), "the ring does not say where it is");
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await page.locator("#theme").click();
  await page.locator("#theme").click();
  check(light !== await colour(), "the theme does not change");
}

/** How long a frame and a little work take at worst where there is nothing to show: the machine's own share. */
async function hiccup(browser) {
  const page = await browser.newPage();
  const worst = await page.evaluate(async () => {
    let worst = 0;
    for (let at = 0; at < 120; at += 1) {
      const begun = performance.now();
      for (let turn = 0; turn < 200_000; turn += 1) Math.sqrt(turn);
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      worst = Math.max(worst, performance.now() - begun);
    }
    return worst;
  });
  await page.close();
  return worst;
}

async function many(browser) {
  // Who shares a core with others waits for it, whatever the page does.
  const own = await hiccup(browser);
  const bound = (millis) => millis * patience + 3 * own;
  for (const size of ["desktop", "phone"]) {
    const page = await open(browser, { size, hash: "#/stream/own/many" });
    await page.waitForFunction(() => document.querySelectorAll("#shards [role=row]").length > 8, null, { timeout: 60_000 });
    const ready = await page.evaluate(() => performance.now());
    check(ready < bound(2000), `${size}: 1,000 shards took ${Math.round(ready)} ms to come`);
    await until("rates", async () => /\d/.test((await page.locator("#shards .window .n").allTextContents()).join()));
    const scroll = await page.evaluate(async () => {
      const host = document.querySelector(".window");
      const times = [];
      for (let at = 0; at <= 60; at += 1) {
        const begun = performance.now();
        host.scrollTop = (host.scrollHeight - host.clientHeight) * at / 60;
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        times.push(performance.now() - begun);
      }
      const last = [...host.querySelectorAll("button")].map((it) => it.textContent).sort().pop();
      return { rows: host.querySelectorAll("[role=row]").length, last, worst: Math.max(...times) };
    });
    check(scroll.rows < 60, `${size}: ${scroll.rows} rows exist at once`);
    check(scroll.last.endsWith("1003"), `${size}: the last row is ${scroll.last}`);
    check(scroll.worst < bound(200), `${size}: a step of scrolling took ${Math.round(scroll.worst)} ms`);
    const box = await page.locator("#ring").boundingBox();
    for (let at = 0; at < 40; at += 1) {
      await page.mouse.move(box.x + box.width / 2 * (1 + 0.93 * Math.cos(at / 6)), box.y + box.height / 2 * (1 + 0.93 * Math.sin(at / 6)));
    }
    const longest = await page.evaluate(() => window.longest);
    check(longest < bound(200), `${size}: a task of ${Math.round(longest)} ms`);
    await page.evaluate(() => document.querySelector(".window").scrollTo(0, 0));
    await fits(page, `${size} many`);
    await picture(page, `console-${size}-1000-shards`);
    console.log(`${size}: 1,000 shards in ${Math.round(ready)} ms, longest task ${Math.round(longest)} ms, worst step of scrolling ${Math.round(scroll.worst)} ms; an empty page ${Math.round(own)} ms`);
    await page.context().close();
  }
}

/** The server goes and comes back; the page is told when by the lines this prints. */
async function restart(browser) {
  const page = await open(browser, { hash: "#/stream/own/orders", quiet: true });
  const state = () => page.locator("#state").textContent();
  await until("a ready server", async () => (await state()) === "ready");
  console.log("stop");
  await until("the loss to be told", async () => page.locator("#lost").isVisible());
  await picture(page, "console-desktop-lost", false);
  console.log("start");
  await until("the server again", async () => (await state()) === "ready" && !(await page.locator("#lost").isVisible()), 60);
  const before = await page.locator("#stream-facts").textContent();
  await until("the stream again", async () => before.includes("active"));
}

async function report(browser) {
  for (const size of ["desktop", "phone"]) {
    const page = await open(browser, { size, file: address });
    await page.waitForLoadState();
    await fits(page, `report ${size}`);
    await picture(page, `report-${size}`);
    await page.context().close();
  }
}

fs.mkdirSync(pictures, { recursive: true });
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "console-browser-"));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, env: { ...process.env, HOME: profile } });
try {
  await { look, many, restart, report }[part](browser);
} catch (error) {
  failures.push(String(error.stack ?? error));
} finally {
  await browser.close();
  fs.rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify({ ok: failures.length === 0, part, failures }));
process.exitCode = failures.length ? 1 : 0;
