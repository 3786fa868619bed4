// <compare-summary>: what each run achieved and what it cost, in any order, as it grows; and as a CSV file.

import { get } from "../api.js";
import { listen } from "../events.js";
import { csvOf } from "../lib/figure-table.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { RunningTotals } from "../lib/running-totals.js";
import { shownState } from "../lib/states.js";
import { arranged, bestOf, columnsOf, nextSort, summaryRows, summaryTable } from "../lib/summary.js";
import { formatDuration } from "../lib/times.js";
import { change, emphasize, onView } from "./comparison-page.js";
import { make, setText } from "./dom.js";
import { KeptRows } from "./kept-rows.js";
import { whenNear } from "./near.js";
import { pageData } from "./page-data.js";
import { lineSwatch, saveText } from "./compare-parts.js";

const PAUSE_MILLISECONDS = 500; // between two drawings of a table that grows
const WRITTEN = { number: formatNumber, count: formatCount, duration: formatDuration };

class CompareSummary extends HTMLElement {
  #runs = pageData().runs;
  #shown = pageData().shown;
  #totals = new RunningTotals();
  #sort = "";
  #timer = null;
  #rows = null;
  #columns = "";
  #listening = null;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    listen("run", (run) => this.#update(run), signal);
    listen("steps", (detail) => this.#add(detail), signal);
    onView(({ view }) => this.#show(view), signal);
    this.querySelector("thead").addEventListener("click", ({ target }) => this.#resort(target.closest("button")), { signal });
    const body = this.querySelector("tbody");
    body.addEventListener("pointerover", ({ target }) => emphasize(target.closest("tr")?.dataset.run ?? null), { signal });
    body.addEventListener("pointerleave", () => emphasize(null), { signal });
    this.querySelector('[data-action="csv"]').addEventListener("click", () => this.#save(), { signal });
    whenNear(this, () => this.#fetch(signal), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
  }

  async #fetch(signal) {
    this.#totals.ask();
    let items = [];
    try {
      ({ items } = await get(`/comparisons/totals?runs=${this.#runs.map(({ id }) => id).join(",")}`, { signal }));
    } catch {
      // The columns stay away: all else of the table is known.
    }
    this.#totals.take(items);
    if (items.length > 0) this.#draw();
  }

  get #found() {
    return summaryRows(this.#runs, this.#shown, this.#totals);
  }

  #show({ sort }) {
    this.#sort = sort;
    this.#draw();
  }

  #resort(button) {
    if (button) change({ sort: nextSort(this.#sort, button.dataset.key) });
  }

  #update(run) {
    const place = this.#runs.findIndex(({ id }) => id === run.id);
    if (place < 0) return;
    this.#runs[place] = run;
    this.#later();
  }

  #add(batch) {
    if (!this.#runs.some(({ id }) => id === batch.run)) return;
    if (this.#totals.add(batch)) this.#fetch(this.#listening.signal);
    this.#later();
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#draw();
    }, PAUSE_MILLISECONDS);
  }

  #draw() {
    const rows = this.#found;
    const columns = columnsOf(rows);
    const best = bestOf(rows);
    const keys = columns.map(([key]) => key).join();
    if (keys !== this.#columns) {
      this.#columns = keys;
      this.querySelector("thead tr").replaceChildren(...columns.map(headOf));
      this.#rows = new KeptRows(this.querySelector("tbody"), {
        make: ([row]) => rowOf(row, columns),
        fill: (element, [row, least]) => fill(element, row, columns, least),
      });
    }
    for (const head of this.querySelectorAll("thead th")) this.#mark(head);
    this.#rows.show(arranged(rows, this.#sort).map((row) => [row, best]), ([{ run }]) => run.id);
  }

  #mark(head) {
    const { key } = head.firstElementChild.dataset;
    const [up, down] = [this.#sort === key, this.#sort === `-${key}`];
    head.setAttribute("aria-sort", up ? "ascending" : down ? "descending" : "none");
    setText(head.querySelector(".sort-mark"), up ? "↑" : down ? "↓" : "");
  }

  #save() {
    saveText(csvOf(summaryTable(arranged(this.#found, this.#sort))), "comparison.csv", "text/csv");
  }
}

function headOf([key, title, kind]) {
  const button = make("button", { type: "button", class: "sort", "data-key": key }, title, make("span", { class: "sort-mark", "aria-hidden": "true" }));
  return make("th", { scope: "col", class: kind in WRITTEN ? "number" : undefined }, button);
}

function rowOf({ run, name, colour }, columns) {
  const cells = columns.slice(1).map(([, , kind]) => (kind === "state" ? make("td", {}, make("state-badge")) : make("td", { class: "number" })));
  const link = make("a", { href: `/runs/${run.id}` }, name);
  return make("tr", { "data-run": run.id }, make("th", { scope: "row" }, make("span", { class: "run-name" }, lineSwatch(colour), link)), ...cells);
}

function fill(element, { run, values }, columns, best) {
  columns.forEach(([key, , kind], place) => {
    const cell = element.cells[place];
    if (kind === "state") {
      const badge = cell.firstElementChild;
      badge.setAttribute("cause", run.cause ?? "");
      badge.setAttribute("state", shownState(run));
    } else if (place > 0) {
      setText(cell, WRITTEN[kind](values[key]));
      const isBest = key in best && values[key] === best[key];
      cell.classList.toggle("best", isBest);
      cell.title = isBest ? "The lowest of these runs" : "";
    }
  });
}

customElements.define("compare-summary", CompareSummary);
