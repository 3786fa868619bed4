// <sweep-figures>: the figures of a sweep. They are drawn anew when trials have ended; a click on a trial leads to its run.
// Two selects choose the axes of the map; the address keeps them, and which figures are logarithmic.

import { get } from "../api.js";
import { endedOf, searchOfView, viewOf } from "../lib/sweeps.js";
import { Throttle } from "../lib/throttle.js";
import { assign, show } from "./dom.js";
import { pageData } from "./page-data.js";

const REDRAW_MILLISECONDS = 2000;

/** What the address calls a figure: history, slice-1, slice-2. */
const nameOf = (figure) => figure.id.replace(/^figure-/, "");

class SweepFigures extends HTMLElement {
  #sweep = pageData().sweep;
  #ended = endedOf(pageData().sweep);
  #listening = null;
  #redraw = new Throttle(() => this.#reload(), REDRAW_MILLISECONDS);

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    document.addEventListener("sweep:changed", ({ detail }) => this.#update(detail), { signal });
    document.addEventListener("sweep:leaving", () => this.#redraw.stop(), { signal });
    this.addEventListener("figure:click", ({ detail }) => Number.isInteger(detail.customdata) && this.#open(detail.customdata), { signal });
    this.addEventListener("change", ({ target }) => target.matches("select[name]") && this.#choose(), { signal });
    this.addEventListener("figure:log", ({ target, detail }) => this.#rescale(target, detail.log), { signal });
    window.addEventListener("popstate", () => this.#draw(), { signal });
    this.#reveal();
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#redraw.stop();
  }

  #update(sweep) {
    this.#sweep = sweep;
    this.#reveal();
    if (endedOf(sweep) === this.#ended) return;
    this.#ended = endedOf(sweep);
    this.#redraw.ask();
  }

  /** Before the first value there is nothing to see but that. */
  #reveal() {
    const begun = (this.#sweep.trials.completed ?? 0) > 0;
    for (const part of this.querySelectorAll('[data-figure="importance"], [data-figure="parallel"], [data-part]:is(section)')) show(part, begun);
  }

  async #reload() {
    await Promise.all([...this.querySelectorAll("live-figure")].map((figure) => figure.reload()));
  }

  #choose() {
    const [x, y] = this.#selects.map((select) => select.value);
    this.#go({ ...this.#view, x, y });
  }

  #rescale(figure, log) {
    this.#go({ ...this.#view, logs: { ...this.#view.logs, [nameOf(figure)]: log } });
  }

  get #view() {
    return viewOf(location.search, this.#sweep.spec);
  }

  #go(view) {
    history.pushState(null, "", `${location.pathname}${searchOfView(view, this.#sweep.spec)}`);
    this.#draw();
  }

  #draw() {
    const { x, y, logs } = this.#view;
    for (const figure of this.querySelectorAll("live-figure")) {
      const log = logs[nameOf(figure)];
      assign(figure, "log", log === undefined ? null : Number(log));
    }
    if (this.#selects.length === 0) return;
    this.#selects.forEach((select, place) => (select.value = [x, y][place]));
    const src = `/api/v1/sweeps/${this.#sweep.id}/figures/map?${new URLSearchParams({ x, y })}`;
    this.querySelector('[data-figure="map"]').setAttribute("src", src);
  }

  get #selects() {
    return [...this.querySelectorAll("select[name]")];
  }

  async #open(number) {
    const before = number > 0 ? `&cursor=${number - 1}` : "";
    const { items } = await get(`/sweeps/${this.#sweep.id}/trials?limit=1${before}`).catch(() => ({ items: [] }));
    if (items[0]?.runs.length) location.assign(`/runs/${items[0].runs[0].id}`);
  }
}

customElements.define("sweep-figures", SweepFigures);
