// <compare-targets>: what it took each run to reach a target, and how often each solver is the fastest.

import { get } from "../api.js";
import { COSTS, profileAddress } from "../lib/comparison.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { costColumns, fastest, targetRows } from "../lib/targets.js";
import { formatDuration } from "../lib/times.js";
import { listen } from "../events.js";
import { lineSwatch } from "./compare-parts.js";
import { change, onView } from "./comparison-page.js";
import { fillChoices, make, setText, show } from "./dom.js";
import { KeptRows } from "./kept-rows.js";
import { whenNear } from "./near.js";
import { pageData } from "./page-data.js";

const REFRESH_MILLISECONDS = 5000;
const SECONDS = new Set(["seconds", "elapsed"]);

class CompareTargets extends HTMLElement {
  #data = pageData();
  #view = null;
  #asked = "";
  #asking = null;
  #timer = null;
  #near = false;
  #rows = null;
  #head = "";
  #listening = null;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const form = this.#form;
    fillChoices(form.elements.goal, this.#data.metrics);
    fillChoices(form.elements.cost, COSTS);
    form.addEventListener("submit", (event) => event.preventDefault(), { signal });
    form.addEventListener("change", () => this.#choose(), { signal });
    this.addEventListener("figure:drawn", ({ target, detail }) => this.#caption(target, detail.meta), { signal });
    onView(({ view }) => this.#show(view), signal);
    listen("steps", () => this.#later(), signal);
    whenNear(this, () => this.#approach(), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#asking?.abort();
    clearTimeout(this.#timer);
  }

  get #form() {
    return this.querySelector("form");
  }

  #choose() {
    const { goal, target, cost } = this.#form.elements;
    // Another metric has another target.
    const value = goal.value === this.#view.goal && target.value.trim() !== "" && target.validity.valid ? Number(target.value) : null;
    change({ goal: goal.value, target: value, cost: cost.value });
  }

  #show(view) {
    this.#view = view;
    const { goal, target, cost } = this.#form.elements;
    if (!this.#data.metrics.some(([name]) => name === view.goal)) fillChoices(goal, [...this.#data.metrics, [view.goal, view.goal]]);
    goal.value = view.goal;
    cost.value = view.cost;
    target.value = view.target ?? "";
    const figure = this.querySelector("live-figure");
    figure.setAttribute("src", profileAddress(view));
    this.#ask();
  }

  #approach() {
    this.#near = true;
    this.#ask();
  }

  /** While runs go on their rows may reach the target at any time. */
  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#asked = "";
      this.#ask();
    }, REFRESH_MILLISECONDS);
  }

  async #ask() {
    if (!this.#near || !this.#view) return;
    const { goal, target, runs } = this.#view;
    const query = new URLSearchParams({ runs: runs.join(","), metric: goal, ...(target === null ? {} : { target }) });
    if (String(query) === this.#asked) return;
    this.#asked = String(query);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      this.#draw(await get(`/comparisons/targets?${query}`, { signal: asking.signal }));
    } catch (error) {
      if (error.name !== "AbortError") setText(this.querySelector('[data-part="told"]'), error.message);
    }
  }

  #draw(found) {
    const known = new Map(this.#data.runs.map(({ id }, place) => [id, this.#data.shown[place]]));
    const rows = targetRows(found, known);
    const columns = costColumns(rows, COSTS);
    const least = fastest(rows, columns);
    const own = found.target === null && rows.some(({ target }) => target !== null);
    this.#form.elements.target.placeholder = found.suggested && found.target !== null ? formatNumber(found.target) : "";
    setText(this.querySelector('[data-part="told"]'), told(found, rows));
    const head = ["Run", ...(own ? ["Target"] : []), ...columns.map(([, title]) => title)];
    if (head.join() !== this.#head) {
      this.#head = head.join();
      this.querySelector("thead tr").replaceChildren(...head.map((title, place) => make("th", { scope: "col", class: place ? "number" : undefined }, title)));
      this.#rows = new KeptRows(this.querySelector("tbody"), { make: rowOf, fill });
    }
    const shown = rows.map((row) => ({ ...row, cells: cellsOf(row, columns, least, own) }));
    this.#rows.show(shown, ({ run, costs }) => `${run} ${costs !== null}`);
  }

  /** Without a profile the sentence that says why stands in its place. */
  #caption(figure, meta) {
    const drawn = figure.querySelector(".plot").data?.length > 0;
    show(figure.querySelector(".plot-frame"), drawn);
    let caption = figure.querySelector(".caption");
    if (!caption) figure.querySelector(".figure-head").after((caption = make("p", { class: "caption muted" })));
    setText(caption, meta.caption ?? "");
    show(figure.querySelector(".reading"), drawn);
  }
}

function told({ suggested }, rows) {
  const reached = rows.filter(({ costs }) => costs !== null).length;
  const aim = suggested ? "Suggested: 90 % of the best decrease on the problem. " : "";
  if (rows.every(({ target }) => target === null)) return "None of these runs has measured it.";
  return `${aim}${reached} of ${rows.length} ${rows.length === 1 ? "run" : "runs"} reached it.`;
}

/** What stands in a row: `{text, best}`; of a run that never arrived one cell that says so, over all `columns`. */
function cellsOf({ target, costs }, columns, least, own) {
  const aim = own ? [{ text: formatNumber(target) }] : [];
  if (!costs) return [...aim, { text: target === null ? "not measured" : "not reached", span: Math.max(1, columns.length) }];
  return [...aim, ...columns.map(([key]) => ({ text: written(key, costs[key]), best: key in least && costs[key] === least[key] }))];
}

function rowOf({ run, name, colour, cells }) {
  const link = make("a", { href: `/runs/${run}` }, name);
  const values = cells.map(({ span }) => make("td", { class: span ? "muted" : "number", colspan: span }));
  return make("tr", {}, make("th", { scope: "row" }, make("span", { class: "run-name" }, lineSwatch(colour), link)), ...values);
}

function fill(row, { cells }) {
  cells.forEach(({ text, best }, place) => {
    setText(row.cells[place + 1], text);
    row.cells[place + 1].classList.toggle("best", Boolean(best));
  });
}

function written(key, value) {
  if (value === undefined) return "–";
  return SECONDS.has(key) ? formatDuration(value) : formatCount(value);
}

customElements.define("compare-targets", CompareTargets);
