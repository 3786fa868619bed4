// Filtering and sorting of runs, as the table shows them.

import { decode, isFiniteNumber } from "./numbers.js";
import { fractionDone, SHOWN_STATES, shownState } from "./states.js";

/** Each column's value to sort by: a string or a number; null sorts last either way. */
const COLUMNS = {
  name: (run) => run.name.toLowerCase(),
  state: (run) => SHOWN_STATES.indexOf(shownState(run)),
  problem: (run) => problemOf(run),
  optimizer: (run) => optimizerOf(run),
  loss: (run) => finite(run.summary.loss?.last),
  best: (run) => finite(run.summary.loss?.min),
  progress: (run) => fractionDone(run),
  age: (run) => -Date.parse(run.created_at),
};

/** Columns that can be sorted by. */
export const SORTABLE = Object.keys(COLUMNS);

/** The table's view when nothing else was asked for: the youngest first. */
export const DEFAULT_VIEW = Object.freeze({ q: "", state: "", problem: "", optimizer: "", sort: "age" });

/** What a run trains; a script's run has it too. */
export function problemOf(run) {
  return run.spec.problem ?? "";
}

/** What a run trains with. */
export function optimizerOf(run) {
  return run.spec.optimizer ?? "";
}

/** Whether a run passes the filters; every word of `q` must occur in its name, problem, optimizer, tags or id. */
export function matches(run, view) {
  if (view.state && shownState(run) !== view.state) return false;
  if (view.problem && problemOf(run) !== view.problem) return false;
  if (view.optimizer && optimizerOf(run) !== view.optimizer) return false;
  const text = [run.name, problemOf(run), optimizerOf(run), run.id, ...run.tags].join(" ").toLowerCase();
  return view.q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Order of two runs by `sort`, a column's name, "-" before it for descending; equals stand youngest first. */
export function comparison(sort) {
  const descending = sort.startsWith("-");
  const column = COLUMNS[descending ? sort.slice(1) : sort] ?? COLUMNS.age;
  return (a, b) => {
    const order = compare(column(a), column(b), descending);
    return order || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
  };
}

/** The runs that pass, in order. */
export function arrange(runs, view) {
  return [...runs].filter((run) => matches(run, view)).sort(comparison(view.sort));
}

/** What a click on a column's head sorts by next: ascending, then descending. */
export function nextSort(sort, column) {
  return sort === column ? `-${column}` : column;
}

/** The different values of `pick` over all runs, in alphabetical order, for a filter's choices. */
export function choices(runs, pick) {
  return [...new Set([...runs].map(pick))].filter(Boolean).sort();
}

/** A view from the address, with what the address does not say as it is by default. */
export function viewFrom(search) {
  const given = new URLSearchParams(search);
  const view = { ...DEFAULT_VIEW };
  for (const key of Object.keys(view)) view[key] = given.get(key) ?? view[key];
  if (!SORTABLE.includes(view.sort.replace(/^-/, ""))) view.sort = DEFAULT_VIEW.sort;
  return view;
}

/** The address's query for a view: only what differs from the default. */
export function searchOf(view) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(view)) if (value !== DEFAULT_VIEW[key]) query.set(key, value);
  const text = query.toString();
  return text ? `?${text}` : "";
}

function finite(value) {
  const number = decode(value);
  return isFiniteNumber(number) ? number : null;
}

function compare(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = a < b ? -1 : a > b ? 1 : 0;
  return descending ? -order : order;
}
