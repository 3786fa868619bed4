// <compare-view>: the controls of the compare page and its figure. The address holds the view, so back and reload work.

import { comparisonFrom, comparisonSearch, figureAddress } from "../lib/comparison.js";

class CompareView extends HTMLElement {
  #view = comparisonFrom(location.search);
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    this.querySelector("form").addEventListener("submit", (event) => event.preventDefault(), { signal });
    this.querySelector("form").addEventListener("change", (event) => this.#change(event.target), { signal });
    this.addEventListener("figure:log", ({ detail }) => this.#go({ ...this.#view, log: detail.log }), { signal });
    window.addEventListener("popstate", () => this.#return(), { signal });
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  #change(control) {
    if (control.name !== "add") this.#choose();
    else if (control.value) location.assign(`/compare${comparisonSearch({ ...this.#view, runs: [...this.#view.runs, control.value] })}`);
  }

  #choose() {
    const chosen = new FormData(this.querySelector("form"));
    const metric = chosen.get("metric");
    // Another metric has another natural axis.
    const log = metric === this.#view.metric ? this.#view.log : null;
    this.#go({ ...this.#view, x: chosen.get("x"), metric, log });
  }

  #go(view) {
    this.#view = view;
    history.pushState(null, "", `${location.pathname}${comparisonSearch(view)}`);
    this.#draw();
  }

  #return() {
    const before = this.#view.runs.join();
    this.#view = comparisonFrom(location.search);
    if (this.#view.runs.join() === before) this.#draw();
    else location.reload();
  }

  #draw() {
    const { x, metric, log } = this.#view;
    const form = this.querySelector("form");
    form.elements.namedItem("x").value = x;
    form.elements.namedItem("metric").value = metric;
    const figure = this.querySelector("live-figure");
    if (log === null) figure.removeAttribute("log");
    else figure.setAttribute("log", log ? "1" : "0");
    figure.setAttribute("src", figureAddress(this.#view));
  }
}

customElements.define("compare-view", CompareView);
