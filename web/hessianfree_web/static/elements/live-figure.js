// <live-figure src="/api/v1/figures/..." [log="1|0"]>: a figure fetched once that grows with the page's stream.
//
// Its children: `.plot`, where Plotly draws; `.plot-message`, for what to say instead; a button [data-action="log"].
// It says "figure:drawn" (detail: the figure's meta, the latest step), "figure:step" when a point is clicked, "figure:log"
// when the axis is switched.

import { get } from "../api.js";
import { listen } from "../events.js";
import { FigureFeed } from "../lib/figures.js";
import { themedLayout, themedTraces } from "../lib/theme.js";
import { setText, show } from "./dom.js";
import { drawQueue } from "./draw-queue.js";
import { currentTheme, onThemeChange } from "./figure-theme.js";

const CONFIG = {
  displaylogo: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg", filename: "figure" },
};
const WAITING_ROWS = 5000; // more, and a fresh sample is cheaper than appending them

class LiveFigure extends HTMLElement {
  static observedAttributes = ["src", "log"];
  #plot;
  #feed = null;
  #waiting = [];
  #waitingRows = 0;
  #near = false;
  #loading = null;
  #behind = false;
  #scale = "linear"; // of the y axis as the figure came
  #bound = new AbortController();
  #observers = [];

  connectedCallback() {
    const { signal } = this.#bound;
    this.#plot = this.querySelector(".plot");
    this.querySelector('[data-action="log"]')?.addEventListener("click", () => this.#toggleLog(), { signal });
    listen("steps", (detail) => this.#receive(detail), signal);
    listen("run", (run) => this.#feed?.unmarked(run) && this.reload(), signal);
    listen("state", ({ returned }) => returned && this.reload(), signal);
    onThemeChange(() => this.#repaint(), signal);
    const near = new IntersectionObserver((entries) => this.#approach(entries.at(-1).isIntersecting), { rootMargin: "300px" });
    const size = new ResizeObserver(() => this.#isDrawn && this.#near && Plotly.Plots.resize(this.#plot));
    near.observe(this);
    size.observe(this.#plot);
    this.#observers = [near, size];
  }

  disconnectedCallback() {
    this.#bound.abort();
    this.#loading?.abort();
    drawQueue.drop(this.#append);
    for (const observer of this.#observers) observer.disconnect();
    if (this.#isDrawn) Plotly.purge(this.#plot);
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || !this.#plot) return;
    if (name === "src") this.reload();
    else this.#repaint();
  }

  /** Fetch the figure again; zoom and hidden traces stay. Far from the window it waits until it comes near. */
  async reload() {
    this.#loading?.abort();
    this.#loading = null;
    this.#feed = null;
    const src = this.getAttribute("src");
    if (!this.#near || !src) return;
    const loading = new AbortController();
    this.#loading = loading;
    this.#behind = false;
    this.#forget();
    try {
      const figure = await get(src.replace(/^\/api\/v1/, ""), { signal: loading.signal });
      await this.#show(figure);
    } catch (error) {
      // What is drawn already stays: the connection's state says that it may be old, and its return reloads it.
      if (error.name !== "AbortError" && !this.#isDrawn) this.#say(error.message);
    }
    if (this.#loading !== loading) return;
    this.#loading = null;
    this.#schedule();
  }

  get #isDrawn() {
    return this.#plot.classList.contains("js-plotly-plot");
  }

  async #show(figure) {
    setText(this.querySelector('[data-part="title"]'), figure.layout.title.text);
    const first = !this.#isDrawn;
    this.#feed = new FigureFeed(figure);
    this.#scale = figure.layout.yaxis.type ?? "linear";
    const theme = currentTheme();
    await Plotly.react(this.#plot, themedTraces(figure.data, theme), this.#layout(figure.layout, theme), CONFIG);
    if (first) this.#plot.on("plotly_click", ({ points }) => this.#click(points[0]));
    this.#drawn();
  }

  #layout(layout, theme) {
    const themed = themedLayout(layout, theme);
    const log = this.getAttribute("log");
    const type = log === null ? this.#scale : log === "1" ? "log" : "linear";
    this.#press(type === "log");
    // A zoom survives a reload of the same figure, but not a change of what the axis means.
    const src = this.getAttribute("src");
    return {
      ...themed,
      uirevision: src,
      legend: { ...themed.legend, uirevision: layout.meta?.figure },
      yaxis: { ...themed.yaxis, type, uirevision: `${src} ${type}` },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      margin: { l: 8, r: 14, t: 10, b: 8 },
      autosize: true,
    };
  }

  #repaint() {
    if (!this.#isDrawn) return;
    const theme = currentTheme();
    Plotly.react(this.#plot, themedTraces(this.#plot.data, theme), this.#layout(this.#plot.layout, theme), CONFIG);
  }

  #receive({ run, attempt, steps }) {
    if (!this.#feed && !this.#loading) return; // not near yet: it will be fetched as it then is
    if (this.#feed && !this.#feed.runs.includes(run)) return;
    this.#waiting.push({ run, attempt, rows: steps });
    this.#waitingRows += steps.length;
    if (this.#waitingRows > WAITING_ROWS) {
      this.#forget();
      this.#behind = true;
    }
    this.#schedule();
  }

  #schedule() {
    if (this.#near && !this.#loading && (this.#behind || this.#waiting.length > 0)) drawQueue.add(this.#append);
  }

  #append = async () => {
    const feed = this.#feed;
    if (!feed || this.#loading) return;
    const batches = this.#forget();
    if (this.#behind || batches.some(({ run, attempt, rows }) => feed.outdated(run, attempt, rows))) {
      await this.reload();
      return;
    }
    for (const { update, indices, keep } of additions(feed, batches)) {
      await Plotly.extendTraces(this.#plot, update, indices, keep ?? undefined);
    }
    this.#drawn();
    if (feed.crowded) await this.reload();
  };

  #forget() {
    this.#waitingRows = 0;
    return this.#waiting.splice(0);
  }

  #approach(near) {
    this.#near = near;
    if (!near) return;
    if (this.#feed) this.#schedule();
    else if (!this.#loading) this.reload();
  }

  #drawn() {
    const empty = !this.#plot.data.some((trace) => trace.x?.length > 0);
    this.#say(empty ? this.dataset.empty ?? "No values yet." : "");
    const steps = this.#plot.data.map((trace) => (trace.meta?.run ? trace.customdata?.at(-1) ?? 0 : 0));
    this.#tell("drawn", { meta: this.#plot.layout.meta, step: Math.max(0, ...steps) });
  }

  #click(point) {
    const { run } = point.data.meta ?? {};
    if (run) this.#tell("step", { run, step: point.customdata });
  }

  #toggleLog() {
    const log = this.querySelector('[data-action="log"]').getAttribute("aria-pressed") !== "true";
    this.setAttribute("log", log ? "1" : "0");
    this.#tell("log", { log });
  }

  #press(pressed) {
    this.querySelector('[data-action="log"]')?.setAttribute("aria-pressed", String(pressed));
  }

  #say(text) {
    const message = this.querySelector(".plot-message");
    setText(message, text);
    show(message, text !== "");
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(`figure:${what}`, { bubbles: true, detail }));
  }
}

/** What the batches add, one set of arguments for each run and set of columns. */
function additions(feed, batches) {
  return [...new Set(batches.map(({ run }) => run))].flatMap((run) =>
    feed.take(run, batches.filter((batch) => batch.run === run).flatMap(({ rows }) => rows)),
  );
}

customElements.define("live-figure", LiveFigure);
