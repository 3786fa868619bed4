// <live-figure src="/api/v1/figures/..." [log="1|0"] [logx="1|0"] [zoom="a,b"] [marker="step"] [legend="0"]>: a figure that is fetched
// once and grows with the page's stream; zoomed along x it is fetched again, down to single steps.
//
// Its children: `.plot-frame` with `.plot`, where Plotly draws; `.plot-message` with [data-part="said"], for what to say instead;
// buttons [data-action="log"], [data-action="logx"], [data-action="reload"]. It says "figure:drawn" (detail: the figure's meta, the latest step),
// "figure:click" (meta, customdata) of a point, "figure:step" (run, step) where that is a run's, "figure:hover" (the meta of the
// trace that is pointed at, null: none), "figure:log" (axis, log) when an axis is switched, "figure:zoom" (x: its bounds, or
// null) when its reader has zoomed; to the document "cursor:hover" (x_name, x), or null, for the pointer's place.

import { get } from "../api.js";
import { listen } from "../events.js";
import { Growth } from "../lib/growth.js";
import { isCovered, runsOf, scaleOf, stepAlong, xNameOf, zoomFrom, zoomText, zoomedAddress } from "../lib/zoom.js";
import { press } from "./dom.js";
import { drawQueue } from "./draw-queue.js";
import { FigureLines } from "./figure-lines.js";
import { FigurePlot } from "./figure-plot.js";
import { onThemeChange } from "./figure-theme.js";
import { FigureWords } from "./figure-words.js";

const LOADING_AFTER_MILLISECONDS = 400;
const RETRY_MILLISECONDS = 3000;

class LiveFigure extends HTMLElement {
  static observedAttributes = ["src", "log", "logx", "zoom", "marker"];
  #plot = null;
  #lines;
  #words = new FigureWords(this);
  #figure = null;
  #growth = new Growth();
  #covered = null; // which part of x was fetched, and whether as a sample
  #zoom = null;
  #near = false;
  #stale = false; // something about its looks has changed while it was far away
  #loading = null;
  #fetchedAt = -Infinity;
  #refresh = null;
  #retry = null;
  #bound = null;
  #observers = [];

  /** Called with the traces before they are drawn; those that it answers are. A page hides a run like that in all its figures. */
  dress = null;

