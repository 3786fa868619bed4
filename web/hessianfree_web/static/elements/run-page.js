// <run-page run="id">: what the page shows of its run (the picked step, the x axis, zooms, logarithmic scales), kept in the address.
//
// It tells figures by their attributes, and the rest of the page by "run:view" (detail: {step, last}) on the document. Others
// ask it by "run:pick" ({step, push}) and "run:show" ({figure, first, last}).

import { listen } from "../events.js";
import { around, asking, movedBy, searchOf, STEP, viewOf } from "../lib/run-view.js";
import { shortcut } from "../lib/shortcuts.js";
import { assign, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

// What has a use of its own for arrows, Home and End: what chooses by them, and whatever scrolls.
const ARROWS = '[role="menu"], [role="listbox"], input[type="radio"], [tabindex="0"]';
const SHOWN_MILLISECONDS = 2500;

class RunPage extends HTMLElement {
  #view = viewOf(location.search);
  #last = pageData().run.progress.step;
  #bound = null;

  connectedCallback() {
    this.#bound = new AbortController();
    const { signal } = this.#bound;
    listen("steps", ({ run, steps }) => run === this.getAttribute("run") && this.#grow(steps.at(-1)?.step ?? 0), signal);
    this.addEventListener("figure:step", ({ detail }) => this.#pick(detail.step), { signal });
    this.addEventListener("figure:zoom", ({ target }) => this.#zoom(target.dataset.figure, target.getAttribute("zoom")), { signal });
    this.addEventListener("figure:log", ({ target, detail }) => this.#change({ logs: { ...this.#view.logs, [target.dataset.figure]: detail.log } }, { push: true }), { signal });
    document.addEventListener("run:pick", ({ detail }) => this.#pick(detail.step), { signal });
    document.addEventListener("run:show", ({ detail }) => this.#show(detail), { signal });
    addEventListener("popstate", () => this.#become(viewOf(location.search)), { signal });
    this.#part("x").addEventListener("change", ({ target }) => this.#change({ x: target.value, zooms: {} }, { push: true }), { signal });
    this.#part("picked").addEventListener("click", () => this.#pick(null), { signal });
    this.#registerKeys(signal);
    this.#become(this.#view);
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  #registerKeys(signal) {
    const group = "Steps of the run";
    const move = (by) => (event) => this.#isElsewhere(event) || this.#go(movedBy(this.#view.step, by, this.#last));
    // At the latest step these two scroll, as everywhere.
    const jump = (to) => (event) => this.#view.step === null || this.#isElsewhere(event) || this.#go(to());
    const unlessFalse = (act) => (event) => (act(event) === true ? false : undefined);
    for (const [keys, says, act] of [
      ["ArrowLeft", "One step back", move(-1)],
      ["ArrowRight", "One step on", move(1)],
      ["Shift+ArrowLeft", "Ten steps back", move(-10)],
      ["Shift+ArrowRight", "Ten steps on", move(10)],
      ["Home", "The first step", jump(() => 1)],
      ["End", "The last step", jump(() => this.#last)],
      ["Escape", "The latest step again, as it comes", jump(() => null)],
    ]) {
      shortcut({ keys, says, group, act: unlessFalse(act) }, signal);
    }
  }

  #isElsewhere({ target }) {
    return this.#last === 0 || target.closest?.(ARROWS) !== null;
  }

  /** By keys: a step along the way, which "back" need not come through. */
  #go(step) {
    if (step !== this.#view.step) this.#change({ step });
  }

  #pick(step) {
    if (step !== this.#view.step) this.#change({ step }, { push: true });
  }

  #zoom(figure, bounds) {
    const { [figure]: before, ...zooms } = this.#view.zooms;
    if (bounds) zooms[figure] = bounds.split(",");
    if (String(before) !== String(zooms[figure])) this.#change({ zooms });
  }

  /** Go to a figure and the steps of it that show something. */
  #show({ figure, first, last }) {
    const element = this.querySelector(`live-figure[data-figure="${CSS.escape(figure)}"]`);
    if (!element) return;
    if (element.closest(".step-figures")) this.#pick(last);
    else this.#change({ x: STEP, zooms: { ...(this.#view.x === STEP ? this.#view.zooms : {}), [figure]: around(first, last) }, ...(first === last ? { step: first } : {}) }, { push: true });
    element.scrollIntoView({ block: "center" });
    const title = element.querySelector('[data-part="title"]');
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
    element.dataset.evidence = "";
    setTimeout(() => delete element.dataset.evidence, SHOWN_MILLISECONDS);
  }

  #change(changes, { push = false } = {}) {
    const view = { ...this.#view, ...changes };
    const address = `${location.pathname}${searchOf(view, location.search)}${location.hash}`;
    if (push) history.pushState(null, "", address);
    else history.replaceState(history.state, "", address);
    this.#become(view);
  }

  #become(view) {
    this.#view = view;
    const select = this.#part("x");
    select.value = view.x;
    if (select.selectedIndex < 0) {
      // An address may ask for what this run has not measured.
      this.#view = { ...view, x: STEP, zooms: {} };
      select.value = STEP;
    }
    const { step, x, zooms, logs } = this.#view;
    for (const figure of this.querySelectorAll("live-figure")) {
      if (figure.classList.contains("over-steps")) assign(figure, "src", asking(figure.getAttribute("src"), "x", x === STEP ? null : x));
      const log = logs[figure.dataset.figure];
      assign(figure, "log", log === undefined ? null : Number(log));
      if (figure.closest(".step-figures")) continue;
      assign(figure, "zoom", zooms[figure.dataset.figure]?.join(",") ?? null);
      assign(figure, "marker", step);
    }
    show(this.#part("picked"), step !== null);
    setText(this.#part("picked-text"), `Step ${step}`);
    this.#tell();
  }

  #grow(step) {
    if (step > this.#last) this.#last = step;
  }

  #tell() {
    document.dispatchEvent(new CustomEvent("run:view", { detail: { step: this.#view.step, last: this.#last } }));
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("run-page", RunPage);
