// The page's one event stream. It speaks to the rest of the page through events of the document.

import { probe } from "./api.js";

const KINDS = ["run", "steps", "logs", "removed", "workers", "sweep", "reset"];
const RETRY_MILLISECONDS = [500, 1000, 2000, 3000];
const OFFLINE_AFTER_MILLISECONDS = 3000;
const TOO_MANY = 429;

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
  #asking = null;

  /** `runs`: ids whose steps and logs are wanted, comma separated, or ""; `after`: the last event the page knows. */
  constructor({ runs, after }) {
    this.#runs = runs;
    this.#after = after;
  }

  get isOpen() {
    return this.#source !== null;
  }

  /** Begin, or go on, after the last event seen. */
  open() {
    this.close();
    this.#source = new EventSource(`/api/v1${this.#path}`);
    this.#source.onopen = () => this.#connected();
    this.#source.onerror = () => this.#failed();
    for (const kind of KINDS) this.#source.addEventListener(kind, (event) => this.#receive(kind, event));
  }

  close() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#source?.close();
    this.#source = null;
  }

  /** Have all that listen load again what they show, as after a lost connection. */
  refresh() {
    publish("state", { state: "live", returned: true });
  }

  get #path() {
    return `/events?after=${this.#after}${this.#runs ? `&runs=${this.#runs}` : ""}`;
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

  async #failed() {
    const isRefused = this.#source.readyState === EventSource.CLOSED;
    // The browser's own retry sends Last-Event-ID but gives up on an HTTP error, and is slow: ours covers both.
    this.close();
    this.#downSince ??= Date.now();
    let delay = RETRY_MILLISECONDS[Math.min(this.#failures, RETRY_MILLISECONDS.length - 1)];
    this.#failures += 1;
    let isCrowded = false;
    if (isRefused) {
      // An EventSource does not tell why; this request does, and leads to the sign-in where the session has ended.
      this.#asking = new AbortController();
      const { signal } = this.#asking;
      const error = await probe(this.#path, signal).catch((problem) => problem);
      if (signal.aborted) return;
      this.#asking.abort();
      isCrowded = error?.status === TOO_MANY;
      if (isCrowded) delay = Math.max(delay, 1000 * error.retrySeconds);
    }
    const isOffline = navigator.onLine === false || Date.now() - this.#downSince > OFFLINE_AFTER_MILLISECONDS;
    publish("state", { state: isCrowded ? "crowded" : isOffline ? "offline" : "reconnecting" });
    this.#timer = setTimeout(() => this.open(), delay);
  }
}

function publish(kind, detail) {
  document.dispatchEvent(new CustomEvent(`stream:${kind}`, { detail }));
}
