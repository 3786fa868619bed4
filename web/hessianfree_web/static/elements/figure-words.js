// What stands in words around a plot: the figure's title, a note, and what there is to say in the plot's place.

import { setText, show } from "./dom.js";

export class FigureWords {
  #figure;

  constructor(figure) {
    this.#figure = figure;
  }

  /** The title and the note that came with the figure. */
  head({ title, meta }) {
    setText(this.#part("title"), title?.text ?? "");
    setText(this.#part("note"), meta?.caption ?? "");
    show(this.#part("note"), Boolean(meta?.caption));
  }

  /** Say `text` in the plot's place, "": the plot; after a failure one may try again. */
  say(text, { failed = false } = {}) {
    setText(this.#part("said"), text);
    show(this.#figure.querySelector('[data-action="reload"]'), failed);
    show(this.#figure.querySelector(".plot-message"), text !== "");
  }

  #part(name) {
    return this.#figure.querySelector(`[data-part="${name}"]`);
  }
}
