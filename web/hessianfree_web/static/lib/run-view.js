// What a run's page shows of its run, as its address tells: the picked step, what figures are drawn against, where they are zoomed.

import { scaleItems, scalesFrom } from "./scales.js";

/** The x axis that needs no mention. */
export const STEP = "step";
const CLEARANCE = 0.25; // of a stretch, shown on either side of it
const LEAST_CLEARANCE = 4; // steps

/**
 * `{step, x, zooms, logs}` of an address's query; `step` null: the latest. `zooms`: figure -> [from, to], as text; `logs`: figure ->
 * whether its y is logarithmic, where that was chosen.
 */
export function viewOf(search) {
  const query = new URLSearchParams(search);
  const step = Number(query.get("step"));
  const zooms = {};
  for (const part of (query.get("zoom") ?? "").split(";")) {
    const [, figure, from, to] = part.match(/^([\w-]+)~([^~,]+),([^~,]+)$/) ?? [];
    if (figure) zooms[figure] = [from, to];
  }
  const logs = scalesFrom((query.get("scale") ?? "").split(",").filter(Boolean));
  return { step: Number.isInteger(step) && step > 0 ? step : null, x: query.get("x") || STEP, zooms, logs };
}

/** The query of an address for `view`; what else stood in it stays. "" where nothing is left. */
export function searchOf(view, search = "") {
  const query = new URLSearchParams(search);
  const zoom = Object.entries(view.zooms).map(([figure, [from, to]]) => `${figure}~${from},${to}`).join(";");
  put(query, "step", view.step);
  put(query, "x", view.x === STEP ? null : view.x);
  put(query, "zoom", zoom);
  put(query, "scale", scaleItems(view.logs).join());
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3B", ";").replaceAll("%7E", "~").replaceAll("%3A", ":");
  return text && `?${text}`;
}

/** The address of a figure with another parameter; null takes it out. */
export function asking(src, name, value) {
  const [path, search] = src.split("?");
  const query = new URLSearchParams(search);
  put(query, name, value);
  return `${path}?${query}`.replaceAll("%2C", ",");
}

/** The step `by` further than `step` (null: the latest, `last`), from 1 to `last`; null where that is the latest again. */
export function movedBy(step, by, last) {
  const to = Math.max(1, (step ?? last) + by);
  return to > last || (step === null && by > 0) ? null : to;
}

/** Bounds around the steps from `first` to `last` that leave some room on either side. */
export function around(first, last) {
  const room = Math.max(LEAST_CLEARANCE, Math.round(CLEARANCE * (last - first)));
  return [String(Math.max(0, first - room)), String(last + room)];
}

function put(query, name, value) {
  if (value === null || value === undefined || value === "") query.delete(name);
  else query.set(name, value);
}
