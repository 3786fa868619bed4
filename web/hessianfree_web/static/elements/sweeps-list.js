// <sweeps-list>: all sweeps, the newest first, live.

import { get } from "../api.js";
import { listen } from "../events.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { describeBase, describeObjective, describeSearch, endedOf, formatParam, parts, shortName } from "../lib/sweeps.js";
import { Throttle } from "../lib/throttle.js";
import { make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

const LOOK_MILLISECONDS = 2000;
const PAGE = 50;

class SweepsList extends HTMLElement {
  #sweeps = pageData().items;
  #cursor = pageData().next_cursor;
  #drawn = "";
  #listening = new AbortController();
  #look = new Throttle(() => this.#fetch(), LOOK_MILLISECONDS);

  connectedCallback() {
    const { signal } = this.#listening;
    listen("sweep", () => this.#look.ask(), signal);
    listen("run", (run) => run.sweep && this.#look.ask(), signal);
    listen("state", ({ returned }) => returned && this.#look.ask(), signal);
    this.#part("more").addEventListener("click", () => this.#loadMore(), { signal });
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#look.stop();
  }

  async #fetch() {
    try {
      const page = await get(`/sweeps?limit=${PAGE}`);
      const known = new Set(page.items.map(({ id }) => id));
      const last = page.items.at(-1)?.id ?? "";
      this.#sweeps = [...page.items, ...this.#sweeps.filter(({ id }) => id < last && !known.has(id))];
      if (this.#sweeps.length === page.items.length) this.#cursor = page.next_cursor;
      this.#draw();
    } catch {
      // The stream has the same trouble, and the connection's state says so.
    }
  }

  async #loadMore() {
    try {
      const page = await get(`/sweeps?limit=${PAGE}&cursor=${encodeURIComponent(this.#cursor)}`);
      this.#sweeps = [...this.#sweeps, ...page.items];
      this.#cursor = page.next_cursor;
      this.#draw();
    } catch {
      // The button stays; the connection's state says what is wrong.
    }
  }

  #draw() {
    const count = this.#sweeps.length;
    show(this.#part("empty"), count === 0);
    show(this.#part("content"), count > 0);
    show(this.#part("more"), this.#cursor !== null);
    setText(this.#part("count"), count === 1 ? "1 sweep" : `${formatCount(count)}${this.#cursor === null ? "" : "+"} sweeps`);
    const text = JSON.stringify(this.#sweeps);
    if (text === this.#drawn) return;
    this.#drawn = text;
    const focused = document.activeElement?.getAttribute("href");
    const inside = this.contains(document.activeElement);
    const body = this.querySelector("tbody");
    body.replaceChildren(...this.#sweeps.map((sweep) => this.#row(sweep)));
    if (inside && focused) body.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #row(sweep) {
    const { best, spec } = sweep;
    const paths = Object.keys(spec.search.space);
    const found = best ? paths.filter((path) => path in best.params).map((path) => `${shortName(path, paths)} ${formatParam(best.params[path])}`).join(", ") : "";
    return make(
      "tr",
      {},
      make(
        "th",
        { scope: "row", class: "sweep-name" },
        make("a", { href: `/sweeps/${sweep.id}` }, sweep.name),
        make("span", { class: "muted" }, describeBase(spec)),
      ),
      make("td", {}, make("state-badge", { state: sweep.state })),
      make("td", { class: "sweep-search" }, make("span", {}, describeSearch(sweep)), make("span", { class: "muted" }, describeObjective(spec.objective))),
      make("td", { class: "sweep-progress" }, this.#bar(sweep), make("span", { class: "number" }, `${formatCount(endedOf(sweep))} / ${formatCount(sweep.total)}`)),
      make("td", { class: "number sweep-best" }, make("span", {}, formatNumber(best?.value)), make("span", { class: "muted" }, found)),
      make("td", { class: "number" }, make("moment-text", { at: sweep.created_at, as: "age" })),
    );
  }

  #bar(sweep) {
    const found = parts(sweep);
    const told = found.filter(({ count }) => count > 0).map(({ state, count }) => `${count} ${state}`);
    const bar = make("span", { class: "sweep-bar", role: "img", "aria-label": `Trials: ${told.join(", ")}` });
    for (const { state, share } of found.filter(({ count }) => count > 0)) {
      const part = make("span", { "data-state": state });
      part.style.flexGrow = String(share);
      bar.append(part);
    }
    return bar;
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("sweeps-list", SweepsList);
