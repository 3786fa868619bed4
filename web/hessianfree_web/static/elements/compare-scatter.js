// <compare-scatter>: two values of each run against each other. A click on a point opens its run.

import { isHidden, scatterAddress } from "../lib/comparison.js";
import { change, emphasize, onView } from "./comparison-page.js";
import { fillChoices, make, press, setText } from "./dom.js";
import { pageData } from "./page-data.js";

class CompareScatter extends HTMLElement {
  #values = pageData().values;
  #view = null;
  #listening = null;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const form = this.querySelector("form");
    form.addEventListener("submit", (event) => event.preventDefault(), { signal });
    form.addEventListener("change", ({ target }) => change({ [target.name]: target.value }), { signal });
    form.elements.acrosslog.addEventListener("click", () => change({ logs: { ...this.#view.logs, across: !this.#view.logs.across } }), { signal });
    this.addEventListener("figure:log", ({ detail }) => change({ logs: { ...this.#view.logs, up: detail.log } }), { signal });
    this.addEventListener("figure:drawn", ({ target, detail }) => this.#caption(target, detail.meta), { signal });
    this.addEventListener("figure:hover", ({ detail }) => emphasize(detail && (detail.group ?? detail.of)), { signal });
    this.addEventListener("figure:click", ({ detail }) => location.assign(`/runs/${detail.meta.of}`), { signal });
    this.#figure.setAttribute("legend", "0");
    this.#figure.dress = (traces) => traces.map((trace) => ({ ...trace, visible: !isHidden(trace.meta, this.#view.hidden) }));
    onView(({ view }) => this.#show(view), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #figure() {
    return this.querySelector("live-figure");
  }

  #show(view) {
    this.#view = view;
    const { across, up, acrosslog } = this.querySelector("form").elements;
    for (const [select, chosen] of [[across, view.across], [up, view.up]]) {
      const known = this.#values.some(([key]) => key === chosen);
      fillChoices(select, known ? this.#values : [[chosen, chosen], ...this.#values]);
      select.value = chosen;
    }
    press(acrosslog, Boolean(view.logs.across));
    const figure = this.#figure;
    const hidden = String(view.hidden);
    if (view.logs.across) figure.setAttribute("logx", "1");
    else figure.removeAttribute("logx");
    if (view.logs.up) figure.setAttribute("log", "1");
    else figure.removeAttribute("log");
    const address = scatterAddress(view);
    if (figure.getAttribute("src") !== address) figure.setAttribute("src", address);
    else if (figure.dataset.hidden !== hidden) figure.redraw();
    figure.dataset.hidden = hidden;
  }

  #caption(figure, meta) {
    let caption = figure.querySelector(".caption");
    if (!caption) figure.querySelector(".figure-head").after((caption = make("p", { class: "caption muted" })));
    setText(caption, meta.caption ?? "");
  }
}

customElements.define("compare-scatter", CompareScatter);
