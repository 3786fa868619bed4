// Sweeps and their trials, in words and in order.

import { formatNumber } from "./numbers.js";
import { scaleItems, scalesFrom } from "./scales.js";

const METHODS = { grid: "Grid", random: "Random search", tpe: "TPE" };
const MOST_COMPARED = 100;
const SCALED = /^-?(history|slice-\d+)$/; // the figures of a sweep that have either scale

/** The states of trials, in the order in which a bar shows them. */
export const TRIAL_STATES = ["completed", "pruned", "failed", "cancelled", "running", "queued"];

/** The columns by which trials can be sorted beside their parameters. */
export const COLUMNS = ["number", "state", "value", "seconds"];

/** A parameter's name without where it stands; the whole path where two would be called the same. */
export function shortName(path, paths = []) {
  const name = path.split(".").at(-1);
  return paths.filter((other) => other.split(".").at(-1) === name).length > 1 ? path : name;
}

/** How a sweep searches: "Grid, 27 trials", "TPE, 40 trials with 3 seeds each, pruned from 10 steps on". */
export function describeSearch({ total, spec }) {
  const seeds = spec.seeds?.length ?? 1;
  const trials = `${total} ${total === 1 ? "trial" : "trials"}`;
  const { pruning } = spec.search;
  const pruned = pruning ? `, pruned from ${formatParam(pruning.after)} ${pruning.of} on` : "";
  return `${METHODS[spec.search.method]}, ${trials}${seeds > 1 ? ` with ${seeds} seeds each` : ""}${pruned}`;
}

/** What is trained with what: "adam, sgd on digits". */
export function describeBase({ base, search }) {
  return `${(search.space.optimizer?.choices ?? [base.optimizer]).join(", ")} on ${base.problem}`;
}

/** Where a trial was pruned: "at 30 steps with 0.5312"; "" where it was not. */
export function describePruning({ state, rungs }, { search }) {
  const last = rungs?.at(-1);
  if (state !== "pruned" || !last) return "";
  return `at ${formatParam(last.at)} ${search.pruning.of} with ${formatNumber(last.value)}`;
}

/** Whether a form of one job cannot say what is searched: parameters with conditions, with names of their own, or optimizers. */
export function isBeyondForm({ search }) {
  return Object.entries(search.space).some(([name, { when, path }]) => name === "optimizer" || path || Object.keys(when ?? {}).length > 0);
}

/** What is wanted: "minimize eval_loss", "maximize the best accuracy, until 0.99". */
export function describeObjective({ metric, goal, at, target }) {
  const until = target === null || target === undefined ? "" : `, until ${formatNumber(target)}`;
  return `${goal} ${at === "best" ? "the best" : "the last"} ${metric}${until}`;
}

/** A parameter's value: numbers with up to four digits, choices as a job file has them. */
export function formatParam(value) {
  if (typeof value === "number") return formatNumber(value).replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");
  return value === undefined ? "–" : value === null ? "null" : String(value);
}

/** The parts of a sweep by state, `{state, count, share}` of all that there will be; what is not asked for yet is queued. */
export function parts({ trials, total }) {
  const known = Object.values(trials).reduce((sum, count) => sum + count, 0);
  const counts = { ...trials, queued: (trials.queued ?? 0) + Math.max(0, total - known) };
  const all = Math.max(total, known, 1);
  return TRIAL_STATES.map((state) => ({ state, count: counts[state] ?? 0, share: (counts[state] ?? 0) / all }));
}

/** How many trials have ended. */
export function endedOf({ trials }) {
  return ["completed", "pruned", "failed", "cancelled"].reduce((sum, state) => sum + (trials[state] ?? 0), 0);
}

/** The order in which a sweep's best trials come first. */
export function bestFirst({ objective }) {
  return objective.goal === "maximize" ? "-value" : "value";
}

/** The order after a click on a column's head: of the other column ascending, or this one turned round. */
export function nextOrder(sort, column) {
  return sort === column ? `-${column}` : column;
}

/**
 * What the page's address asks for: the order of trials and the axes of the map, where they are such of the sweep; `logs`: figure -> whether
 * its y is logarithmic, where that was chosen.
 */
export function viewOf(search, spec) {
  const asked = new URLSearchParams(search);
  const paths = Object.keys(spec.search.space);
  const axis = (name, otherwise) => (paths.includes(asked.get(name)) ? asked.get(name) : otherwise);
  const sort = asked.get("sort") ?? "";
  const known = [...COLUMNS, ...paths].includes(sort.replace(/^-/, ""));
  const x = axis("x", paths[0]);
  const logs = scalesFrom((asked.get("scale") ?? "").split(",").filter((item) => SCALED.test(item)));
  return { sort: known ? sort : bestFirst(spec), x, y: axis("y", paths.find((path) => path !== x) ?? x), logs };
}

/** The address of a view; what is so anyway is left out. */
export function searchOfView({ logs, ...view }, spec) {
  const usual = { ...viewOf(`?x=${encodeURIComponent(view.x)}`, spec), x: viewOf("", spec).x };
  const changed = Object.entries(view).filter(([name, value]) => value !== usual[name]);
  const scales = scaleItems(logs);
  if (scales.length > 0) changed.push(["scale", scales.join()]);
  return changed.length ? `?${new URLSearchParams(changed)}`.replaceAll("%2C", ",") : "";
}

/** The address that compares the runs of these trials, as many as can be. */
export function compareAddress(trials) {
  return `/compare?runs=${trials.flatMap(({ runs }) => runs.map(({ id }) => id)).slice(0, MOST_COMPARED).join(",")}`;
}
