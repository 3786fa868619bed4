// <run-figures>: shows each figure as soon as its run has what the figure draws ([data-needs]).

import { listen } from "../events.js";

class RunFigures extends HTMLElement {
  #listening = new AbortController();

  connectedCallback() {
    listen("steps", ({ steps }) => this.#reveal(steps), this.#listening.signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  #reveal(steps) {
    for (const figure of this.querySelectorAll("[data-needs][hidden]")) {
      const metric = figure.dataset.needs;
      if (steps.some((step) => step.metrics[metric] !== undefined && step.metrics[metric] !== null)) figure.hidden = false;
    }
  }
}

customElements.define("run-figures", RunFigures);
