// The part of x that a figure shows. Its bounds are in x's own units, as addresses and the server have them: steps, seconds,
// times in RFC 3339. Plotly has its own: exponents on a logarithmic axis, times without a zone.

/** How an axis of Plotly's is scaled: "log", "date" or "linear". */
export function scaleOf(xName, log) {
  if (xName === "wall_time") return "date";
  return log ? "log" : "linear";
}

/** Where x stands on an axis, as a number: milliseconds since 1970 on one of times. */
export function placeOn(x, scale) {
  if (scale === "date") return Date.parse(typeof x === "string" && !/(Z|[+-]\d\d:\d\d)$/.test(x) ? `${x.replace(" ", "T")}Z` : x);
  return scale === "log" ? Math.log10(x) : Number(x);
}

/** x of a place: `placeOn` undone. */
export function xAt(place, scale) {
  if (scale === "date") return new Date(place).toISOString();
  return scale === "log" ? 10 ** place : place;
}

/** The bounds of a range of Plotly's, the lower first. */
export function boundsOf(range, scale) {
  // An axis of times has times for its range, any other one places.
  const places = range.map((bound) => (scale === "date" ? placeOn(bound, scale) : Number(bound)));
  return places.sort((a, b) => a - b).map((place) => xAt(place, scale));
}

/** A range of Plotly's from bounds; null where it cannot show them (0 on a logarithmic axis). */
export function rangeOf(bounds, scale) {
  const places = bounds.map((x) => placeOn(x, scale));
  if (!places.every(Number.isFinite) || places[0] >= places[1]) return null;
  return scale === "date" ? bounds.map((x) => new Date(placeOn(x, scale)).toISOString().replace("T", " ").replace("Z", "")) : places;
}

const MARGIN = 0.015; // of the axis on either side: room for half a marker

/** Bounds around every x that the traces show, in Plotly's units of data; null where there are not two. Markers or lines: they are the same. */
export function wholeBounds(traces, scale) {
  let [from, to] = [Infinity, -Infinity];
  for (const { x = [], visible = true } of traces) {
    if (visible !== true) continue;
    for (const each of x) {
      const place = each === null ? NaN : placeOn(each, scale);
      if (!Number.isFinite(place)) continue;
      from = Math.min(from, place);
      to = Math.max(to, place);
    }
  }
  const margin = MARGIN * (to - from);
  if (!(from < to)) return null;
  const bounds = [from - margin, to + margin].map((place) => xAt(place, scale));
  return scale === "date" ? rangeOf(bounds, scale) : bounds;
}

/** How far along the bounds x lies: 0 at the first, 1 at the second. */
export function shareOf(x, bounds, scale) {
  const [from, to] = bounds.map((bound) => placeOn(bound, scale));
  return (placeOn(x, scale) - from) / (to - from);
}

/** x at a share of the way along the bounds. */
export function xAtShare(share, bounds, scale) {
  const [from, to] = bounds.map((bound) => placeOn(bound, scale));
  return xAt(from + share * (to - from), scale);
}

/** Bounds as text for an address or an attribute, with no more digits than tell them apart. */
export function zoomText(bounds) {
  if (!bounds) return null;
  if (typeof bounds[0] === "string") return bounds.join();
  const digits = Math.max(0, Math.min(12, Math.ceil(4 - Math.log10(Math.abs(bounds[1] - bounds[0]) || 1))));
  return bounds.map((x) => String(Number(x.toFixed(digits)))).join();
}

/** Bounds from text; null where there are none, or they are none. */
export function zoomFrom(text, xName) {
  const parts = (text ?? "").split(",");
  if (parts.length !== 2 || parts.includes("")) return null;
  const scale = scaleOf(xName, false);
  const [from, to] = parts.map((part) => placeOn(part, scale));
  if (!Number.isFinite(from) || !Number.isFinite(to) || from >= to) return null;
  return scale === "date" ? parts : [from, to];
}

/** What x is in the figure at an address. */
export function xNameOf(src) {
  return asked(src).get("x") ?? "step";
}

/** The runs that the figure at an address shows. */
export function runsOf(src) {
  return (asked(src).get("runs") ?? "").split(",");
}

/** The address of a figure with these bounds alone; null: of all of it. */
export function zoomedAddress(src, bounds) {
  if (!bounds) return src;
  const query = asked(src);
  query.set("start", bounds[0]);
  query.set("stop", bounds[1]);
  return `${src.split("?")[0]}?${query}`;
}

/** Whether every row within `bounds` is there: what was fetched is no sample, and of no smaller part. */
export function isCovered(bounds, { part, sampled }, scale) {
  if (sampled) return false;
  if (!part) return true;
  return bounds !== null && placeOn(bounds[0], scale) >= placeOn(part[0], scale) && placeOn(bounds[1], scale) <= placeOn(part[1], scale);
}

/** Where a step stands along a figure's x; null: nowhere. */
export function stepAlong(step, { data, layout }) {
  const name = layout.meta?.x ?? null;
  return name === null || name === "step" ? name && step : xOfStep(step, data);
}

/** x at `step` in a figure's traces, or at the first one after it; null: they do not reach so far. */
function xOfStep(step, traces) {
  let found = null;
  for (const { meta, x, customdata } of traces) {
    if (!meta?.run || !customdata?.length) continue;
    const row = firstFrom(customdata, step);
    if (row < customdata.length && (found === null || customdata[row] < found.step)) found = { step: customdata[row], x: x[row] };
  }
  return found?.x ?? null;
}

function asked(src) {
  return new URLSearchParams((src ?? "").split("?")[1]);
}

/** Index of the first of ascending `steps` that is `step` or more. */
function firstFrom(steps, step) {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
