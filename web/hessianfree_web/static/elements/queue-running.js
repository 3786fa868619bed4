// <queue-running>: the jobs under way, with how far they are.

import { get } from "../api.js";
import { listen } from "../events.js";
import { setText, show } from "./dom.js";
import { pageData } from "./page-data.js";
import { act } from "./queue-actions.js";
import { QueueRow } from "./queue-row.js";

const UNDER_WAY = ["running", "paused"];

class QueueRunning extends HTMLElement {
  #runs = new Map(pageData().running.map((run) => [run.id, run]));
  #workers = namesOf(pageData().workers);
  #rows = new Map();
  #frame = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    listen("run", (run) => this.#heard(run), signal);
    listen("removed", ({ run }) => this.#drop(run), signal);
    listen("state", ({ returned }) => returned && this.#fetch(), signal);
    document.addEventListener("workers:fetched", ({ detail }) => this.#name(detail), { signal });
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
    cancelAnimationFrame(this.#frame);
  }

  #heard(run) {
    if (run.kind !== "job") return;
    if (UNDER_WAY.includes(run.state)) this.#runs.set(run.id, run);
    else if (!this.#runs.delete(run.id)) return;
    this.#drawSoon();
  }

  #drop(id) {
    if (this.#runs.delete(id)) this.#drawSoon();
  }

  #name(workers) {
    this.#workers = namesOf(workers);
    this.#drawSoon();
  }

  async #fetch() {
    try {
      const { items } = await get("/runs?state=running,paused&archived=all&limit=200");
      this.#runs = new Map(items.filter((run) => run.kind === "job").map((run) => [run.id, run]));
      this.#drawSoon();
    } catch {
      // The stream has the same trouble, and the connection's state says so.
    }
  }

  #drawSoon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  #draw() {
    const body = this.querySelector("tbody");
    const runs = [...this.#runs.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const [index, run] of runs.entries()) {
      const row = this.#rows.get(run.id) ?? new QueueRow(this.#part("row"), (action, each) => act(this, action, each));
      this.#rows.set(run.id, row);
      row.showProgress(run, this.#workers.get(run.worker));
      if (body.rows[index] !== row.element) body.insertBefore(row.element, body.rows[index] ?? null);
    }
    for (const id of this.#rows.keys()) {
      if (this.#runs.has(id)) continue;
      this.#rows.get(id).element.remove();
      this.#rows.delete(id);
    }
    show(this.#part("none"), runs.length === 0);
    show(this.querySelector(".scroll"), runs.length > 0);
    setText(this.#part("count"), runs.length > 0 ? String(runs.length) : "");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

function namesOf(workers) {
  return new Map(workers.map((worker) => [worker.id, worker.name]));
}

customElements.define("queue-running", QueueRunning);
