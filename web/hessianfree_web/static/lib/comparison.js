// The compare page's view, which its address holds: only what differs from what one gets unasked.

import { scaleItems, scalesFrom } from "./scales.js";

/** What x may be, and how the page calls it. */
export const X_CHOICES = [
  ["step", "Step"],
  ["seconds", "Training time"],
  ["elapsed", "Elapsed time"],
  ["wall_time", "Date and time"],
  ["gradient_equivalents", "Gradient equivalents"],
  ["curvature_products", "Curvature products"],
  ["examples", "Examples"],
];

/** What can be paid to reach a target. */
export const COSTS = X_CHOICES.filter(([name]) => name !== "wall_time");

export const MIDDLES = ["mean", "median"];
export const BANDS = ["quantiles", "range"];
export const RELATIONS = ["difference", "ratio"];
export const MOST_RUNS = 100;

const WORDS = {
  x: ["step", X_CHOICES.map(([name]) => name)],
  middle: ["mean", MIDDLES],
  band: ["quantiles", BANDS],
  relation: ["difference", RELATIONS],
  cost: ["gradient_equivalents", COSTS.map(([name]) => name)],
};
const TEXTS = { zoom: "", group: "", baseline: "", goal: "loss", across: "seconds", up: "loss.min", sort: "" };

/** How charts are shown unless their reader chooses; what the page's reset goes back to. */
export const UNASKED = {
  ...{ x: "step", logx: false, logs: {}, smooth: 0, group: "", middle: "mean", band: "quantiles", baseline: "", relation: "difference" },
  ...{ metrics: null, hidden: [], zoom: "" },
};

/**
 * A view from the address. `metrics` null: the charts one gets unasked; `zoom`: bounds of x; `logs`: by metric, whether y is logarithmic where
 * that was chosen; `hidden`: ids of runs, or names of groups, that are not drawn; `target` null: the suggested one.
 */
export function comparisonFrom(search) {
  const given = new URLSearchParams(search);
  const runs = listed(given.get("runs"));
  const view = { runs, metrics: chartsFrom(given), logx: given.get("logx") === "1", logs: scalesFrom(listed(given.get("log"))) };
  for (const [key, [unasked, allowed]] of Object.entries(WORDS)) view[key] = allowed.includes(given.get(key)) ? given.get(key) : unasked;
  for (const [key, unasked] of Object.entries(TEXTS)) view[key] = given.get(key) ?? unasked;
  view.smooth = numberFrom(given.get("smooth"), 0, 0.999) ?? 0;
  view.target = numberFrom(given.get("target"), -Infinity, Infinity);
  view.everything = given.get("settings") === "all";
  const only = listed(given.get("only"));
  view.hidden = only.length > 0 ? runs.filter((run) => !only.includes(run)) : listed(given.get("hide"));
  return view;
}

/** The address's query for a view; commas in lists stay readable. */
export function comparisonSearch(view) {
  const parts = [`runs=${list(view.runs)}`];
  const add = (key, text) => parts.push(`${key}=${text}`);
  if (view.metrics !== null) add("metrics", list(view.metrics));
  for (const [key, [unasked]] of Object.entries(WORDS)) if (view[key] !== unasked) add(key, encodeURIComponent(view[key]));
  for (const [key, unasked] of Object.entries(TEXTS)) if (view[key] !== unasked) add(key, encodeURIComponent(view[key]).replaceAll("%2C", ","));
  if (view.logx) add("logx", 1);
  const logs = scaleItems(view.logs);
  if (logs.length > 0) add("log", list(logs));
  if (view.smooth > 0) add("smooth", view.smooth);
  if (view.target !== null) add("target", view.target);
  if (view.everything) add("settings", "all");
  const shown = view.runs.filter((run) => !view.hidden.includes(run));
  const ofRuns = view.hidden.length + shown.length === view.runs.length;
  if (ofRuns && shown.length > 0 && shown.length < view.hidden.length) add("only", list(shown));
  else if (view.hidden.length > 0) add("hide", list(view.hidden));
  return `?${parts.join("&")}`;
}

/** Where the chart of a metric comes from. */
export function metricAddress(view, metric) {
  const { x, smooth, group, middle, band, baseline, relation } = view;
  const query = new URLSearchParams({ x, metric });
  if (smooth > 0) query.set("smooth", smooth);
  if (group) for (const [key, value] of Object.entries({ group, middle, band })) query.set(key, value);
  if (view.runs.includes(baseline)) for (const [key, value] of Object.entries({ baseline, relation })) query.set(key, value);
  return figureAddress("metric", view, query);
}

/** Where the figure of two values of each run comes from. */
export function scatterAddress(view) {
  const query = new URLSearchParams({ x: view.across, metric: view.up });
  if (view.group) query.set("group", view.group);
  return figureAddress("scatter", view, query);
}

/** Where the performance profile comes from. */
export function profileAddress(view) {
  const query = new URLSearchParams({ x: view.cost, metric: view.goal });
  if (view.group) query.set("group", view.group);
  if (view.target !== null) query.set("target", view.target);
  return figureAddress("performance-profile", view, query);
}

/** The charts that are drawn: those chosen, or of those one would want first the four that there are. */
export function chartsOf(view, available) {
  if (view.metrics !== null) return view.metrics;
  const wanted = ["loss", "eval_loss", "gradient_norm", "damping", "eval_error", "step_norm"];
  const found = wanted.filter((metric) => available.includes(metric)).slice(0, 4);
  return found.length > 0 ? found : available.slice(0, 1);
}

/** What is hidden after `key` was isolated among `all`: nothing, if it was already the only one to be seen. */
export function isolated(hidden, all, key) {
  const others = all.filter((other) => other !== key);
  const alone = !hidden.includes(key) && others.every((other) => hidden.includes(other));
  return alone ? [] : others;
}

/** What is hidden after `key` was hidden, or shown again. */
export function toggled(hidden, key) {
  return hidden.includes(key) ? hidden.filter((other) => other !== key) : [...hidden, key];
}

/** Whether a trace, by its `meta`, is of what is hidden: a run or a group. */
export function isHidden(meta, hidden) {
  return hidden.length > 0 && (meta?.group === undefined ? hidden.includes(meta?.run ?? meta?.of) : hidden.includes(meta.group));
}

function figureAddress(name, { runs }, query) {
  return `/api/v1/figures/${name}?runs=${list(runs)}&${query}`;
}

function chartsFrom(given) {
  const metrics = given.get("metrics") ?? given.get("metric");
  return metrics === null ? null : [...new Set(listed(metrics))];
}

function numberFrom(text, least, most) {
  const number = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(number) && number >= least && number <= most ? number : null;
}

// Commas separate: one that belongs to an item is written as %2C within it.
function listed(text) {
  return (text ?? "").split(",").filter(Boolean).map(decodeItem);
}

function list(items) {
  return items.map((item) => encodeURIComponent(item.replaceAll("%", "%25").replaceAll(",", "%2C"))).join(",");
}

function decodeItem(item) {
  return item.replaceAll("%2C", ",").replaceAll("%25", "%");
}

/** The weight of smoothing at a place of the slider, from 0 to 100: finer towards 1, where one more step changes most. */
export function weightAt(place) {
  return place === 0 ? 0 : Number((1 - 10 ** (-place / 40)).toFixed(3));
}

/** The slider's place of a weight: `weightAt` undone. */
export function placeOf(weight) {
  return Math.round(-40 * Math.log10(1 - weight)) || 0;
}
