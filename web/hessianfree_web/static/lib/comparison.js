// The compare page's view, which its address holds.

export const X_CHOICES = ["step", "seconds", "gradient_equivalents"];

/** A view from the address: `{runs, x, metric, log}`; `log` null means as the figure comes. */
export function comparisonFrom(search) {
  const given = new URLSearchParams(search);
  const x = given.get("x");
  const log = given.get("log");
  return {
    runs: (given.get("runs") ?? "").split(",").filter(Boolean),
    x: X_CHOICES.includes(x) ? x : "step",
    metric: given.get("metric") || "loss",
    log: log === "1" ? true : log === "0" ? false : null,
  };
}

/** The address's query for a view; commas between runs stay readable. */
export function comparisonSearch({ runs, x, metric, log }) {
  const parts = [`runs=${runs.map(encodeURIComponent).join(",")}`];
  if (x !== "step") parts.push(`x=${encodeURIComponent(x)}`);
  if (metric !== "loss") parts.push(`metric=${encodeURIComponent(metric)}`);
  if (log !== null) parts.push(`log=${log ? 1 : 0}`);
  return `?${parts.join("&")}`;
}

/** Where the figure of a view comes from. */
export function figureAddress({ runs, x, metric }) {
  const query = new URLSearchParams({ x, metric });
  return `/api/v1/figures/metric?runs=${runs.map(encodeURIComponent).join(",")}&${query}`;
}
