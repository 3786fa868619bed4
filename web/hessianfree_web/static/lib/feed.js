// What rows that arrive later add to a trace. The rules are those of figures/points.py: the two must agree.

import { decode } from "./numbers.js";
import { placeOn, scaleOf } from "./zoom.js";

/** The edge at which a value is marked: 1 for NaN, infinity and what lies above, 0 below; null: it is drawn. */
export function edgeOf(value, limits) {
  if (Number.isNaN(value) || value === Infinity || (limits && value > limits.high)) return 1;
  if (value === -Infinity || (limits && value < limits.low)) return 0;
  return null;
}

/** A value as its mark's text names it. */
export function labelOf(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** The metric of a row as a number, flags as 0 and 1; null where it was not measured or is text. */
export function measured(row, metric) {
  const value = decode(row.metrics[metric]);
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" ? value : null;
}

function secondsOf(row) {
  return Date.parse(row.wall_time) / 1000;
}

/** An exponential moving average that goes on from the server's: the rules of figures/comparing/smoothing.py. */
class Average {
  #weight;
  #last;
  #count;

  constructor({ weight, last, count }) {
    this.#weight = weight;
    this.#last = last ?? 0;
    this.#count = count;
  }

  /** The average after one more value. */
  after(value) {
    const mass = 1 - this.#weight ** this.#count;
    this.#count += 1;
    this.#last = (this.#weight * mass * this.#last + (1 - this.#weight) * value) / (1 - this.#weight ** this.#count);
    return this.#last;
  }
}

/** Grows one trace: drops steps already drawn, keeps the running total where x is one. */
export class TraceFeed {
  #meta;
  #step;
  #total;
  #until;
  #origin;
  #smoothed;

  /** `meta` is the trace's, as figures/traces.py writes it. `until`: what lies beyond it on x is left out; null: nothing. */
  constructor(meta, until = null) {
    this.#meta = meta;
    this.#until = until === null ? Infinity : placeOn(until, scaleOf(meta.x));
    this.#step = meta.step ?? 0;
    this.#total = meta.total ?? null;
    this.#origin = meta.origin ?? null;
    this.#smoothed = meta.smooth ? new Average(meta.smooth) : null;
  }

  /** The columns that `rows`, in order of step, add: `{x, y, customdata}`, for a trace of marks `text` too. */
  take(rows) {
    const added = { x: [], y: [], customdata: [] };
    if (this.#meta.marks) added.text = [];
    for (const row of rows) {
      if (row.step <= this.#step) continue;
      this.#step = row.step;
      if (this.#total !== null) this.#total += counted(measured(row, this.#meta.x));
      this.#origin ??= secondsOf(row);
      this.#add(row, added);
    }
    return added;
  }

  #add(row, added) {
    const { where, limits, marks, metric } = this.#meta;
    const value = measured(row, metric);
    if (value === null || (where && row.metrics[where.metric] !== where.value)) return;
    const x = this.#x(row);
    const edge = edgeOf(value, limits);
    if (x === null || (marks && edge === null) || this.#isBeyond(x)) return;
    if (this.#smoothed && edge !== null) return; // its marks stand beside what was measured
    added.x.push(x);
    added.y.push(marks ? edge : edge === null ? (this.#smoothed?.after(value) ?? value) : null);
    added.customdata.push(row.step);
    if (marks) added.text.push(labelOf(value));
  }

  #isBeyond(x) {
    return this.#until !== Infinity && placeOn(x, scaleOf(this.#meta.x)) > this.#until;
  }

  #x(row) {
    const { x } = this.#meta;
    if (x === "step") return row.step;
    if (x === "seconds") return decode(row.seconds);
    if (x === "wall_time") return row.wall_time;
    if (x === "elapsed") return secondsOf(row) - this.#origin;
    if (this.#total !== null) return this.#total;
    const place = measured(row, x);
    return Number.isFinite(place) ? place : null;
  }
}

/** What a step adds to a running total: what is no number adds nothing. */
function counted(value) {
  return Number.isFinite(value) ? value : 0;
}
