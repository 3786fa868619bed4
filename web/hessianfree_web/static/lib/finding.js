// Finding runs by what somebody typed: a filter (docs/filters.md) or words.

const COMPARES = /[=<>:]/; // without one of these it is no filter

/** The query of `GET /runs` for what was typed. */
export function findQuery(text, limit) {
  const said = text.trim();
  const key = COMPARES.test(said) ? "filter" : "q";
  return String(new URLSearchParams({ ...(said ? { [key]: said } : {}), limit }));
}
