// The server's events and answers. Where the server is gone the feed says so and comes back by itself.
const API = new URL("console/api/", document.baseURI);
const PAUSE_MIN = 1000;
const PAUSE_MAX = 5000;
// A feed that tells something every second and has not for so long hangs on a connection that is no more.
const SILENCE_MAX = 10_000;

const address = (path, query) => {
  const url = new URL(path, API);
  url.search = new URLSearchParams(query);
  return url;
};

export async function ask(path, query = {}) {
  const answer = await fetch(address(path, query));
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.message);
  return value;
}

/** Puts a record; answers what the service answers, an error included. */
export async function put(record) {
  const answer = await fetch(address("put"), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(record),
  });
  return { ok: answer.ok, value: await answer.json() };
}

export class Feed {
  /** `handlers`: by event's name; `onState` is told "open" and "lost". */
  constructor(path, handlers, onState) { Object.assign(this, { path, handlers, onState, pause: PAUSE_MIN }); }

  open(query = this.query) {
    this.close();
    this.query = query;
    const source = this.source = new EventSource(address(this.path, query));
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        this.listen();
        handle(JSON.parse(event.data));
      });
    }
    source.addEventListener("open", () => { this.pause = PAUSE_MIN; this.onState("open"); this.listen(); });
    source.addEventListener("error", () => { if (this.source === source) this.lose(); });
  }

  listen() {
    clearTimeout(this.timer);
    if (this.path === "live") this.timer = setTimeout(() => this.lose(), SILENCE_MAX);
  }

  lose() {
    this.close();
    this.onState("lost");
    this.timer = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(this.pause * 1.5, PAUSE_MAX);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
