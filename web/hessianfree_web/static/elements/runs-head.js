// The head of the runs table: the names of its columns, which sort.

import { columnOf, isNumeric } from "../lib/run-columns.js";
import { icon, make } from "./dom.js";

/** Give `table` the heads and the widths of these columns behind the name's; `sort`: the order that is shown. */
export function drawHeads(table, columns, sort) {
  const row = table.querySelector("thead tr");
  row.replaceChildren(row.firstElementChild, ...[columnOf("name"), ...columns].map((column) => head(column, sort)));
  table.querySelector("colgroup").replaceChildren(make("col", { class: "of-select" }), make("col", { class: "of-name" }), ...columns.map(({ width }) => sized(make("col"), width)));
}

function head(column, sort) {
  const { name, label, title, kind, isSortable } = column;
  const order = sort.replace("-", "") !== name ? "none" : sort.startsWith("-") === (name !== "created") ? "descending" : "ascending";
  const content = isSortable ? make("button", { type: "button", "data-sort": name, title }, label, icon("sort")) : make("span", { title }, label);
  return make("th", { scope: "col", class: `of-${kind}${isNumeric(column) ? " number" : ""}`, "aria-sort": isSortable ? order : undefined }, content);
}

function sized(column, width) {
  column.style.width = `${width}px`;
  return column;
}
