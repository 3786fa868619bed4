// Doing something now and then instead of all the time.

/**
 * Milliseconds to wait before asking again, when the last answer took `took`: a long run is not asked all the time, and
 * a server that was slow once is not left alone for minutes.
 */
export function restAfter(took) {
  return Math.min(Math.max(5000, 20 * took), 60_000);
}

/** Calls `act` soon after `ask()`, but no sooner than `milliseconds` after it began last; never twice at the same time. */
export class Throttle {
  #act;
  #milliseconds;
  #timer = null;
  #began = -Infinity;
  #busy = false;
  #again = false;

  constructor(act, milliseconds) {
    this.#act = act;
    this.#milliseconds = milliseconds;
  }

  ask() {
    if (this.#busy) this.#again = true;
    else this.#timer ??= setTimeout(() => this.#run(), Math.max(0, this.#began + this.#milliseconds - performance.now()));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#again = false;
  }

  async #run() {
    this.#timer = null;
    this.#busy = true;
    this.#again = false;
    this.#began = performance.now();
    try {
      await this.#act();
    } finally {
      this.#busy = false;
      if (this.#again) this.ask();
    }
  }
}