  connectedCallback() {
    this.#bound = new AbortController(); // one that was moved within the page comes back to life
    const { signal } = this.#bound;
    const place = this.plot;
    this.#plot = new FigurePlot(place, {
      click: (point) => this.#click(point),
      hover: (point) => this.#tell("hover", point && (point.data.meta ?? {})),
      zoom: (bounds) => this.#zoomed(bounds),
    });
    this.#lines = new FigureLines(this.querySelector(".plot-frame"), () => this.#plot.axis, signal);
    this.#zoom = zoomFrom(this.getAttribute("zoom"), this.#xName);
    for (const action of ["log", "logx"]) {
      this.#button(action)?.addEventListener("click", () => this.#toggle(action), { signal });
    }
    this.#button("reload")?.addEventListener("click", () => this.reload(), { signal });
    listen("steps", (detail) => this.#receive(detail), signal);
    listen("run", (run) => this.#growth.unmarked(run) && this.reload(), signal);
    listen("state", ({ returned }) => returned && this.reload(), signal);
    document.addEventListener("visibilitychange", () => document.hidden || this.#approach(this.#near), { signal });
    onThemeChange(() => this.redraw(), signal);
    const near = new IntersectionObserver((entries) => this.#approach(entries.at(-1).isIntersecting), { rootMargin: "300px" });
    const size = new ResizeObserver(() => this.#near && this.#resize());
    near.observe(this);
    size.observe(place);
    this.#observers = [near, size];
  }

  disconnectedCallback() {
    this.#bound.abort();
    this.#loading?.abort();
    this.#loading = null;
    this.#growth.end();
    clearTimeout(this.#refresh);
    clearTimeout(this.#retry);
    this.#refresh = null;
    for (const draw of [this.#append, this.#paint]) drawQueue.drop(draw);
    for (const observer of this.#observers) observer.disconnect();
    this.#plot.remove();
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || !this.#plot) return;
    if (name === "src") this.#change(before);
    else if (name === "zoom") this.#show(zoomFrom(after, this.#xName));
    else if (name === "marker") this.#mark();
    else this.redraw();
  }

  /** Where Plotly draws. */
  get plot() {
    return this.querySelector(".plot");
  }

  /** `{data, layout}` as it was fetched, with what was added since; null: not yet. */
  get figure() {
    return this.#figure;
  }

  /** The figure as its page dresses it; null: not yet. */
  get drawn() {
    return this.#figure && { ...this.#figure, data: this.dress?.(this.#figure.data) ?? this.#figure.data };
  }

  /** Fetch the figure again; zoom and hidden traces stay. Where nobody looks (far from the window, a hidden page) it waits. */
  async reload() {
    this.#loading?.abort();
    this.#loading = null;
    this.#growth.end();
    const src = this.getAttribute("src");
    if (!this.#near || document.hidden || !src) return;
    const loading = new AbortController();
    this.#loading = loading;
    this.#growth.ask();
    let lacking = false;
    const slow = setTimeout(() => this.#plot.isDrawn || this.#words.say("Loading …"), LOADING_AFTER_MILLISECONDS);
    try {
      // Where all rows were there, a zoom asks for none: those that have come since are wanted beside them.
      const part = this.#covered && !this.#covered.part && !this.#covered.sampled ? null : this.#zoom;
      const figure = await get(zoomedAddress(src, part).replace(/^\/api\/v1/, ""), { signal: loading.signal });
      this.#take(figure, part);
      // What is there already waits for its turn, as for any drawing of it.
      await (this.#plot.isDrawn ? drawQueue.add(this.#paint) : this.#paint());
      this.#drawn();
      lacking = part !== this.#zoom && !this.#isCovered;
    } catch (error) {
      if (error.name !== "AbortError") this.#failed(error);
    } finally {
      clearTimeout(slow);
    }
    if (this.#loading !== loading) return;
    this.#loading = null;
    if (lacking) this.reload();
    else this.#schedule();
  }

  /** What is drawn already stays, and is asked for again: it would no longer grow. */
  #failed(error) {
    this.#growth.end();
    if (!this.#plot.isDrawn) this.#words.say(error.message, { failed: true });
    else this.#retry = setTimeout(() => this.#growth.hasBegun || this.#loading || this.reload(), RETRY_MILLISECONDS);
  }

  /** Draw what is there again: it is to look otherwise now. In its turn; where it is far away, when its reader comes near. */
  redraw() {
    if (this.#near) drawQueue.add(this.#paint);
    else this.#stale = true;
  }

  /** What x is asked to be: the units of a zoom. */
  get #xName() {
    return xNameOf(this.getAttribute("src"));
  }

  #take(figure, part) {
    this.#figure = figure;
    const { meta } = figure.layout;
    this.#covered = { part, sampled: Boolean(meta?.sampled) };
    this.#growth.begin(figure, part && meta?.x ? part[1] : null);
    this.#fetchedAt = performance.now();
    this.#words.head(figure.layout);
  }

  /** Another figure. A zoom means nothing along another x; one that does is to be set after `src`. */
  #change(before) {
    const names = [before, this.getAttribute("src")].map((src) => xNameOf(src));
    if (names[0] !== names[1]) this.#noteZoom(null);
    this.#covered = null;
    this.reload();
  }

  #paint = async () => {
    this.#stale = false;
    if (!this.#figure) return;
    const [log, logX] = ["log", "logx"].map((name) => (this.hasAttribute(name) ? this.getAttribute(name) === "1" : null));
    const legend = this.getAttribute("legend") !== "0";
    await this.#plot.draw(this.drawn, { src: this.getAttribute("src"), zoom: this.#zoom, log, logX, legend });
    for (const [action, axis] of [["log", "yaxis"], ["logx", "xaxis"]]) press(this.#button(action), this.#plot.isLog(axis));
    this.#mark();
  };

  #mark() {
    const step = this.getAttribute("marker");
    this.#lines.show(this.#figure?.layout.meta?.x ?? null, step && this.#figure ? stepAlong(Number(step), this.#figure) : null);
  }

  #resize() {
    this.#plot.resize();
    this.#lines.place();
  }

  #zoomed(bounds) {
    if (!this.#figure?.layout.meta?.x || zoomText(bounds) === zoomText(this.#zoom)) return;
    if (bounds === null) this.#plot.reset();
    this.#noteZoom(bounds);
    this.#tell("zoom", { x: bounds });
    this.#fill();
  }

  /** Shown from elsewhere: by an address, or a button. */
  #show(bounds) {
    if (zoomText(bounds) === zoomText(this.#zoom)) return;
    if (bounds === null) this.#plot.reset();
    this.#zoom = bounds;
    this.redraw();
    this.#fill();
  }

  #noteZoom(bounds) {
    this.#zoom = bounds;
    if (bounds === null) this.removeAttribute("zoom");
    else this.setAttribute("zoom", zoomText(bounds));
  }

  /** Fetch what the part that is shown lacks. */
  #fill() {
    if (!this.#covered) return;
    if (this.#isCovered) this.redraw();
    else this.reload();
  }

  get #isCovered() {
    return isCovered(this.#zoom, this.#covered, scaleOf(this.#xName, false));
  }

  #receive(batch) {
    this.#outdate(batch.run);
    this.#growth.receive(batch);
    this.#schedule();
  }

  /** A figure that cannot grow, or not in all of its parts, is fetched again, but not for each row. */
  #outdate(run) {
    const seconds = this.#figure?.layout.meta?.refresh_seconds;
    if (!seconds || this.#refresh !== null || !runsOf(this.getAttribute("src")).includes(run)) return;
    const wait = this.#fetchedAt + seconds * 1000 - performance.now();
    this.#refresh = setTimeout(() => {
      this.#refresh = null;
      this.#growth.outdate();
      this.#schedule();
    }, Math.max(0, wait));
  }

  #schedule() {
    if (this.#near && !this.#loading && this.#growth.isDue) drawQueue.add(this.#append);
  }

  #append = async () => {
    if (!this.#growth.hasBegun || this.#loading) return;
    const { grown, outdated } = this.#growth.grow();
    if (grown) await this.#paint();
    if (grown || !outdated) this.#drawn();
    if (outdated) this.reload(); // which others need not wait for
  };

  #approach(near) {
    this.#near = near;
    if (!near) return;
    this.#resize(); // the window may have become narrower while this was far from it
    if (this.#stale) this.redraw();
    if (this.#growth.hasBegun) this.#schedule();
    else if (!this.#loading) this.reload();
  }

  #drawn() {
    const { data, layout } = this.#figure;
    const empty = !data.some((trace) => trace.x?.length > 0);
    this.#words.say(empty ? this.dataset.empty ?? "No values yet." : "");
    const steps = data.map((trace) => (trace.meta?.run ? trace.customdata?.at(-1) ?? 0 : 0));
    this.#tell("drawn", { meta: layout.meta, step: Math.max(0, ...steps) });
  }

  #click(point) {
    const { run, steps_of: of } = point.data.meta ?? {};
    if (run) this.#tell("step", { run, step: point.customdata });
    else if (of) this.#tell("step", { run: of, step: point.x }); // a cell of a heat map: its columns are steps
    this.#tell("click", { meta: point.data.meta ?? {}, customdata: point.customdata });
  }

  #toggle(action) {
    const log = this.#button(action).getAttribute("aria-pressed") !== "true";
    this.setAttribute(action, log ? "1" : "0");
    this.#tell("log", { axis: action === "log" ? "y" : "x", log });
  }

  #button(action) {
    return this.querySelector(`[data-action="${action}"]`);
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(`figure:${what}`, { bubbles: true, detail }));
  }
}

customElements.define("live-figure", LiveFigure);
