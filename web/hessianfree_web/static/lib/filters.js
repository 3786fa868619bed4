// The box above the runs table: words to look for, or a filter as docs/filters.md has it. The server reads filters; here they are told apart and completed.

const OPERATOR = /[=<>:]/;
const WORD = /[^\s()=!<>:"']/;
const PLAIN = /^[^\s()=!<>:"']+$/;
const RESERVED = new Set(["and", "or", "not"]);
const STATES = ["queued", "running", "paused", "completed", "failed", "cancelled", "stale", "stopping", "pausing", "error", "diverged", "out_of_memory", "killed", "device", "storage", "lost", "invalid"];
const ENDINGS = ["last", "min", "max", "first", "best_step"];
const MOST = 8;

/** Whether the text is a filter: it compares something. Anything else is words. */
export function isFilter(text) {
  return OPERATOR.test(text);
}

/** A value as a filter writes it: in quotes where it has to be. */
export function quoted(text) {
  const plain = PLAIN.test(text) && !RESERVED.has(text.toLowerCase()) && !/^[-+.\d]/.test(text);
  return plain ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Both filters at once; each may be empty. */
export function both(one, other) {
  const parts = [one, other].filter((part) => part.trim());
  return parts.length < 2 ? (parts[0] ?? "") : parts.map((part) => `(${part})`).join(" and ");
}

/** Every name that a filter or a column can have, of what the server said there is. */
export function namesOf(fields) {
  const metrics = fields.metrics.flatMap(({ name }) => ENDINGS.map((ending) => `${name}.${ending}`));
  return [...fields.columns.map(({ name }) => name), ...metrics, ...fields.settings.map(({ name }) => name)];
}

/**
 * What could stand where the caret is: `{start, end, options}`, the part of the text that an option replaces. After an operator
 * values are offered where they are known, before it names; those that begin with what is there come first.
 */
export function completions(text, caret, fields) {
  let start = caret;
  while (start > 0 && WORD.test(text[start - 1])) start -= 1;
  let end = caret;
  while (end < text.length && WORD.test(text[end])) end += 1;
  const typed = text.slice(start, caret).toLowerCase();
  const before = /([^\s()=!<>:"']+)\s*(?:[!<>]?=|[<>:])\s*$/.exec(text.slice(0, start));
  const known = before ? valuesOf(before[1], fields) : namesOf(fields);
  const begins = known.filter((name) => name.toLowerCase().startsWith(typed));
  const holds = known.filter((name) => !begins.includes(name) && name.toLowerCase().includes(typed));
  const options = typed || before ? [...begins, ...holds].filter((name) => name !== text.slice(start, end)) : [];
  return { start, end, options: options.slice(0, MOST) };
}

function valuesOf(name, fields) {
  if (name === "state") return STATES;
  const known = { problem: fields.problems, optimizer: fields.optimizers, tag: fields.tags }[name];
  if (known) return known.map(quoted);
  return ["archived", "pinned"].includes(name) ? ["true", "false"] : [];
}
