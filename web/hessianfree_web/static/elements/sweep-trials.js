// <sweep-trials>: the table of trials, sorted at the server by the column that was chosen; live. The address keeps the order.

import { get } from "../api.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { compareAddress, describePruning, formatParam, nextOrder, searchOfView, shortName, viewOf } from "../lib/sweeps.js";
import { formatDuration } from "../lib/times.js";
import { Throttle } from "../lib/throttle.js";
import { icon, make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

const PAGE = 50;
const MOST_AT_ONCE = 200;
const COMPARED = 5;
const LOOK_MILLISECONDS = 1000;

class SweepTrials extends HTMLElement {
  #sweep = pageData().sweep;
  #paths = Object.keys(pageData().sweep.spec.search.space);
  #trials = [];
  #most = PAGE;
  #more = false;
  #drawn = "";
  #listening = new AbortController();
  #look = new Throttle(() => this.#fetch(), LOOK_MILLISECONDS);

  connectedCallback() {
    const { signal } = this.#listening;
    document.addEventListener("sweep:changed", ({ detail }) => this.#update(detail), { signal });
    document.addEventListener("sweep:leaving", () => this.#look.stop(), { signal });
    window.addEventListener("popstate", () => this.#look.ask(), { signal });
    this.#part("more").addEventListener("click", () => this.#showMore(), { signal });
    this.#drawHead(signal);
    this.#drawCompare();
    this.#look.ask();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#look.stop();
  }

  get #sort() {
    return viewOf(location.search, this.#sweep.spec).sort;
  }

  #update(sweep) {
    this.#sweep = sweep;
    this.#drawCompare();
    this.#look.ask();
  }

  #showMore() {
    this.#most += PAGE;
    this.#look.ask();
  }

  #order(column) {
    const view = { ...viewOf(location.search, this.#sweep.spec), sort: nextOrder(this.#sort, column) };
    history.pushState(null, "", `${location.pathname}${searchOfView(view, this.#sweep.spec)}`);
    this.#markOrder();
    this.#look.ask();
  }

  async #fetch() {
    this.#markOrder();
    const sort = this.#sort;
    try {
      const found = [];
      let cursor = null;
      do {
        const query = new URLSearchParams({ sort, limit: Math.min(MOST_AT_ONCE, this.#most - found.length) });
        if (cursor !== null) query.set("cursor", cursor);
        const page = await get(`/sweeps/${this.#sweep.id}/trials?${query}`);
        found.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor !== null && found.length < this.#most);
      this.#more = cursor !== null;
      this.#trials = found;
      this.#draw();
    } catch (error) {
      if (this.#drawn === "") this.#say(error.message);
      // What is shown stays: the connection's state says that it may be old.
    }
  }

  #drawHead(signal) {
    const heads = [["number", "Trial", ""], ["state", "State", ""], ["value", pageData().metric, "number"]];
    const params = this.#paths.map((path) => [path, shortName(path, this.#paths), "number"]);
    this.querySelector("thead tr").replaceChildren(
      ...[...heads, ...params, ["seconds", "Training time", "number"]].map(([column, label, kind]) => {
        const button = make("button", { type: "button", title: column.includes(".") ? column : undefined }, label, icon("sort"));
        button.addEventListener("click", () => this.#order(column), { signal });
        return make("th", { scope: "col", class: kind, "data-column": column }, button);
      }),
      make("th", { scope: "col" }, this.#sweep.spec.seeds?.length > 1 ? "Runs by seed" : "Run"),
    );
    this.#markOrder();
  }

  #markOrder() {
    const sort = this.#sort;
    for (const head of this.querySelectorAll("[data-column]")) {
      const order = sort === head.dataset.column ? "ascending" : sort === `-${head.dataset.column}` ? "descending" : "none";
      head.setAttribute("aria-sort", order);
    }
  }

  #draw() {
    const text = JSON.stringify([this.#trials, this.#sweep.best?.number]);
    show(this.#part("more"), this.#more);
    this.#say(this.#trials.length === 0 ? "The first trials are being queued." : "");
    setText(this.#part("count"), this.#more ? `${formatCount(this.#trials.length)} shown` : "");
    if (text === this.#drawn) return;
    this.#drawn = text;
    const focused = document.activeElement?.getAttribute("href");
    const inside = this.contains(document.activeElement);
    const body = this.querySelector("tbody");
    body.replaceChildren(...this.#trials.map((trial) => this.#row(trial)));
    if (inside && focused) body.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #row(trial) {
    const best = trial.number === this.#sweep.best?.number;
    const cause = trial.state === "failed" ? trial.runs.find((run) => run.cause)?.cause ?? "" : "";
    return make(
      "tr",
      { id: `trial-${trial.number}`, "data-best": best },
      make("th", { scope: "row", class: "number" }, String(trial.number), best ? make("span", { class: "tag" }, "best") : ""),
      make("td", {}, make("state-badge", { state: trial.state, cause }), make("span", { class: "muted trial-pruned" }, describePruning(trial, this.#sweep.spec))),
      make("td", { class: "number" }, formatNumber(trial.value)),
      ...this.#paths.map((path) => make("td", { class: "number" }, formatParam(trial.params[path]))),
      make("td", { class: "number" }, trial.seconds ? formatDuration(trial.seconds) : "–"),
      make("td", { class: "trial-runs" }, ...trial.runs.map((run) => this.#link(run, trial))),
    );
  }

  #link(run, trial) {
    const several = trial.runs.length > 1;
    const label = several ? `Run of trial ${trial.number} with seed ${run.seed}` : `Run of trial ${trial.number}`;
    return make("a", { href: `/runs/${run.id}`, "aria-label": label, title: run.name }, several ? String(run.seed) : "Open");
  }

  async #drawCompare() {
    const link = this.#part("compare");
    const count = Math.min(COMPARED, this.#sweep.trials.completed ?? 0);
    show(link, count >= 2);
    if (count < 2) return;
    setText(link, `Compare the best ${count}`);
    const query = new URLSearchParams({ sort: viewOf("", this.#sweep.spec).sort, limit: count });
    const { items } = await get(`/sweeps/${this.#sweep.id}/trials?${query}`).catch(() => ({ items: [] }));
    if (items.length) link.setAttribute("href", compareAddress(items));
  }

  #say(text) {
    setText(this.#part("message"), text);
    show(this.#part("message"), text !== "");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("sweep-trials", SweepTrials);
