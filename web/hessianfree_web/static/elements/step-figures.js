// Figures of one step: <inner-solve run="id"> and <loss-spectrum run="id">. The latest step that has what they show
// ([data-needs]) until another is chosen by number or by a click in a figure that grows.

import { listen } from "../events.js";
import { setText } from "./dom.js";

const PAUSE_MILLISECONDS = 1000; // between two looks at a run that makes many steps a second

class StepFigures extends HTMLElement {
  #listening = new AbortController();
  #step = null;
  #timer = null;

  connectedCallback() {
    const { signal } = this.#listening;
    listen("steps", ({ steps }) => this.#follow(steps), signal);
    document.addEventListener("figure:step", ({ detail }) => detail.run === this.getAttribute("run") && this.#choose(detail.step, this.reveals), { signal });
    this.addEventListener("figure:drawn", ({ detail }) => detail.meta.caption && setText(this.#part("caption"), detail.meta.caption), { signal });
    this.#part("step").addEventListener("change", (event) => this.#choose(event.target.valueAsNumber || null), { signal });
    this.#part("latest").addEventListener("click", () => this.#choose(null), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
  }

  /** Whether the window scrolls here when a step is clicked elsewhere. */
  get reveals() {
    return false;
  }

  #choose(step, reveal = false) {
    this.#step = step;
    this.#part("step").value = step ?? "";
    this.#part("latest").setAttribute("aria-pressed", String(step === null));
    for (const figure of this.querySelectorAll("live-figure")) {
      const [path, query] = figure.getAttribute("src").split("?");
      const asked = new URLSearchParams(query);
      if (step === null) asked.delete("step");
      else asked.set("step", step);
      figure.setAttribute("src", `${path}?${asked}`);
    }
    if (reveal) this.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  #follow(steps) {
    if (this.#step !== null || this.#timer !== null || this.hidden) return;
    if (!steps.some(({ metrics }) => metrics[this.dataset.needs] !== undefined)) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      for (const figure of this.querySelectorAll("live-figure")) figure.reload();
    }, PAUSE_MILLISECONDS);
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

class InnerSolve extends StepFigures {
  get reveals() {
    return true;
  }
}

class LossSpectrum extends StepFigures {}

customElements.define("inner-solve", InnerSolve);
customElements.define("loss-spectrum", LossSpectrum);
