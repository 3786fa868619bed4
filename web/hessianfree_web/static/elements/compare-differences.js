// <compare-differences>: in what the compared runs' configurations differ, or all of them side by side.

import { differences, formatValue, settingsOf } from "../lib/config.js";
import { lineSwatch } from "./compare-parts.js";
import { change, onView } from "./comparison-page.js";
import { make, setText, show } from "./dom.js";
import { whenNear } from "./near.js";
import { pageData } from "./page-data.js";

const LONG = 60; // characters; a longer value is folded

class CompareDifferences extends HTMLElement {
  #data = pageData();
  #everything = null;
  #near = false;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    const box = this.querySelector("[name=everything]");
    box.addEventListener("change", () => change({ everything: box.checked }), { signal });
    onView(({ view }) => this.#show(view), signal);
    whenNear(this, () => this.#approach(), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  #show({ everything }) {
    if (everything === this.#everything) return;
    this.#everything = everything;
    this.querySelector("[name=everything]").checked = everything;
    if (this.#near) this.#draw();
  }

  #approach() {
    this.#near = true;
    if (this.#everything !== null) this.#draw();
  }

  #draw() {
    const { runs, shown } = this.#data;
    const specs = runs.map(({ spec }) => spec);
    const rows = this.#everything ? settingsOf(specs) : differences(specs);
    const message = this.querySelector('[data-part="same"]');
    show(this.querySelector(".scroll"), rows.length > 0);
    show(message, rows.length === 0);
    setText(message, runs.length > 1 ? "These runs have the same configuration." : "One run has nothing to differ from.");
    this.querySelector("thead tr").replaceChildren(
      make("th", { scope: "col" }, "Setting"),
      ...shown.map(({ name, colour }) => make("th", { scope: "col" }, make("span", { class: "run-name" }, lineSwatch(colour), make("span", { class: "name" }, name)))),
    );
    const own = rows.filter((row) => !row.shared);
    const heading = make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: runs.length + 1 }, "Only one run has"));
    this.querySelector("tbody").replaceChildren(
      ...rows.filter((row) => row.shared).map(rowOf),
      ...(own.length > 0 && runs.length > 1 ? [heading] : []),
      ...own.map(rowOf),
    );
  }
}

function rowOf({ path, values }) {
  return make("tr", {}, make("th", { scope: "row" }, make("code", {}, ...breakable(path))), ...values.map(cellOf));
}

function cellOf(value) {
  const text = formatValue(value);
  if (text.length <= LONG) return make("td", { class: value === undefined ? "muted" : undefined }, text);
  const start = make("summary", {}, `${text.slice(0, LONG - 1)}…`);
  return make("td", {}, make("details", { class: "long-value" }, start, make("p", {}, text)));
}

/** A dotted path that may be broken behind its dots and underscores. */
function breakable(path) {
  return path.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]);
}

customElements.define("compare-differences", CompareDifferences);
