// The page's one event stream. It speaks to the rest of the page through events of the document.

import { get } from "./api.js";

const KINDS = ["run", "steps", "logs", "removed", "workers"];
const RETRY_MILLISECONDS = [500, 1000, 2000, 3000];
const OFFLINE_AFTER_MILLISECONDS = 3000;

/** Call `handler` with the data of each event of `kind` ("state" too: the connection's), until `signal` aborts. */
export function listen(kind, handler, signal) {
  document.addEventListener(`stream:${kind}`, (event) => handler(event.detail), { signal });
}

/** Keeps one EventSource open, resuming after the last event seen, and says how the connection is. */
export class EventStream {
  #runs;
  #after;
  #source = null;
  #failures = 0;
  #downSince = null;
  #timer = null;

  /** `runs`: ids whose steps and logs are wanted, comma separated, or ""; `after`: the last event the page knows. */
  constructor({ runs, after }) {
    this.#runs = runs;
    this.#after = after;
  }

  open() {
    const query = new URLSearchParams({ after: this.#after });
    const named = this.#runs ? `&runs=${this.#runs}` : "";
    this.#source = new EventSource(`/api/v1/events?${query}${named}`);
    this.#source.onopen = () => this.#connected();
    this.#source.onerror = () => this.#failed();
    for (const kind of KINDS) this.#source.addEventListener(kind, (event) => this.#receive(kind, event));
    // Away for so long that the server no longer has all that happened: a fresh page knows it.
    this.#source.addEventListener("reset", () => location.reload());
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** Watch other runs from here on. */
  watch(runs) {
    if (runs === this.#runs) return;
    this.#runs = runs;
    this.close();
    this.open();
  }

  #receive(kind, event) {
    if (event.lastEventId) this.#after = event.lastEventId;
    publish(kind, JSON.parse(event.data));
  }

  #connected() {
    const returned = this.#downSince !== null;
    this.#failures = 0;
    this.#downSince = null;
    publish("state", { state: "live", returned });
  }

  #failed() {
    this.#downSince ??= Date.now();
    const offline = navigator.onLine === false || Date.now() - this.#downSince > OFFLINE_AFTER_MILLISECONDS;
    publish("state", { state: offline ? "offline" : "reconnecting" });
    // The browser's own retry sends Last-Event-ID but gives up on an HTTP error, and is slow: ours covers both.
    this.close();
    const delay = RETRY_MILLISECONDS[Math.min(this.#failures, RETRY_MILLISECONDS.length - 1)];
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#reopen(), delay);
  }

  async #reopen() {
    // An EventSource does not tell a lost session from a lost server; this request leads to the login page for the former.
    if (this.#failures > 1) await get("/workers").catch(() => null);
    this.open();
  }
}

function publish(kind, detail) {
  document.dispatchEvent(new CustomEvent(`stream:${kind}`, { detail }));
}
