// <compare-tables>: how far the compared runs came, and in what they differ.

import { listen } from "../events.js";
import { colourOf } from "../lib/colours.js";
import { comparisonFrom, comparisonSearch } from "../lib/comparison.js";
import { differences, formatValue } from "../lib/config.js";
import { measured } from "../lib/feed.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { shownState } from "../lib/states.js";
import { formatDuration, secondsBetween } from "../lib/times.js";
import { icon, make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

class CompareTables extends HTMLElement {
  #runs = pageData().runs;
  #work = new Map(Object.entries(pageData().work));
  #steps = new Map(pageData().runs.map((run) => [run.id, run.progress.step]));
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    listen("run", (run) => this.#update(run), signal);
    listen("steps", (detail) => this.#addWork(detail), signal);
    this.#drawSummary();
    this.#drawDifferences();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  #update(run) {
    const place = this.#runs.findIndex(({ id }) => id === run.id);
    if (place < 0) return;
    this.#runs[place] = run;
    this.#drawSummary();
  }

  #addWork({ run, steps }) {
    if (!this.#steps.has(run)) return;
    for (const row of steps) {
      if (row.step <= this.#steps.get(run)) continue;
      this.#steps.set(run, row.step);
      const work = measured(row, "gradient_equivalents");
      if (work !== null) this.#work.set(run, (this.#work.get(run) ?? 0) + work);
    }
  }

  #drawSummary() {
    const body = this.querySelector('[data-part="summary"] tbody');
    body.replaceChildren(...this.#runs.map((run, place) => this.#summaryRow(run, place)));
  }

  #summaryRow(run, place) {
    const { loss, eval_loss: held } = run.summary;
    const number = (text) => make("td", { class: "number" }, text);
    const rest = this.#runs.filter(({ id }) => id !== run.id).map(({ id }) => id);
    const without = comparisonSearch({ ...comparisonFrom(location.search), runs: rest });
    const seconds = Number(run.progress.seconds) || secondsBetween(run.started_at, run.ended_at);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, make("span", { class: "run-name" }, this.#swatch(place), make("a", { href: `/runs/${run.id}` }, run.name))),
      make("td", {}, make("state-badge", { state: shownState(run), cause: run.cause ?? "" })),
      number(formatCount(run.progress.step)),
      number(formatNumber(loss?.min)),
      number(formatNumber(loss?.last)),
      number(formatNumber(held?.last)),
      number(formatDuration(seconds)),
      number(formatNumber(this.#work.get(run.id) ?? null)),
      make("td", {}, rest.length ? make("a", { class: "button quiet small", href: without, "aria-label": `Remove ${run.name} from the comparison`, title: "Remove from the comparison" }, icon("close")) : ""),
    );
  }

  #drawDifferences() {
    const rows = differences(this.#runs.map((run) => run.spec));
    const table = this.querySelector('[data-part="differences"]');
    show(table, rows.length > 0);
    const message = this.querySelector('[data-part="same"]');
    show(message, rows.length === 0);
    setText(message, this.#runs.length > 1 ? "These runs have the same configuration." : "One run has nothing to differ from.");
    table.querySelector("thead tr").replaceChildren(
      make("th", { scope: "col" }, "Setting"),
      ...this.#runs.map((run, place) => make("th", { scope: "col" }, make("span", { class: "run-name" }, this.#swatch(place), run.name))),
    );
    const shared = rows.filter((row) => row.shared);
    const own = rows.filter((row) => !row.shared);
    const heading = make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: this.#runs.length + 1 }, "Only one run has"));
    table.querySelector("tbody").replaceChildren(
      ...shared.map((row) => this.#differenceRow(row)),
      ...(own.length > 0 ? [heading] : []),
      ...own.map((row) => this.#differenceRow(row)),
    );
  }

  #differenceRow({ path, values }) {
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, make("code", {}, ...breakable(path))),
      ...values.map((value) => make("td", { class: value === undefined ? "muted" : undefined }, formatValue(value))),
    );
  }

  #swatch(place) {
    return make("span", { class: "swatch", "data-colour": String(colourOf(place)), "aria-hidden": "true" });
  }
}

/** A dotted path that may be broken behind its dots and underscores. */
function breakable(path) {
  return path.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]);
}

customElements.define("compare-tables", CompareTables);
