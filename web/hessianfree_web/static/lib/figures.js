// A whole figure that grows: which rows go to which traces, and when it has to be fetched anew.

import { TraceFeed } from "./feed.js";

/** Points that a trace grows by until a fresh sample of it is fetched. */
export const CROWDED = 2000;

/** Grows the traces of one figure as rows arrive. */
export class FigureFeed {
  #data;
  #feeds = [];
  #metrics;
  #seen;
  #attempts = new Map();
  #controls = new Map();

  /**
   * `figure` is the server's answer, whose traces are grown in place. Its `layout.meta` names the metrics it draws and those
   * it has seen so far. `until`: rows beyond it on x are left out, since those before them were not fetched; null: none.
   */
  constructor(figure, until = null) {
    const { metrics = [], seen = [] } = figure.layout.meta ?? {};
    this.#data = figure.data;
    this.#metrics = metrics;
    this.#seen = new Set(seen);
    figure.data.forEach(({ meta }, index) => {
      if (!meta?.run) return;
      this.#feeds.push({ run: meta.run, index, feed: new TraceFeed(meta, until), added: 0, latest: Boolean(meta.latest) });
      this.#attempts.set(meta.run, meta.attempt ?? 0);
      this.#controls.set(meta.run, meta.controls ?? 0);
    });
  }

  /** True when the rows of `run` concern this figure. */
  draws(run) {
    return this.#attempts.has(run);
  }

  /** True when `rows` cannot be appended: a newer attempt took steps back, or a curve begins that has no trace. */
  outdated(run, attempt, rows) {
    if (!this.#attempts.has(run)) return false;
    if (attempt > this.#attempts.get(run)) return true;
    return rows.some((row) => this.#metrics.some((metric) => this.#isNew(row.metrics[metric], metric)));
  }

  /** True when something was asked of the run, or done, that is not among the marks yet. */
  unmarked({ id, controls_version: version }) {
    return this.#controls.has(id) && version > this.#controls.get(id);
  }

  /** Add `rows` of `run`, in order of step, to its traces; whether any has changed. */
  take(run, rows) {
    let grown = false;
    for (const entry of this.#feeds) {
      if (entry.run !== run) continue;
      const added = entry.feed.take(rows);
      if (added.x.length === 0) continue;
      grown = true;
      entry.added += added.x.length;
      extend(this.#data[entry.index], added, entry.latest);
    }
    return grown;
  }

  /** True when a trace has grown so long that a sample of it should be fetched. */
  get crowded() {
    return this.#feeds.some(({ added, latest }) => !latest && added > CROWDED);
  }

  #isNew(value, metric) {
    if (value === null || value === undefined) return false;
    const number = typeof value === "number" || ["NaN", "Infinity", "-Infinity"].includes(value);
    return !this.#seen.has(number ? metric : `${metric}=${value}`);
  }
}

/** A trace of the latest point alone keeps one. */
function extend(trace, added, latest) {
  for (const [column, values] of Object.entries(added)) {
    trace[column] = latest ? values.slice(-1) : (trace[column] ?? []).concat(values);
  }
}
