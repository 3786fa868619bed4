// Runs on their way to a target: who got there, and who paid least.

import { decode } from "./numbers.js";

/** Rows `{run, name, colour, target, costs}`, the fastest first, then those that never arrived; `shown` by id. */
export function targetRows({ items }, shown) {
  const rows = items.map(({ run, target, costs }) => ({ run, ...shown.get(run), target: decode(target), costs: costs && decoded(costs) }));
  const price = ({ costs }) => costs?.gradient_equivalents ?? costs?.seconds ?? Infinity;
  const arrived = rows.filter(({ costs }) => costs !== null).sort((a, b) => price(a) - price(b));
  return [...arrived, ...rows.filter(({ costs }) => costs === null)];
}

/** Of `costs`, `[[key, title]]`, those that any of the rows has. */
export function costColumns(rows, costs) {
  return costs.filter(([key]) => rows.some((row) => row.costs && key in row.costs));
}

/** The least cost of each column, by key; of one row alone there is nothing to be less than. */
export function fastest(rows, columns) {
  const least = {};
  for (const [key] of columns) {
    const known = rows.map(({ costs }) => costs?.[key]).filter((cost) => cost !== undefined);
    if (known.length > 1 && Math.max(...known) > Math.min(...known)) least[key] = Math.min(...known);
  }
  return least;
}

function decoded(costs) {
  return Object.fromEntries(Object.entries(costs).map(([key, value]) => [key, decode(value)]));
}
