// What a sweep tries of a field: values as typed, or a range, and back.

import { readField, textOf } from "./forms.js";

const ROOTS = ["problem_params", "optimizer_params", "budget", "dtype"];
const KINDS = ["integer", "number", "choice", "boolean"];

/** Whether a sweep can search the field. */
export function mayVary(field) {
  return KINDS.includes(field.kind) && ROOTS.includes(field.path.split(".")[0]);
}

/** The choices that a field has by its schema, as values; none for numbers. */
export function choicesOf(field) {
  if (field.kind === "boolean") return [true, false];
  if (field.kind !== "choice") return [];
  return field.nullable ? [...field.choices, null] : field.choices;
}

/** What is typed for a dimension of a numeric field: `{mode: values|range|log, values, low, high, step}`, all texts. */
export function typedOf(field, dimension) {
  const text = (value) => (value === undefined || value === null ? "" : textOf(field, value));
  const listed = Array.isArray(dimension) ? dimension : dimension?.choices;
  if (!dimension || listed) return { mode: "values", values: (listed ?? []).map((value) => text(value) || "none").join(", "), low: "", high: "", step: "" };
  return { mode: dimension.log ? "log" : "range", values: "", low: text(dimension.low), high: text(dimension.high), step: text(dimension.step) };
}

/** Values to start from when a numeric field with this value is to be varied. */
export function suggested(field, value) {
  const number = typeof value === "number" ? value : 1;
  const around = number === 0 ? [0, 1] : [number / 10, number, number * 10];
  const values = field.kind === "integer" ? around.map((each) => Math.round(each)) : around.map((each) => Number(each.toPrecision(6)));
  return [...new Set(values)].filter((each) => readField(field, String(each)).error === undefined);
}

/** What was typed for a numeric field, as `{dimension}` or `{error}`, a sentence. */
export function readDimension(field, { mode, values, low, high, step }) {
  return mode === "values" ? readValues(field, values) : readRange(field, { mode, low, high, step });
}

function readValues(field, values) {
  const typed = values.split(/[,\s]+/).filter(Boolean);
  if (typed.length < 2) return { error: "Give at least two values, separated by commas." };
  const read = typed.map((text) => readField(field, field.nullable && text === "none" ? "" : text));
  const wrong = read.find((each) => each.error);
  if (wrong) return wrong;
  const found = read.map((each) => each.value);
  const twice = found.find((value, index) => found.indexOf(value) < index);
  return twice === undefined ? { dimension: found } : { error: `${twice} stands there twice.` };
}

function readRange(field, { mode, low, high, step }) {
  if (!low.trim() || !high.trim()) return { error: "A range needs its lowest and its highest value." };
  const [first, last] = [readField(field, low), readField(field, high)];
  if (first.error || last.error) return first.error ? first : last;
  if (first.value >= last.value) return { error: `The lowest value, ${first.value}, must be below the highest, ${last.value}.` };
  if (mode === "log") return first.value > 0 ? { dimension: { low: first.value, high: last.value, log: true } } : { error: "A range of ratios must lie above 0." };
  if (!step.trim()) return { dimension: { low: first.value, high: last.value } };
  const width = Number(step);
  if (!(width > 0 && width <= last.value - first.value)) return { error: `The step must be above 0 and at most ${last.value - first.value}; this is ${step.trim()}.` };
  if (field.kind === "integer" && !Number.isInteger(width)) return { error: `A whole number is needed as step; this is ${step.trim()}.` };
  return { dimension: { low: first.value, high: last.value, step: width } };
}
