// The queue in words, and moves in it.

import { formatCount } from "./numbers.js";
import { formatRoughly } from "./times.js";

/** When a waiting job is likely to start, in few words. */
export function startText({ workers, starts_in_seconds: seconds, is_least: isLeast }) {
  if (workers === 0) return "no worker can";
  if (seconds === null) return "not known";
  if (Number(seconds) === 0) return "at once";
  return isLeast ? `in ${formatRoughly(Number(seconds))} or later` : `in about ${formatRoughly(Number(seconds))}`;
}

/** The body of a move that puts the item at `from` before the one that is at `to` now (`to` = length: after the last); null: it stays. */
export function moveBetween(ids, from, to) {
  if (to === from || to === from + 1) return null;
  return to < ids.length ? { before: ids[to] } : { after: ids[ids.length - 1] };
}

/** The ids as they are once the item at `from` stands before the one at `to`. */
export function moved(ids, from, to) {
  const rest = ids.filter((_, index) => index !== from);
  rest.splice(to > from ? to - 1 : to, 0, ids[from]);
  return rest;
}

/** Which places of how many are shown: "1–50 of 10 000". */
export function rangeText(start, shown, waiting) {
  if (shown === 0) return waiting === 0 ? "" : `none from ${formatCount(start)} on, of ${formatCount(waiting)}`;
  return `${formatCount(start)}–${formatCount(start + shown - 1)} of ${formatCount(waiting)}`;
}

/** A GPU's temperature and power in few words, as far as they are known. */
export function heatText({ temperature_celsius: celsius, power_watts: watts, power_limit_watts: limit }) {
  const power = watts === null ? null : limit === null ? `${Math.round(watts)} W` : `${Math.round(watts)} of ${Math.round(limit)} W`;
  return [celsius === null ? null : `${Math.round(celsius)} °C`, power].filter((part) => part !== null).join(", ");
}

/** A device's memory as a part of all, 0 to 1; null where it is not known. */
export function memoryShare({ memory_used_bytes: used, memory_total_bytes: total }) {
  return used === null || !total ? null : Math.min(1, used / total);
}
