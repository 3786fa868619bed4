// <inner-solve run="id">: the inner solve of one step, the latest one until another is chosen by number or by a click.

import { listen } from "../events.js";
import { setText } from "./dom.js";

const PAUSE_MILLISECONDS = 1000; // between two looks at a run that makes many steps a second

class InnerSolve extends HTMLElement {
  #listening = new AbortController();
  #step = null;
  #timer = null;

  connectedCallback() {
    const { signal } = this.#listening;
    listen("steps", () => this.#follow(), signal);
    document.addEventListener("figure:step", ({ detail }) => detail.run === this.getAttribute("run") && this.#choose(detail.step, true), { signal });
    this.addEventListener("figure:drawn", ({ detail }) => detail.meta.caption && setText(this.#part("caption"), detail.meta.caption), { signal });
    this.#part("step").addEventListener("change", (event) => this.#choose(event.target.valueAsNumber || null), { signal });
    this.#part("latest").addEventListener("click", () => this.#choose(null), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
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

  #follow() {
    if (this.#step !== null || this.#timer !== null || this.hidden) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      for (const figure of this.querySelectorAll("live-figure")) figure.reload();
    }, PAUSE_MILLISECONDS);
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("inner-solve", InnerSolve);
