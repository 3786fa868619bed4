// The table behind a figure: takes the plot's place, and follows what is drawn.

import { tableOf } from "../lib/figure-table.js";
import { formatNumber } from "../lib/numbers.js";
import { formatMoment } from "../lib/times.js";
import { make } from "./dom.js";

const ROWS = 500;
const DIGITS = 6;
const PAUSE_MILLISECONDS = 1000; // between two drawings of a table that grows

/** The table of one figure; `drawn()` is what is drawn now. */
export class DataTable {
  #figure;
  #drawn;
  #open = null;
  #timer = null;

  constructor(figure, drawn) {
    this.#figure = figure;
    this.#drawn = drawn;
  }

  get isOpen() {
    return this.#open !== null;
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.#show();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#open?.listening.abort();
    this.#open?.frame.remove();
    this.#open = null;
  }

  #show() {
    const title = this.#figure.querySelector('[data-part="title"]').textContent;
    const frame = make("div", { class: "data-table", tabindex: 0, role: "region", "aria-label": `Data of ${title}` });
    const listening = new AbortController();
    this.#open = { frame, listening };
    this.#figure.addEventListener("figure:drawn", () => this.#later(), { signal: listening.signal });
    this.#fill();
    this.#figure.querySelector(".plot-frame").append(frame);
    frame.focus();
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#fill();
    }, PAUSE_MILLISECONDS);
  }

  #fill() {
    const { columns, rows } = tableOf(this.#drawn());
    const numeric = columns.map((_, column) => rows.some((row) => typeof row[column] === "number"));
    const aligned = (column) => ({ class: numeric[column] ? "number" : undefined });
    const head = make("tr", {}, ...columns.map((title, column) => make("th", { scope: "col", ...aligned(column) }, title)));
    const cellOf = (value, column) => make(column === 0 ? "th" : "td", { scope: column === 0 ? "row" : undefined, ...aligned(column) }, shown(value));
    const body = rows.slice(-ROWS).map((row) => make("tr", {}, ...row.map(cellOf)));
    const caption = make("caption", {}, noteOf(rows.length));
    const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...body));
    this.#open.frame.replaceChildren(table);
  }
}

function noteOf(count) {
  if (count === 0) return "Nothing is drawn here.";
  return count > ROWS ? `The last ${ROWS} of ${count} rows that are drawn; the CSV has all of them.` : `${count} rows, as drawn.`;
}

function shown(value) {
  if (value === null || value === "") return "";
  if (typeof value === "number") return Number.isInteger(value) ? formatNumber(value, 15) : formatNumber(value, DIGITS);
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) ? formatMoment(value) : String(value);
}
