// The small curves of the runs table: asked for together, and only for rows that are in sight.

import { get } from "../api.js";
import { CurveQueue } from "../lib/curve-queue.js";
import { sketch, sketchWords } from "../lib/sparkline.js";

const WIDTH = 88;
const HEIGHT = 26;
const WAIT_MILLISECONDS = 80;
const MOST = 100;
const SPACE = "http://www.w3.org/2000/svg";

/** Draws into the curve cells of rows that it is told of. */
export class RunCurves {
  #metric;
  #rows = new Map(); // run -> row
  #steps = new Map(); // run -> the step that is drawn
  #wanted = new CurveQueue(WAIT_MILLISECONDS);
  #visible = new Set();
  #timer = null;
  #isAsking = false;
  #seen;

  constructor(metric) {
    this.#metric = metric;
    this.#seen = new IntersectionObserver((entries) => this.#see(entries), { rootMargin: "120px" });
  }

  /** This row shows this run; ask again when it has gone on. */
  watch(row) {
    const { curve, run } = row;
    if (!curve) return;
    if (!this.#rows.has(run.id)) {
      this.#rows.set(run.id, row);
      this.#seen.observe(row.element);
    } else if (this.#visible.has(run.id) && this.#steps.get(run.id) !== run.progress.step) this.#want(run.id);
  }

  forget(row) {
    this.#seen.unobserve(row.element);
    for (const known of [this.#rows, this.#steps, this.#visible]) known.delete(row.run.id);
    this.#wanted.drop(row.run.id);
  }

  close() {
    clearTimeout(this.#timer);
    this.#seen.disconnect();
    for (const row of this.#rows.values()) this.forget(row);
  }

  #see(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = target.dataset.run;
      if (!isIntersecting) this.#visible.delete(id);
      else {
        this.#visible.add(id);
        if (this.#steps.get(id) !== this.#rows.get(id)?.run.progress.step) this.#want(id);
      }
    }
  }

  #want(id) {
    this.#wanted.want(id, { isDrawn: this.#steps.has(id), now: performance.now() });
    this.#schedule();
  }

  #schedule() {
    clearTimeout(this.#timer);
    const { due } = this.#wanted;
    if (!this.#isAsking && due < Infinity) this.#timer = setTimeout(() => this.#ask(), Math.max(0, due - performance.now()));
  }

  async #ask() {
    const began = performance.now();
    const ids = this.#wanted.take(began, MOST);
    if (ids.length === 0) return this.#schedule(); // a timer may be a little early
    const steps = new Map(ids.map((id) => [id, this.#rows.get(id).run.progress.step]));
    this.#isAsking = true;
    try {
      const { items } = await get(`/runs/sparklines?${new URLSearchParams({ runs: ids.join(","), metric: this.#metric })}`);
      for (const item of items) {
        const row = this.#rows.get(item.run);
        if (!row) continue; // it has gone meanwhile; should it come again, its cell is empty
        this.#steps.set(item.run, steps.get(item.run));
        this.#draw(row.curve, item);
      }
    } catch {
      // Without curves the table is still a table; the connection's state says what is wrong.
    }
    this.#isAsking = false;
    const now = performance.now();
    this.#wanted.answered(now, now - began);
    this.#schedule();
  }

  #draw(cell, { steps, values }) {
    const found = sketch(steps, values, WIDTH, HEIGHT);
    if (found === null) return cell.replaceChildren();
    const svg = shape("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": sketchWords(this.#metric, steps, values) });
    svg.append(shape("title", {}, sketchWords(this.#metric, steps, values)), shape("path", { d: found.path }));
    for (const x of found.marks) svg.append(shape("path", { class: "odd", d: `M${x - 2} 1l4 4m0 -4l-4 4` }));
    cell.replaceChildren(svg);
  }
}

function shape(tag, attributes, text = "") {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
}
