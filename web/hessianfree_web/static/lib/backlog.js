// Rows that have arrived and are not drawn yet. While nobody looks they must not pile up: beyond a number of them a fresh
// sample is cheaper than appending them, and they are forgotten.

const MOST_ROWS = 5000;

export class Backlog {
  #batches = [];
  #rows = 0;
  #overflowed = false;

  /** `batch`: `{run, attempt, rows}`. */
  add(batch) {
    this.#batches.push(batch);
    this.#rows += batch.rows.length;
    if (this.#rows <= MOST_ROWS) return;
    this.#overflowed = true;
    this.#batches = [];
    this.#rows = 0;
  }

  get isEmpty() {
    return !this.#overflowed && this.#batches.length === 0;
  }

  /** What waits, in order, and nothing then does; null: too much has come, or the figure's own time to be fetched has. */
  take() {
    const batches = this.#overflowed ? null : this.#batches;
    this.#batches = [];
    this.#rows = 0;
    this.#overflowed = false;
    return batches;
  }

  /** Have everything fetched anew. */
  overflow() {
    this.#overflowed = true;
  }
}
