// When figures draw. A page may hold ten of them and get a hundred rows a second: they take turns, one a frame, and
// after each round rest for as long as it took, so that the page answers to its reader in between.

export class DrawQueue {
  #clock;
  #waiting = new Map();
  #working = false;

  /** `clock`: `now()` in milliseconds, `frame()` and `pause(milliseconds)`, promises of the next frame and of that much later. */
  constructor(clock) {
    this.#clock = clock;
  }

  /** Have `draw` called in the next round; asking again before then changes nothing. Resolves when it was, or was dropped. */
  add(draw) {
    const { done } = this.#waiting.get(draw) ?? this.#enter(draw);
    if (!this.#working) this.#work();
    return done;
  }

  /** Forget about a figure that is gone. */
  drop(draw) {
    this.#waiting.get(draw)?.resolve();
    this.#waiting.delete(draw);
  }

  #enter(draw) {
    const entry = {};
    entry.done = new Promise((resolve) => (entry.resolve = resolve));
    this.#waiting.set(draw, entry);
    return entry;
  }

  async #work() {
    this.#working = true;
    while (this.#waiting.size > 0) {
      let spent = 0;
      for (const [draw, entry] of [...this.#waiting]) {
        // No frames come while the page is hidden, and nothing is drawn then.
        await this.#clock.frame();
        if (this.#waiting.get(draw) !== entry) continue;
        this.#waiting.delete(draw);
        const started = this.#clock.now();
        try {
          await draw();
        } catch (error) {
          reportError(error); // one figure's trouble is not the others'
        }
        entry.resolve();
        spent += this.#clock.now() - started;
      }
      await this.#clock.pause(spent);
    }
    this.#working = false;
  }
}
