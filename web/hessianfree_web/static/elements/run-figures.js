// <run-figures>: shows each figure, and each section of them, as soon as the run has what it draws ([data-needs]).

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
    for (const hidden of this.querySelectorAll("[data-needs][hidden]")) {
      const metric = hidden.dataset.needs;
      if (!steps.some((step) => step.metrics[metric] !== undefined && step.metrics[metric] !== null)) continue;
      hidden.hidden = false;
      hidden.closest(".run-section").hidden = false;
    }
  }
}

customElements.define("run-figures", RunFigures);
