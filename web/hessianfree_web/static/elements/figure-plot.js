// Where Plotly draws one figure: in the page's colours, on the axes its reader chose, over the part of x that is shown.

import { onLogAxis } from "../lib/log-axis.js";
import { themedLayout, themedTraces } from "../lib/theme.js";
import { boundsOf, rangeOf, scaleOf, wholeBounds, zoomText } from "../lib/zoom.js";
import { currentTheme } from "./figure-theme.js";
import { plotly } from "./plotly.js";

const CONFIG = {
  displaylogo: false,
  // Images are the figure's menu's; and nothing that is drawn here is sent to a service elsewhere.
  modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
  showSendToCloud: false,
};

export class FigurePlot {
  #place;
  #handlers;
  #resets = 0;
  #scale = "linear";

  /** `handlers`: `click(point)`, `hover(point)`, null: of none, and `zoom(bounds)` when the reader has zoomed x; null: all of it. */
  constructor(place, handlers) {
    this.#place = place;
    this.#handlers = handlers;
  }

  get isDrawn() {
    return this.#place.classList.contains("js-plotly-plot");
  }

  /** The bounds of x and how it is scaled, as it is drawn; null: nothing is. */
  get axis() {
    const range = this.isDrawn ? this.#place.layout.xaxis?.range : null;
    return range ? { bounds: boundsOf(range, this.#scale), scale: this.#scale } : null;
  }

  /**
   * Draw `{data, layout}`. `view`: `src`, which figure it is; `zoom`: bounds of x, null: all; `log`, `logX`: whether the axes
   * are logarithmic, null: as they come; `legend`, whether to have one. What its reader has done to it beside stays as long as `src` does.
   */
  async draw({ data, layout }, view) {
    const Plotly = await plotly();
    const first = !this.isDrawn;
    const theme = currentTheme();
    const drawn = this.#layout(layout, view, theme);
    this.#scale = scaleOf(layout.meta?.x, drawn.xaxis.type === "log");
    const whole = layout.meta?.x ? wholeBounds(data, this.#scale) : null;
    // Plotly leaves room for markers, but none for lines: figures below one another would not show the same steps.
    if (whole) drawn.xaxis.autorangeoptions = { include: whole, clipmin: whole[0], clipmax: whole[1] };
    const traces = drawn.yaxis.type === "log" ? onLogAxis(data) : data;
    const copies = themedTraces(traces, theme).map((trace) => ({ ...trace }));
    // Along a run a double click shows all of it again; elsewhere Plotly knows what to do.
    await Plotly.react(this.#place, copies, drawn, { ...CONFIG, doubleClick: layout.meta?.x ? false : "reset+autosize" });
    if (first) this.#listen();
  }

  /** Whether "xaxis" or "yaxis" was drawn logarithmic. */
  isLog(axis) {
    return this.#place.layout?.[axis]?.type === "log";
  }

  resize() {
    if (this.isDrawn) Plotly.Plots.resize(this.#place);
  }

  remove() {
    if (!this.isDrawn) return;
    Plotly.purge(this.#place);
    this.#place.classList.remove("js-plotly-plot"); // which Plotly leaves there
  }

  /** Forget how its reader has moved the axes. */
  reset() {
    this.#resets += 1;
  }

  #layout(layout, { src, zoom, log, logX, legend }, theme) {
    const themed = themedLayout(layout, theme);
    const isTime = layout.meta?.x === "wall_time";
    const yType = log === null ? layout.yaxis?.type ?? "linear" : log ? "log" : "linear";
    const xType = isTime || logX === null ? layout.xaxis?.type : logX ? "log" : "linear";
    const range = zoom && layout.meta?.x ? rangeOf(zoom, scaleOf(layout.meta.x, xType === "log")) : null;
    const axes = `${src} ${this.#resets}`;
    return {
      ...themed,
      ...(legend ? {} : { showlegend: false }),
      uirevision: src,
      // A zoom of y survives a new figure of the same things, but not a change of what the axis means.
      legend: { ...themed.legend, uirevision: layout.meta?.figure },
      xaxis: { ...themed.xaxis, ...(xType ? { type: xType } : {}), ...(range ? { range, autorange: false } : {}), uirevision: `${axes} ${xType} ${zoomText(zoom)}` },
      yaxis: { ...themed.yaxis, type: yType, uirevision: `${axes} ${yType}` },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      margin: { l: 8, r: 14, t: 10, b: 8 },
      autosize: true,
    };
  }

  #listen() {
    this.#place.on("plotly_click", ({ points }) => this.#handlers.click(points[0]));
    this.#place.on("plotly_hover", ({ points }) => this.#handlers.hover(points[0]));
    this.#place.on("plotly_unhover", () => this.#handlers.hover(null));
    this.#place.on("plotly_doubleclick", () => this.#handlers.zoom(null));
    this.#place.on("plotly_relayout", (change) => {
      if (change["xaxis.autorange"]) this.#handlers.zoom(null);
      else if ("xaxis.range[0]" in change || "xaxis.range" in change) this.#handlers.zoom(this.axis.bounds);
    });
  }
}
