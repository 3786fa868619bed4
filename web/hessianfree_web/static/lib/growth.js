// A figure between two fetches: the rows that have come since, and whether it has to be fetched anew.

import { Backlog } from "./backlog.js";
import { FigureFeed } from "./figures.js";

export class Growth {
  #feed = null;
  #asked = false;
  #waiting = new Backlog();

  /** The figure is being fetched: rows that come from now on may be missing in it, those before are not. */
  ask() {
    this.end();
    this.#asked = true;
  }

  /** It has come, and grows in place; `until`: rows beyond it on x are left out, null: none. */
  begin(figure, until) {
    this.#feed = new FigureFeed(figure, until);
    this.#asked = false;
  }

  /** It grows no longer: it will be fetched as it then is. */
  end() {
    this.#feed = null;
    this.#asked = false;
    this.#waiting.take();
  }

  /** Whether it has come, and grows. */
  get hasBegun() {
    return this.#feed !== null;
  }

  /** Whether something waits for `grow`. */
  get isDue() {
    return !this.#waiting.isEmpty;
  }

  /** Rows of a run have come. */
  receive({ run, attempt, steps }) {
    if (this.#feed ? this.#feed.draws(run) : this.#asked) this.#waiting.add({ run, attempt, rows: steps });
  }

  /** Whatever comes: the next time it is to be fetched anew. */
  outdate() {
    this.#waiting.overflow();
  }

  /** True when something was asked of the run, or done, that is not among the marks yet. */
  unmarked(run) {
    return this.#feed?.unmarked(run) ?? false;
  }

  /** Append what waits: whether anything that is drawn has `grown`, and whether the figure is `outdated`, to be fetched anew. */
  grow() {
    const batches = this.#waiting.take();
    if (!batches || batches.some(({ run, attempt, rows }) => this.#feed.outdated(run, attempt, rows))) return { grown: false, outdated: true };
    const grown = batches.map(({ run, rows }) => this.#feed.take(run, rows)).includes(true);
    return { grown, outdated: this.#feed.crowded };
  }
}
