// A whole figure that grows: which rows go to which traces, and when it has to be fetched anew.

import { TraceFeed } from "./feed.js";

/** Points beyond which a trace is fetched again, sampled by the server. */
export const CROWDED = 4000;

/** Grows the traces of one figure as rows arrive. */
export class FigureFeed {
  #feeds = [];
  #metrics;
  #seen;
  #attempts = new Map();
  #controls = new Map();

  /** `figure` is the server's answer. Its `layout.meta` names the metrics it draws and those it has seen so far. */
  constructor(figure) {
    const { metrics = [], seen = [] } = figure.layout.meta ?? {};
    this.#metrics = metrics;
    this.#seen = new Set(seen);
    figure.data.forEach(({ meta, x }, index) => {
      if (!meta?.run) return;
      this.#feeds.push({ run: meta.run, index, feed: new TraceFeed(meta), size: x?.length ?? 0, latest: Boolean(meta.latest) });
      this.#attempts.set(meta.run, meta.attempt ?? 0);
      this.#controls.set(meta.run, meta.controls ?? 0);
    });
  }

  /** Runs whose rows this figure draws. */
  get runs() {
    return [...this.#attempts.keys()];
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

  /** The arguments of Plotly.extendTraces for `rows` of `run`: a list of `{update, indices, keep}`, one for each set of columns. */
  take(run, rows) {
    const groups = new Map();
    for (const entry of this.#feeds) {
      if (entry.run !== run) continue;
      const added = entry.feed.take(rows);
      if (added.x.length === 0) continue;
      entry.size += added.x.length;
      const key = `${Object.keys(added)} ${entry.latest}`;
      const group = groups.get(key) ?? groups.set(key, { update: {}, indices: [], keep: entry.latest ? 1 : null }).get(key);
      group.indices.push(entry.index);
      for (const [column, values] of Object.entries(added)) (group.update[column] ??= []).push(values);
    }
    return [...groups.values()];
  }

  /** True when a trace has grown so long that a sample of it should be fetched. */
  get crowded() {
    return this.#feeds.some(({ size, latest }) => !latest && size > CROWDED);
  }

  #isNew(value, metric) {
    if (value === null || value === undefined) return false;
    const number = typeof value === "number" || ["NaN", "Infinity", "-Infinity"].includes(value);
    return !this.#seen.has(number ? metric : `${metric}=${value}`);
  }
}
