// What runs have cost so far: sums that the server made up to a step, and the rows that have come since.

import { decode } from "./numbers.js";
import { measured } from "./feed.js";

const COUNTED = ["gradient_equivalents", "curvature_products", "examples"];

export class RunningTotals {
  #sums = new Map();
  #attempts = new Map();
  #asked = 0; // answers that are under way
  #waiting = [];

  /** The server is asked: rows that come from now on wait for its answer. */
  ask() {
    this.#asked += 1;
  }

  /** Its answer: `[{run, step, ...sums}]`, []: there is none. Rows that have come meanwhile, and that it lacks, are added. */
  take(items) {
    this.#asked -= 1;
    for (const { run, ...sums } of items) this.#sums.set(run, sums);
    if (this.#asked === 0) for (const batch of this.#waiting.splice(0)) this.#count(batch);
  }

  /** Rows of a run have come. True where they begin another attempt, which took steps back: the server is to be asked again. */
  add(batch) {
    const before = this.#attempts.get(batch.run) ?? 1;
    this.#attempts.set(batch.run, Math.max(before, batch.attempt));
    if (this.#asked > 0) this.#waiting.push(batch);
    else this.#count(batch);
    return batch.attempt > before;
  }

  /** `{gradient_equivalents, ...}` of a run; {}: not known yet. */
  of(run) {
    return this.#sums.get(run) ?? {};
  }

  #count({ run, steps }) {
    const sums = this.#sums.get(run);
    for (const row of sums ? steps : []) {
      if (row.step <= sums.step) continue;
      sums.step = row.step;
      for (const name of COUNTED) {
        const value = measured(row, name);
        if (Number.isFinite(value)) sums[name] = (decode(sums[name]) ?? 0) + value;
      }
    }
  }
}
