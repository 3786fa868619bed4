// Which small curves are to be asked for, and when: of rows that show none yet soon, of runs that go on after a rest.

import { restAfter } from "./throttle.js";

/** Moments are in milliseconds, on any one clock. */
export class CurveQueue {
  #soon;
  #fresh = new Map(); // run -> when it may be asked for
  #again = new Set();
  #restedAt = 0;

  constructor(soonMilliseconds) {
    this.#soon = soonMilliseconds;
  }

  /** The run's curve is wanted; `isDrawn`: an older one is shown meanwhile. */
  want(run, { isDrawn, now }) {
    if (isDrawn) this.#again.add(run);
    else if (!this.#fresh.has(run)) this.#fresh.set(run, now + this.#soon);
  }

  drop(run) {
    this.#fresh.delete(run);
    this.#again.delete(run);
  }

  /** When to ask next; Infinity: for nothing. */
  get due() {
    const again = this.#again.size > 0 ? this.#restedAt : Infinity;
    return Math.min(again, ...this.#fresh.values());
  }

  /** The runs to ask for now, at most so many; they are wanted no longer. */
  take(now, most) {
    const runs = [...this.#fresh.keys(), ...(now >= this.#restedAt ? this.#again : [])].slice(0, most);
    runs.forEach((run) => this.drop(run));
    return runs;
  }

  /** An answer has come `now`, and took so long. */
  answered(now, took) {
    this.#restedAt = now + restAfter(took);
  }
}
