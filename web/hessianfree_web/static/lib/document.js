// A job's text, and what the server says of it.

/** Line and column, from 1, of a position in a text, and where that line begins and ends. */
export function placeOf(text, position) {
  const start = text.lastIndexOf("\n", position - 1) + 1;
  const end = text.indexOf("\n", position);
  const line = text.slice(0, start).split("\n").length;
  return { line, column: position - start + 1, start, end: end === -1 ? text.length : end };
}

/** The position of a line and column, from 1. */
export function positionOf(text, line, column) {
  const before = text.split("\n").slice(0, line - 1);
  return Math.min(before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1, text.length);
}

/** What an error of the API says is wrong with a text: `[{message, position}]`, position null where it says no place. */
export function complaintsAbout(text, { detail, message, line, column, errors = [] }) {
  if (errors.length > 0) return errors.map((fault) => ({ message: fault.message, position: fault.position ?? null }));
  return [{ message: detail ?? message, position: line ? positionOf(text, line, column) : null }];
}

/** The sentence with its place before it. */
export function placed(text, { message, position }) {
  if (position === null) return message;
  const { line, column } = placeOf(text, position);
  return `Line ${line}, column ${column}: ${message}`;
}

/** `[path, value]` of what a job sets and no field of these paths shows. Nested objects are told by their parts. */
export function unknownTo(paths, job, prefix = "") {
  const known = new Set(paths);
  return Object.entries(job).flatMap(([key, value]) => {
    const path = prefix ? `${prefix}.${key}` : key;
    if (known.has(path)) return [];
    const nested = value !== null && typeof value === "object" && !Array.isArray(value);
    if (nested && (Object.keys(value).length > 0 || !prefix)) return unknownTo(paths, value, path);
    return [[path, value]];
  });
}

/** A file's name for a job: its own, in letters that every system takes. */
export function fileNameOf(name) {
  const plain = name.normalize("NFKD").replace(/[^\w.-]+/g, "-").replace(/^[-.]+|-+$/g, "").slice(0, 80);
  return `${plain || "job"}.yaml`;
}

/** A run's whole specification cut down to what the page sends: null and empty are what the server fills in. */
export function withoutBlanks(value) {
  const isBlank = (item) => item === null || item === "" || (typeof item === "object" && Object.keys(item).length === 0);
  return Object.fromEntries(Object.entries(value).filter(([, item]) => !isBlank(item)));
}
