// The view of the runs table: what its address holds, and what it asks of the server.

import { both, isFilter } from "./filters.js";

/** Columns when nothing else was asked for; the name always stands first. */
export const DEFAULT_COLUMNS = Object.freeze(["state", "problem", "optimizer", "loss.last", "loss.min", "curve", "progress", "created"]);

/** The table's view when nothing else was asked for: the youngest first. */
export const DEFAULT_VIEW = Object.freeze({
  q: "",
  state: "",
  problem: "",
  optimizer: "",
  archived: "",
  sort: "-created",
  columns: DEFAULT_COLUMNS,
  group: "",
  curve: "loss",
});

/** Runs on one page of the table. */
export const PAGE = 50;

const FILTERS = ["q", "state", "problem", "optimizer", "archived"];

/** What a run trains; a script's run has it too. */
export function problemOf(run) {
  return run.spec.problem ?? "";
}

/** What a run trains with. */
export function optimizerOf(run) {
  return run.spec.optimizer ?? "";
}

/** A view from the address, with what the address does not say as it is by default. */
export function viewFrom(search) {
  const given = new URLSearchParams(search);
  const view = { ...DEFAULT_VIEW };
  for (const key of Object.keys(view)) {
    const value = given.get(key);
    if (value === null) continue;
    view[key] = key === "columns" ? [...new Set(value.split(",").filter((name) => name && name !== "name"))] : value;
  }
  return view;
}

/** The address's query for a view: only what differs from the default. */
export function searchOf(view) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(view)) {
    const text = String(value);
    if (text !== String(DEFAULT_VIEW[key])) query.set(key, text);
  }
  const text = query.toString().replaceAll("%2C", ",");
  return text ? `?${text}` : "";
}

/** Whether the view leaves runs out that another would show. */
export function isNarrowed(view) {
  return FILTERS.some((key) => view[key] !== DEFAULT_VIEW[key]);
}

/** Which runs, as parameters of the API: those of lists, groups, files and actions. `within`: a filter of a group, beside the view's. */
export function selectionOf(view) {
  const text = view.q.trim();
  const chosen = { state: view.state, problem: view.problem, optimizer: view.optimizer, archived: view.archived };
  if (text) chosen[isFilter(text) ? "filter" : "q"] = text;
  if (view.within) chosen.filter = both(chosen.filter ?? "", view.within);
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value));
}

/** The query of one page of the list. */
export function listQuery(view, cursor = null, limit = PAGE) {
  const query = new URLSearchParams({ ...selectionOf(view), sort: view.sort, limit });
  if (cursor) query.set("cursor", cursor);
  return query.toString();
}

/** What a click on a column's head sorts by next: ascending, descending, then as by default. Ages begin with the youngest. */
export function nextSort(sort, column) {
  const [first, second] = column === "created" ? ["-created", "created"] : [column, `-${column}`];
  if (sort === first) return second;
  return sort === second ? DEFAULT_VIEW.sort : first;
}
