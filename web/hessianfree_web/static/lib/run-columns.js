// The columns of the runs table: how each is called, how wide it is, what a run has there.

import { formatCount, formatNumber } from "./numbers.js";
import { formatDuration } from "./times.js";

const ENDINGS = { first: "first", last: "last", min: "least", max: "largest", best: "best", best_step: "step of best" };
const SUMMARY = { best: "min" };
const OWN = {
  name: { label: "Name", kind: "name", width: 300 },
  state: { label: "State", kind: "state", width: 168 },
  problem: { label: "Problem", kind: "text", width: 144 },
  optimizer: { label: "Optimizer", kind: "text", width: 112 },
  progress: { label: "Progress", kind: "progress", width: 120 },
  curve: { label: "Curve", kind: "curve", width: 104, fixed: true },
  created: { label: "Created", kind: "time", width: 92 },
  started: { label: "Started", kind: "time", width: 96 },
  ended: { label: "Ended", kind: "time", width: 96 },
  step: { label: "Steps done", kind: "count", width: 104 },
  steps: { label: "Budget", kind: "count", width: 96 },
  seconds: { label: "Time", kind: "duration", width: 112 },
  attempt: { label: "Attempt", kind: "count", width: 88 },
  priority: { label: "Priority", kind: "count", width: 88 },
  tag: { label: "Tags", kind: "tags", width: 160, fixed: true },
  cause: { label: "Cause", kind: "text", width: 120 },
  error: { label: "Error", kind: "text", width: 240 },
  notes: { label: "Notes", kind: "text", width: 240 },
  kind: { label: "Kind", kind: "text", width: 80 },
  id: { label: "Id", kind: "text", width: 152 },
  worker: { label: "Worker", kind: "text", width: 152 },
  sweep: { label: "Sweep", kind: "text", width: 152 },
  archived: { label: "Archived", kind: "flag", width: 96 },
  pinned: { label: "Pinned", kind: "flag", width: 88 },
};
const LOSS = { "loss.last": "Last loss", "loss.min": "Best loss", "loss.best": "Best loss" };

/** `{name, label, title, kind, width, isSortable}` of any name that a filter can have, and of `curve`. */
export function columnOf(name) {
  const own = OWN[name];
  if (own) return { name, label: own.label, title: own.label, kind: own.kind, width: own.width, isSortable: !own.fixed };
  const [metric, ending] = metricOf(name);
  if (metric) return { name, label: LOSS[name] ?? `${metric} ${ENDINGS[ending]}`, title: name, kind: "number", width: LOSS[name] ? 96 : 120, isSortable: true };
  return { name, label: name.slice(name.lastIndexOf(".") + 1), title: name, kind: "setting", width: 120, isSortable: true };
}

/** Metric and ending of a name such as loss.min; nulls for others. */
export function metricOf(name) {
  const cut = name.lastIndexOf(".");
  const ending = name.slice(cut + 1);
  return cut > 0 && ending in ENDINGS && !name.startsWith("spec.") ? [name.slice(0, cut), ending] : [null, null];
}

/** What a run has under a name; undefined or null: nothing. */
export function valueOf(run, name) {
  const [metric, ending] = metricOf(name);
  if (metric) return run.summary[metric]?.[SUMMARY[ending] ?? ending];
  switch (name) {
    case "problem":
    case "optimizer":
      return run.spec[name];
    case "created":
    case "started":
    case "ended":
      return run[`${name}_at`];
    case "step":
    case "steps":
    case "seconds":
      return run.progress[name];
    case "tag":
      return run.tags;
  }
  if (name in OWN) return run[name];
  return name.replace(/^spec\./, "").split(".").reduce((part, key) => (part && typeof part === "object" && !Array.isArray(part) ? part[key] : undefined), run.spec);
}

/** A value as its column shows it; a dash where there is nothing. */
export function textOf(value, kind) {
  if (value === null || value === undefined || value === "") return "–";
  if (kind === "number") return formatNumber(value);
  if (kind === "count") return formatCount(value);
  if (kind === "duration") return formatDuration(Number(value));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether a column's values line up at their right. */
export function isNumeric({ kind }) {
  return ["number", "count", "duration", "time"].includes(kind);
}

/** Whether groups of runs say how far a column's values spread. */
export function isSpread({ kind }) {
  return ["number", "count", "duration", "setting"].includes(kind);
}

/** The width in pixels that these columns need, with the one of names and the one to select by. */
export function widthOf(columns) {
  return columns.reduce((sum, { width }) => sum + width, 44 + 240);
}
