// Configurations: nested objects as dotted paths, and what differs between them.

const LABELS = new Set(["name", "notes", "tags"]); // say what a run is called, not what it does

/** A nested object as a flat Map from dotted path to value; lists stay whole. */
export function flatten(value, path = "", into = new Map()) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    for (const [key, item] of Object.entries(value)) flatten(item, path ? `${path}.${key}` : key, into);
  } else if (path) {
    into.set(path, value);
  }
  return into;
}

/**
 * Rows `{path, values, shared}` for each path whose value is not the same in all `specs`; undefined where a spec lacks
 * it. `shared`: more than one spec has it. Those come first: the rest is what one optimizer has and another has not.
 */
export function differences(specs) {
  return settingsOf(specs).filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

/** Rows as of `differences`, of every path that any of the specs has. */
export function settingsOf(specs) {
  const flat = specs.map((spec) => flatten(spec));
  const paths = [...new Set(flat.flatMap((spec) => [...spec.keys()]))].filter((path) => !LABELS.has(path));
  return paths
    .map((path) => ({ path, values: flat.map((spec) => spec.get(path)) }))
    .map((row) => ({ ...row, shared: row.values.filter((value) => value !== undefined).length > 1 }))
    .sort((a, b) => b.shared - a.shared);
}

/** A configuration's value for reading. */
export function formatValue(value) {
  if (value === undefined) return "–";
  if (value === null) return "none";
  if (value === true) return "yes";
  if (value === false) return "no";
  return typeof value === "string" ? value : JSON.stringify(value);
}
