// <worker-list>: a card a worker: what it is, what it has, what it is doing.

import { get } from "../api.js";
import { listen } from "../events.js";
import { formatBytes, formatCount } from "../lib/numbers.js";
import { fractionDone } from "../lib/states.js";
import { icon, make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

const STATES = { idle: "Idle", busy: "Busy", gone: "Gone" };
const LOOK_MILLISECONDS = 10_000; // heartbeats are no events: when a worker was last seen has to be asked for

class WorkerList extends HTMLElement {
  #workers = pageData().workers;
  #runs = new Map(pageData().runs.map((run) => [run.id, run]));
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
      this.#draw();
    } catch {
      // The stream has the same trouble, and the connection's state says so.
    }
  }

  #update(run) {
    this.#runs.set(run.id, run);
    for (const item of this.querySelectorAll(`[data-run="${CSS.escape(run.id)}"]`)) this.#fill(item, run);
  }

  /** New cards only where more has changed than when a worker was seen: focus and selection stay where they are. */
  #draw() {
    const content = JSON.stringify(this.#workers.map((worker) => ({ ...worker, last_seen_at: null })));
    const seen = this.querySelectorAll("moment-text");
    this.#workers.forEach((worker, place) => seen[place]?.setAttribute("at", worker.last_seen_at));
    if (content === this.#drawn) return;
    this.#drawn = content;
    show(this.querySelector('[data-part="empty"]'), this.#workers.length === 0);
    this.querySelector('[data-part="cards"]').replaceChildren(...this.#workers.map((worker) => this.#card(worker)));
  }

  #card(worker) {
    return make(
      "article",
      { class: "card worker", "data-state": worker.state },
      make(
        "header",
        {},
        make("h2", {}, worker.name),
        make("span", { class: "worker-state", "data-state": worker.state }, icon(`worker-${worker.state}`), STATES[worker.state]),
      ),
      make("p", { class: "muted" }, `${worker.host}, process ${worker.pid}, ${worker.slots === 1 ? "one job" : `${worker.slots} jobs`} at a time`),
      make("h3", {}, "Doing"),
      this.#doing(worker),
      make("h3", {}, "Devices"),
      make("ul", { class: "plain" }, ...worker.devices.map((device) => make("li", {}, this.#device(device)))),
      make("h3", {}, "Can train"),
      make("p", {}, `${worker.problems.join(", ") || "nothing"} with ${worker.optimizers.join(", ") || "nothing"}`),
      make("footer", {}, "Seen ", make("moment-text", { at: worker.last_seen_at, as: "age" }), ...this.#versions(worker)),
    );
  }

  #doing(worker) {
    if (worker.runs.length === 0) return make("p", { class: "muted" }, worker.state === "gone" ? "It has left." : "Waiting for a job.");
    return make("ul", { class: "plain" }, ...worker.runs.map((id) => this.#held(id)));
  }

  #held(id) {
    const item = make("li", { "data-run": id }, make("a", { href: `/runs/${id}` }, id), make("progress"), make("span", { class: "muted number" }));
    const run = this.#runs.get(id);
    if (run) this.#fill(item, run);
    return item;
  }

  #fill(item, run) {
    const [link, bar, count] = item.children;
    const { step, steps } = run.progress;
    const fraction = fractionDone(run);
    setText(link, run.name);
    bar.setAttribute("aria-label", `Progress of ${run.name}`);
    if (fraction === null) bar.removeAttribute("value");
    else bar.value = fraction;
    setText(count, steps ? `${formatCount(step)} / ${formatCount(steps)}` : formatCount(step));
  }

  #device(device) {
    const title = device.title && device.title !== device.name ? `${device.name}: ${device.title}` : device.name;
    return device.memory_bytes ? `${title}, ${formatBytes(device.memory_bytes)}` : title;
  }

  #versions(worker) {
    const versions = Object.entries(worker.versions).map(([name, version]) => `${name} ${version}`);
    return versions.length ? [` · ${versions.join(", ")}`] : [];
  }
}

customElements.define("worker-list", WorkerList);
