// <worker-list>: a card a worker; those that have gone are folded away.

import { get } from "../api.js";
import { listen } from "../events.js";
import { setText, show } from "./dom.js";
import { pageData } from "./page-data.js";
import { showHeld, showLoad, workerCard } from "./worker-card.js";

const LOOK_MILLISECONDS = 3_000; // heartbeats are no events: when a worker was last seen, and its load, have to be asked for

class WorkerList extends HTMLElement {
  #workers = pageData().workers;
  #runs = new Map(pageData().running.map((run) => [run.id, run]));
  #drawn = "";
  #timer = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    listen("workers", () => this.#fetch(), signal);
    listen("run", (run) => this.#update(run), signal);
    listen("state", ({ returned }) => returned && this.#fetch(), signal);
    this.#timer = setInterval(() => document.hidden || this.#fetch(), LOOK_MILLISECONDS);
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearInterval(this.#timer);
  }

  async #fetch() {
    try {
      this.#workers = (await get("/workers")).items;
      document.dispatchEvent(new CustomEvent("workers:fetched", { detail: this.#workers }));
      this.#draw();
    } catch {
      // The stream has the same trouble, and the connection's state says so.
    }
  }

  #update(run) {
    this.#runs.set(run.id, run);
    for (const item of this.querySelectorAll(`[data-run="${CSS.escape(run.id)}"]`)) showHeld(item, run);
  }

  /** New cards only where more has changed than load and when a worker was seen: focus and selection stay where they are. */
  #draw() {
    const content = JSON.stringify(this.#workers.map((worker) => ({ ...worker, last_seen_at: null, load: null })));
    if (content !== this.#drawn) {
      this.#drawn = content;
      const gone = this.#workers.filter((worker) => worker.state === "gone");
      const here = this.#workers.filter((worker) => worker.state !== "gone");
      for (const [part, workers] of [["cards", here], ["gone", gone]]) {
        this.#part(part).replaceChildren(...workers.map((worker) => workerCard(worker, (id) => this.#runs.get(id))));
      }
      show(this.#part("empty"), here.length === 0);
      show(this.#part("gone-fold"), gone.length > 0);
      setText(this.#part("gone-title"), gone.length === 1 ? "One worker has gone" : `${gone.length} workers have gone`);
    }
    for (const worker of this.#workers) {
      const card = this.querySelector(`[data-worker="${CSS.escape(worker.id)}"]`);
      card.querySelector("footer moment-text").setAttribute("at", worker.last_seen_at);
      showLoad(card, worker);
    }
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("worker-list", WorkerList);
