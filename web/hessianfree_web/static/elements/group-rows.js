// The rows of a table of groups: one for each with the spread of its numbers and, where it is open, those of its runs.

import { formatCount, formatNumber } from "../lib/numbers.js";
import { columnOf, isSpread } from "../lib/run-columns.js";
import { icon, make, setText } from "./dom.js";

/** Keeps a row for each group, so that a focus or a press outlives whatever comes over the stream. */
export class GroupRows {
  #columns;
  #label;
  #actions;
  #kept = new Map(); // filter of a group -> GroupRow

  /** `by`: what the groups are by; `actions`: `{toggle(filter), more(list)}`. */
  constructor(columns, by, actions) {
    this.#columns = columns;
    this.#label = columnOf(by).label;
    this.#actions = actions;
  }

  /** The table's rows of RunGroups; `rowOf` makes that of a run. */
  of(groups, rowOf) {
    const shown = groups.groups;
    const names = new Set(shown.map(({ filter }) => filter));
    for (const name of this.#kept.keys()) if (!names.has(name)) this.#kept.delete(name);
    const rows = shown.flatMap((group) => {
      if (!this.#kept.has(group.filter)) this.#kept.set(group.filter, new GroupRow(this.#columns, this.#label, this.#actions));
      const kept = this.#kept.get(group.filter);
      kept.show(group);
      const { list } = group;
      return [kept.element, ...(list ? [...list.runs].map(rowOf) : []), ...(list?.hasMore ? [kept.more] : [])];
    });
    if (groups.left > 0) rows.push(this.#note(`${groups.left} more groups are not shown: narrow the filter.`));
    return rows;
  }

  #note(text) {
    return make("tr", { class: "group-more muted" }, make("td", { colspan: this.#columns.length + 2 }, text));
  }
}

class GroupRow {
  #group = null;
  #button;
  #key = document.createTextNode("");
  #count = make("span", { class: "group-count number" });
  #spreads = new Map(); // column -> cell

  constructor(columns, label, { toggle, more }) {
    this.#button = make("button", { type: "button", class: "group-toggle" }, icon("next"), make("span", { class: "group-key" }, make("span", { class: "group-label" }, `${label} `), this.#key), this.#count);
    this.#button.addEventListener("click", () => toggle(this.#group.filter));
    for (const column of columns.filter(isSpread)) this.#spreads.set(column, make("td", { class: "of-number number", "data-column": column.name, "data-label": column.label }));
    const cells = columns.map((column) => this.#spreads.get(column) ?? make("td", { class: `of-${column.kind}` }));
    this.element = make("tr", { class: "group-row" }, make("td", { class: "run-select" }), make("th", { scope: "row", class: "run-name-cell" }, this.#button), ...cells);
    const button = make("button", { type: "button", class: "button small" }, "Show more of this group");
    button.addEventListener("click", () => more(this.#group.list));
    this.more = make("tr", { class: "group-more" }, make("td", { colspan: columns.length + 2 }, button));
  }

  show(group) {
    const isCounted = group.values === this.#group?.values;
    this.#group = group;
    this.#button.setAttribute("aria-expanded", String(group.list !== null));
    if (isCounted) return;
    this.#key.data = group.key === null ? "none" : String(group.key);
    setText(this.#count, group.count === 1 ? "1 run" : `${formatCount(group.count)} runs`);
    for (const [column, cell] of this.#spreads) fillSpread(cell, column, group.values[column.name]);
  }
}

/** A number over a group: its mean, and how far it goes. */
function fillSpread(cell, column, spread) {
  if (!spread || spread.count === 0) {
    cell.title = "";
    return cell.replaceChildren("–");
  }
  const { mean, std, min, max, count } = spread;
  const deviation = std === null ? "" : ` ± ${formatNumber(std, 2)}`;
  const band = count > 1 ? [make("span", { class: "band" }, `${brief(min)}…${brief(max)}`)] : [];
  cell.replaceChildren(make("span", { class: "mean" }, formatNumber(mean)), ...band);
  cell.title = `${column.title}: mean ${formatNumber(mean)}${deviation} of ${count}, from ${formatNumber(min)} to ${formatNumber(max)}`;
}

/** Two digits, and no more than they need. */
function brief(value) {
  return String(Number(Number(value).toPrecision(2)));
}
