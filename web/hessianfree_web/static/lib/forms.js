// What a form's fields hold: text as typed, checked and turned into the values of a job.

import { formatCount } from "./numbers.js";

/** The text a field starts with for `value`; booleans start as booleans. */
export function textOf(field, value) {
  if (field.kind === "boolean") return Boolean(value);
  if (value === null || value === undefined) return "";
  if (field.kind === "list" && Array.isArray(value) && field.items !== "object") return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What was typed, as `{value}` or `{error}`, a sentence; value undefined: nothing given, the default holds. */
export function readField(field, typed) {
  if (field.kind === "boolean") return { value: typed };
  const text = typed.trim();
  if (text === "") return blank(field);
  if (field.kind === "choice") return { value: field.choices.find((choice) => String(choice) === text) };
  if (field.kind === "integer" || field.kind === "number") return number(field, text, field.kind);
  if (field.kind === "list") return list(field, text);
  if (field.kind === "json") return json(text);
  const { max } = field.length;
  return max !== null && text.length > max ? { error: `At most ${max} characters; these are ${text.length}.` } : { value: text };
}

/** The allowed range in words, or "": "at least 0", "above 0, at most 1", "between 0 and 1". */
export function boundsText({ low, lowOpen, high, highOpen }) {
  if (low !== null && high !== null && !lowOpen && !highOpen) return `between ${grouped(low)} and ${grouped(high)}`;
  const parts = [];
  if (low !== null) parts.push(`${lowOpen ? "above" : "at least"} ${grouped(low)}`);
  if (high !== null) parts.push(`${highOpen ? "below" : "at most"} ${grouped(high)}`);
  return parts.join(", ");
}

/** The hint under a field: its description and its bounds as sentences. */
export function hintText(field) {
  const bounds = boundsText(field);
  const separated = field.kind === "list" && "Separated by commas.";
  return [field.description, separated, bounds && `${bounds.charAt(0).toUpperCase()}${bounds.slice(1)}.`].filter(Boolean).join(" ");
}

/** The default in words, or "" where there is none to tell of. */
export function defaultText(field) {
  const { initial, kind } = field;
  const isBlankText = kind === "text" && !initial;
  if (initial === undefined || isBlankText || kind === "json" || (Array.isArray(initial) && initial.length === 0)) return "";
  if (initial === null) return "none";
  return kind === "boolean" ? (initial ? "on" : "off") : textOf(field, initial);
}

/** Nested object from `[path, value]` pairs with dotted paths. */
export function nest(pairs) {
  const root = {};
  for (const [path, value] of pairs) {
    const keys = path.split(".");
    const last = keys.pop();
    let node = root;
    for (const key of keys) node = node[key] ??= {};
    node[last] = value;
  }
  return root;
}

/** The value at a dotted path of a nested object; undefined where the path ends early. */
export function pick(object, path) {
  return path.split(".").reduce((node, key) => (node === null || node === undefined ? undefined : node[key]), object);
}

/** Whether a value is what the field has by default, and so need not be sent. */
export function isDefault(field, value) {
  if (field.initial === undefined) return value === undefined || value === null || value.length === 0;
  return JSON.stringify(value) === JSON.stringify(field.initial);
}

function blank(field) {
  if (field.nullable) return { value: null };
  if (field.kind === "list") return { value: [] };
  if (field.kind === "text" && !field.required) return { value: field.initial === null ? null : "" };
  return { error: field.kind === "choice" ? "Choose one." : "A value is needed here." };
}

function number(field, text, kind) {
  const value = Number(text);
  if (!Number.isFinite(value)) return { error: `${text} is not a number.` };
  if (kind === "integer" && !Number.isInteger(value)) return { error: `A whole number is needed; this is ${text}.` };
  const { low, lowOpen, high, highOpen } = field;
  const below = low !== null && (lowOpen ? value <= low : value < low);
  const above = high !== null && (highOpen ? value >= high : value > high);
  return below || above ? { error: `Must be ${boundsText(field)}; this is ${text}.` } : { value };
}

function list(field, text) {
  if (text.startsWith("[")) return json(text);
  const items = text.split(/[,\s]+/).filter(Boolean);
  if (field.items !== "number" && field.items !== "integer") return { value: text.split(",").map((item) => item.trim()).filter(Boolean) };
  const values = [];
  for (const item of items) {
    const read = number({ low: null, high: null }, item, field.items);
    if (read.error) return read;
    values.push(read.value);
  }
  return { value: values };
}

function json(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { error: "This is not valid JSON." };
  }
}

function grouped(number) {
  if (!Number.isInteger(number)) return String(number).replace(/^-/, "−");
  return Math.abs(number) >= 1e12 ? number.toExponential().replace("+", "") : formatCount(number);
}
