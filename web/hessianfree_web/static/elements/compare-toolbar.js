// <compare-toolbar>: what all charts of the compare page have in common: x, smoothing, grouping, the baseline.

import { UNASKED, X_CHOICES, chartsOf, placeOf, weightAt } from "../lib/comparison.js";
import { fillChoices, press, setText, show } from "./dom.js";
import { change, onView } from "./comparison-page.js";
import { pageData } from "./page-data.js";

const PLAIN = ["x", "group", "middle", "band", "relation"];

class CompareToolbar extends HTMLElement {
  #data = pageData();
  #view = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    const form = this.#form;
    fillChoices(form.elements.x, X_CHOICES);
    form.addEventListener("submit", (event) => event.preventDefault(), { signal });
    form.addEventListener("change", ({ target }) => this.#choose(target), { signal });
    form.elements.smooth.addEventListener("input", ({ target }) => this.#smooth(target, true), { signal });
    form.elements.logx.addEventListener("click", () => change({ logx: !this.#view.logx }), { signal });
    this.#on("unpin", () => change({ baseline: "" }), signal);
    this.#on("reset", () => change(UNASKED), signal);
    onView((shown) => this.#show(shown), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #form() {
    return this.querySelector("form");
  }

  #on(action, act, signal) {
    this.querySelector(`[data-action="${action}"]`).addEventListener("click", act, { signal });
  }

  #choose(control) {
    if (control.name === "add") change({ metrics: [...this.#charts, control.value] });
    else if (control.name === "smooth") this.#smooth(control, false);
    // Another grouping has other names to hide.
    else if (control.name === "group") change({ group: control.value, hidden: [] });
    // Bounds on one x mean nothing on another.
    else if (control.name === "x") change({ x: control.value, zoom: "" });
    else if (PLAIN.includes(control.name)) change({ [control.name]: control.value });
  }

  #smooth(control, passing) {
    const smooth = weightAt(Number(control.value));
    setText(this.querySelector("output"), smooth ? String(smooth) : "off");
    change({ smooth }, { passing });
  }

  get #charts() {
    return chartsOf(this.#view, this.#data.metrics.map(([name]) => name));
  }

  #show({ view }) {
    this.#view = view;
    const { elements } = this.#form;
    fillChoices(elements.group, [["", "None"], ...this.#keys(view).map((key) => [key, keyTitle(key)])]);
    for (const name of PLAIN) elements[name].value = view[name];
    const rest = this.#data.metrics.filter(([name]) => !this.#charts.includes(name));
    fillChoices(elements.add, [["", "Add a chart …"], ...rest]);
    elements.add.value = "";
    show(elements.add.closest("label"), rest.length > 0);
    press(elements.logx, view.logx);
    elements.logx.disabled = view.x === "wall_time";
    elements.smooth.value = placeOf(view.smooth);
    setText(this.querySelector("output"), view.smooth ? String(view.smooth) : "off");
    show(this.querySelector(".of-groups"), view.group !== "");
    const pinned = view.runs.indexOf(view.baseline);
    show(this.querySelector(".of-baseline"), pinned >= 0);
    const run = this.#data.runs.findIndex(({ id }) => id === view.baseline);
    setText(this.querySelector('[data-part="baseline"]'), this.#data.shown[run]?.name ?? "");
    this.querySelector('[data-action="unpin"]').title = "Show the values themselves again";
  }

  /** What there is to group by; a key of the address that is not among them stays there to be seen. */
  #keys({ group }) {
    return group === "" || this.#data.keys.includes(group) ? this.#data.keys : [group, ...this.#data.keys];
  }
}

/** A key as it is chosen: what every run has reads as a word, a setting as its path. */
function keyTitle(key) {
  return key.includes(".") ? key : key.charAt(0).toUpperCase() + key.slice(1);
}

customElements.define("compare-toolbar", CompareToolbar);
