// When figures draw. A page may hold ten of them and get a hundred rows a second: they take turns, one a frame, and
// after each round rest for as long as it took, so that the page answers to its reader in between.

class DrawQueue {
  #waiting = new Set();
  #working = false;

  /** Have `draw` called in the next round; asking again before then changes nothing. */
  add(draw) {
    this.#waiting.add(draw);
    if (!this.#working) this.#work();
  }

  /** Forget about a figure that is gone. */
  drop(draw) {
    this.#waiting.delete(draw);
  }

  async #work() {
    this.#working = true;
    while (this.#waiting.size > 0) {
      let spent = 0;
      for (const draw of [...this.#waiting]) {
        // No frames come while the page is hidden, and nothing is drawn then.
        await new Promise(requestAnimationFrame);
        if (!this.#waiting.delete(draw)) continue;
        const started = performance.now();
        await draw();
        spent += performance.now() - started;
      }
      await new Promise((done) => setTimeout(done, spent));
    }
    this.#working = false;
  }
}

/** The page's one queue. */
export const drawQueue = new DrawQueue();
