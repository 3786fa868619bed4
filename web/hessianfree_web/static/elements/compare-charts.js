// <compare-charts>: a chart a metric, side by side. What is hidden, and what is pointed at, is the same in all of them.

import { chartsOf, isHidden, metricAddress } from "../lib/comparison.js";
import { zoomText } from "../lib/zoom.js";
import { change, emphasize, onEmphasis, onView } from "./comparison-page.js";
import { assign, icon, make, setText } from "./dom.js";
import { pageData } from "./page-data.js";

const FAINT = 0.12; // of what is not pointed at
const EMPHASIS_MILLISECONDS = 60; // the pointer passes over many on its way

class CompareCharts extends HTMLElement {
  #titles = new Map(pageData().metrics);
  #view = null;
  #emphasized = null;
  #timer = null;
  #listening = null;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.addEventListener("click", ({ target }) => this.#close(target.closest('[data-action="close"]')), { signal });
    this.addEventListener("figure:log", ({ target, detail }) => this.#rescale(target, detail), { signal });
    this.addEventListener("figure:zoom", ({ detail }) => change({ zoom: zoomText(detail.x) ?? "" }, { passing: true }), { signal });
    this.addEventListener("figure:hover", ({ detail }) => emphasize(keyOf(detail)), { signal });
    onView(({ view }) => this.#show(view), signal);
    onEmphasis((key) => this.#later(key), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
  }

  get #charts() {
    return [...this.querySelectorAll(".charts > live-figure")];
  }

  #show(view) {
    this.#view = view;
    const metrics = chartsOf(view, [...this.#titles.keys()]);
    const known = new Map(this.#charts.map((chart) => [chart.dataset.metric, chart]));
    const wanted = metrics.map((metric) => known.get(metric) ?? this.#make(metric));
    for (const [metric, chart] of known) if (!metrics.includes(metric)) chart.remove();
    const place = this.querySelector(".charts");
    // Moving a chart that stands where it should would draw it anew.
    wanted.forEach((chart, index) => chart !== place.children[index] && place.insertBefore(chart, place.children[index] ?? null));
    place.dataset.charts = String(Math.min(metrics.length, 4));
    for (const chart of wanted) this.#update(chart);
  }

  #make(metric) {
    const chart = document.importNode(this.querySelector("template").content, true).firstElementChild;
    const title = this.#titles.get(metric) ?? metric;
    chart.id = `chart-${metric.replaceAll(/\W+/g, "-")}`;
    chart.dataset.metric = metric;
    chart.dataset.empty = `None of these runs has measured ${title}.`;
    chart.setAttribute("legend", "0");
    chart.dress = (traces) => this.#dressed(traces);
    setText(chart.querySelector('[data-part="title"]'), title);
    chart.querySelector(".plot").setAttribute("aria-label", `${title} of all runs. ${this.querySelector(".reading").textContent}`);
    const close = make("button", { type: "button", class: "button quiet small square", "data-action": "close", title: "Remove this chart", "aria-label": `Remove the chart of ${title}` }, icon("close"));
    chart.querySelector(".figure-tools").append(close);
    return chart;
  }

  #update(chart) {
    const { logs, logx, x } = this.#view;
    const log = logs[chart.dataset.metric];
    const hidden = String(this.#view.hidden);
    assign(chart, "log", log === undefined ? null : log ? "1" : "0");
    assign(chart, "logx", logx && x !== "wall_time" ? "1" : null);
    const address = metricAddress(this.#view, chart.dataset.metric);
    if (chart.getAttribute("src") !== address) chart.setAttribute("src", address);
    else if (chart.dataset.hidden !== hidden) chart.redraw();
    chart.dataset.hidden = hidden;
    assign(chart, "zoom", this.#view.zoom || null);
  }

  /**
   * What of a figure is drawn: what is hidden stays so when it is fetched again. Most runs have nothing to mark, and
   * a hundred empty traces would double the time that drawing takes.
   */
  #dressed(traces) {
    const { hidden } = this.#view;
    return traces.filter(({ x }) => x.length > 0).map((trace) => ({ ...trace, visible: !isHidden(trace.meta, hidden) }));
  }

  #later(key) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#emphasize(key), EMPHASIS_MILLISECONDS);
  }

  #emphasize(key) {
    if (key === this.#emphasized) return;
    this.#emphasized = key;
    for (const chart of this.#charts) {
      const { top, bottom } = chart.getBoundingClientRect();
      if (bottom > 0 && top < innerHeight) this.#fade(chart.querySelector(".plot"), key);
    }
  }

  /** Straight to the drawn lines: a restyle by Plotly would take a hundred times as long. */
  #fade(plot, key) {
    for (const line of plot.querySelectorAll(".scatterlayer > .trace")) {
      const { trace } = line.__data__?.[0] ?? {};
      const faded = key !== null && keyOf(trace?.meta) !== key;
      line.style.opacity = String((trace?.opacity ?? 1) * (faded ? FAINT : 1));
    }
  }

  #rescale(chart, { axis, log }) {
    if (axis === "x") change({ logx: log });
    else change({ logs: { ...this.#view.logs, [chart.dataset.metric]: log } });
  }

  #close(button) {
    if (!button) return;
    const gone = button.closest("live-figure").dataset.metric;
    change({ metrics: this.#charts.map(({ dataset }) => dataset.metric).filter((metric) => metric !== gone) });
  }
}

/** The run or group that a trace is of, as the legend knows it. */
function keyOf(meta) {
  return meta?.group ?? meta?.run ?? meta?.of ?? null;
}

customElements.define("compare-charts", CompareCharts);
