// One row of the runs table, in whatever columns are shown.

import { colourOf } from "../lib/colours.js";
import { formatCount } from "../lib/numbers.js";
import { isNumeric, textOf, valueOf } from "../lib/run-columns.js";
import { fractionDone, hasEnded, shownState } from "../lib/states.js";
import { formatRoughly } from "../lib/times.js";
import { make, setText, show } from "./dom.js";

/** A table row of one run, filled with whatever it is like. */
export class RunRow {
  #columns;
  #run = null;
  #parts = new Map();

  constructor(columns) {
    this.#columns = columns;
    this.element = make("tr", {});
    const box = make("input", { type: "checkbox" });
    this.#parts.set("box", box);
    this.element.append(make("td", { class: "run-select" }, make("label", {}, box)), this.#head(), ...columns.map((column) => this.#cell(column)));
  }

  /** The cell that the small curve goes into; null: there is no such column. */
  get curve() {
    return this.#parts.get("curve") ?? null;
  }

  get run() {
    return this.#run;
  }

  /** Show `run`; cheap when nothing changed. */
  show(run, selected) {
    this.#parts.get("box").checked = selected;
    this.element.toggleAttribute("data-selected", selected);
    if (run === this.#run) return;
    this.#run = run;
    this.element.dataset.run = run.id;
    this.#parts.get("box").value = run.id;
    this.#parts.get("box").setAttribute("aria-label", `Select ${run.name}`);
    this.#parts.get("swatch").dataset.colour = colourOf(run.colour);
    const link = this.#parts.get("name");
    link.href = `/runs/${run.id}`;
    setText(link, run.name);
    const shownElsewhere = this.#columns.some(({ name }) => name === "tag");
    fillTags(this.#parts.get("tags"), shownElsewhere ? [] : run.tags, run.pinned, run.archived);
    for (const column of this.#columns) this.#fill(column, run);
  }

  #head() {
    const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
    const link = make("a", { "data-part": "name" });
    const tags = make("span", { class: "tags", "data-part": "tags" });
    this.#parts.set("swatch", swatch).set("name", link).set("tags", tags);
    return make("th", { scope: "row", class: "run-name-cell" }, make("span", { class: "run-name-line" }, swatch, link), tags);
  }

  #cell(column) {
    const cell = make("td", { class: `of-${column.kind}${isNumeric(column) ? " number" : ""}`, "data-column": column.name, "data-label": column.label });
    let part = cell;
    if (column.kind === "state") part = make("state-badge", { "data-part": "state" });
    else if (column.kind === "time") part = make("moment-text", { as: "age" });
    else if (column.kind === "progress") part = this.#progress();
    if (part !== cell) cell.append(part);
    this.#parts.set(column.name, part);
    return cell;
  }

  #progress() {
    const bar = make("progress", {});
    const steps = make("span", { class: "number" });
    const eta = make("span", { class: "muted number" });
    this.#parts.set("bar", bar).set("steps-done", steps).set("eta", eta);
    return make("span", { class: "run-progress" }, bar, make("span", { class: "progress-text" }, steps, eta));
  }

  #fill({ name, kind }, run) {
    const part = this.#parts.get(name);
    if (kind === "state") {
      part.setAttribute("state", shownState(run));
      part.setAttribute("cause", run.cause ?? "");
    } else if (kind === "time") part.setAttribute("at", valueOf(run, name) ?? "");
    else if (kind === "progress") this.#showProgress(run);
    else if (kind === "tags") fillTags(part, run.tags);
    else if (kind !== "curve") {
      const value = valueOf(run, name);
      part.toggleAttribute("data-odd", kind === "number" && value !== undefined && value !== null && !Number.isFinite(Number(value)));
      setText(part, textOf(value, kind));
      part.title = kind === "text" || kind === "setting" ? part.textContent : "";
    }
  }

  #showProgress(run) {
    const { step, steps, eta_seconds: eta } = run.progress;
    const bar = this.#parts.get("bar");
    const fraction = fractionDone(run);
    const started = run.attempt > 0;
    bar.dataset.state = shownState(run);
    bar.setAttribute("aria-label", `Progress of ${run.name}`);
    show(bar, started && run.state !== "completed"); // a full bar says nothing that the badge does not
    if (fraction === null && !hasEnded(run)) bar.removeAttribute("value");
    else bar.value = fraction ?? 1;
    const done = steps ? `${formatCount(step)} / ${formatCount(steps)}` : `${formatCount(step)} steps`;
    setText(this.#parts.get("steps-done"), started ? done : "");
    const left = run.state === "running" && eta !== null ? Number(eta) : NaN;
    setText(this.#parts.get("eta"), Number.isFinite(left) ? `${formatRoughly(left)} left` : "");
  }
}

function fillTags(place, tags, pinned = false, archived = false) {
  const marks = [...(pinned ? ["pinned"] : []), ...(archived ? ["archived"] : [])].map((mark) => make("span", { class: "tag mark" }, mark));
  place.replaceChildren(...marks, ...tags.map((tag) => make("span", { class: "tag" }, tag)));
}
