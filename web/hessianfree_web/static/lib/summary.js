// The table of what each run achieved and what it cost: its columns, their values, their order, and as CSV.

import { decode, isFiniteNumber } from "./numbers.js";
import { secondsBetween } from "./times.js";

/** The columns: `[key, title, kind]`; `kind` says how a value is written. */
export const COLUMNS = [
  ["name", "Run", "text"],
  ["state", "State", "state"],
  ["step", "Steps", "count"],
  ["loss.min", "Best loss", "number"],
  ["loss.last", "Last loss", "number"],
  ["eval_loss.min", "Best held-out", "number"],
  ["eval_loss.last", "Last held-out", "number"],
  ["seconds", "Training time", "duration"],
  ["gradient_equivalents", "Gradient equivalents", "count"],
  ["curvature_products", "Curvature products", "count"],
  ["examples", "Examples", "count"],
];

const ALWAYS = 3;

/** One row a run: `{run, name, colour, values: {key: value}}`; `totals.of(id)`: what it cost. */
export function summaryRows(runs, shown, totals) {
  return runs.map((run, place) => ({ run, ...shown[place], values: valuesOf(run, shown[place].name, totals.of(run.id)) }));
}

/** The columns that any of the rows has a value for, and those that each run has anyway. */
export function columnsOf(rows) {
  return COLUMNS.filter(([key], place) => place < ALWAYS || rows.some(({ values }) => values[key] !== null));
}

/** The rows in the order of `sort`: a column's key, "-" before it for descending; "": as they were chosen. Missing values last. */
export function arranged(rows, sort) {
  const descending = sort.startsWith("-");
  const key = descending ? sort.slice(1) : sort;
  if (!COLUMNS.some(([known]) => known === key)) return rows;
  return [...rows].sort((a, b) => compare(a.values[key], b.values[key], descending));
}

/** What a click on a column's head sorts by next: up, down, as they were chosen. */
export function nextSort(sort, key) {
  if (sort === key) return `-${key}`;
  return sort === `-${key}` ? "" : key;
}

/** The best row of each column where less is better, by key: nobody where all are alike. */
export function bestOf(rows) {
  const best = {};
  for (const key of ["loss.min", "loss.last", "eval_loss.min", "eval_loss.last"]) {
    const known = rows.map(({ values }) => values[key]).filter(isFiniteNumber);
    if (known.length > 1 && Math.max(...known) > Math.min(...known)) best[key] = Math.min(...known);
  }
  return best;
}

/** Columns and rows for a CSV file, values in full. */
export function summaryTable(rows) {
  const columns = columnsOf(rows);
  return { columns: ["id", ...columns.map(([key]) => key)], rows: rows.map(({ run, values }) => [run.id, ...columns.map(([key]) => values[key])]) };
}

function valuesOf(run, name, totals) {
  const of = (metric, which) => number(run.summary[metric]?.[which]);
  return {
    name,
    state: run.state,
    step: run.progress.step,
    "loss.min": of("loss", "min"),
    "loss.last": of("loss", "last"),
    "eval_loss.min": of("eval_loss", "min"),
    "eval_loss.last": of("eval_loss", "last"),
    seconds: number(run.progress.seconds) || secondsBetween(run.started_at, run.ended_at),
    gradient_equivalents: number(totals.gradient_equivalents),
    curvature_products: number(totals.curvature_products),
    examples: number(totals.examples),
  };
}

function number(value) {
  const found = decode(value);
  return typeof found === "number" ? found : null;
}

function compare(a, b, descending) {
  const known = (value) => value !== null && !Number.isNaN(value);
  if (!known(a) || !known(b)) return known(b) - known(a);
  const order = a < b ? -1 : a > b ? 1 : 0;
  return descending ? -order : order;
}
