// Figures of one step: <inner-solve run="id" data-around="trace"> and <loss-spectrum run="id" data-around="spectrum">. The
// latest step that has what they show ([data-needs]) until the page's reader picks another: in a figure, by keys, or here.

import { get } from "../api.js";
import { listen } from "../events.js";
import { asking } from "../lib/run-view.js";
import { Throttle } from "../lib/throttle.js";
import { setText } from "./dom.js";

const PAUSE_MILLISECONDS = 1000; // between two looks at a run that makes many steps a second
const KEYS_MILLISECONDS = 150; // a key that is held down runs through steps: only where it rests is looked at

class StepFigures extends HTMLElement {
  #bound = null;
  #step = null;
  #last = 0;
  #moving = null;
  #latest = new Throttle(() => this.#reload(), PAUSE_MILLISECONDS);

  connectedCallback() {
    this.#bound = new AbortController();
    const { signal } = this.#bound;
    listen("steps", ({ run, steps }) => run === this.getAttribute("run") && this.#follow(steps), signal);
    document.addEventListener("run:view", ({ detail }) => this.#view(detail), { signal });
    this.addEventListener("figure:drawn", ({ target, detail }) => target === this.#first && detail.meta?.caption && setText(this.#part("caption"), detail.meta.caption), { signal });
    this.#part("step").addEventListener("change", ({ target }) => pick(target.valueAsNumber >= 1 ? Math.floor(target.valueAsNumber) : null), { signal });
    this.#part("latest").addEventListener("click", () => pick(null), { signal });
    for (const direction of ["previous", "next"]) this.#part(direction).addEventListener("click", () => this.#move(direction), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
    this.#latest.stop();
    clearTimeout(this.#moving);
  }

  /** The figure that says what the step is like. */
  get #first() {
    return this.querySelector("live-figure");
  }

  #view({ step, last }) {
    this.#last = Math.max(this.#last, last);
    this.#part("step").value = step ?? "";
    this.#part("latest").setAttribute("aria-pressed", String(step === null));
    if (step === this.#step) return;
    this.#step = step;
    // What a step that was asked for is like is read out; the latest ones come and go by the second.
    this.#part("caption").setAttribute("aria-live", step === null ? "off" : "polite");
    clearTimeout(this.#moving);
    this.#moving = setTimeout(() => this.#ask(), KEYS_MILLISECONDS);
  }

  #ask() {
    for (const figure of this.querySelectorAll("live-figure")) figure.setAttribute("src", asking(figure.getAttribute("src"), "step", this.#step));
  }

  /** To the nearest step in that direction that has something to show. */
  async #move(direction) {
    // From the latest step back: the latest one itself is what is shown.
    const from = this.#step ?? this.#last;
    try {
      const around = await get(`/runs/${this.getAttribute("run")}/steps/${Math.max(1, from)}/neighbours`, { signal: this.#bound.signal });
      const found = around[this.dataset.around][direction];
      if (found !== null) pick(found);
      else if (direction === "next") pick(null);
    } catch (error) {
      if (error.name !== "AbortError") setText(this.#part("caption"), error.message);
    }
  }

  #follow(steps) {
    this.#last = Math.max(this.#last, steps.at(-1)?.step ?? 0);
    if (this.hidden || !steps.some(({ metrics }) => metrics[this.dataset.needs] !== undefined)) return;
    this.#latest.ask();
  }

  /** A figure may take longer than the run takes for a step: it is asked for again when it has come. */
  async #reload() {
    if (this.#step !== null) return;
    await Promise.all([...this.querySelectorAll("live-figure")].map((figure) => figure.reload()));
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

function pick(step) {
  document.dispatchEvent(new CustomEvent("run:pick", { detail: { step } }));
}

customElements.define("inner-solve", class extends StepFigures {});
customElements.define("loss-spectrum", class extends StepFigures {});
