// One row of the runs table.

import { formatCount, formatNumber } from "../lib/numbers.js";
import { optimizerOf, problemOf } from "../lib/runs.js";
import { fractionDone, hasEnded, shownState } from "../lib/states.js";
import { formatRoughly } from "../lib/times.js";
import { make, setText, show } from "./dom.js";

/** A table row cloned from `template`, filled with whatever run it is shown. */
export class RunRow {
  #run = null;

  constructor(template) {
    this.element = template.content.firstElementChild.cloneNode(true);
  }

  /** Show `run`; cheap when nothing changed. */
  show(run, selected) {
    this.#box.checked = selected;
    this.element.toggleAttribute("data-selected", selected);
    if (run === this.#run) return;
    this.#run = run;
    this.#box.value = run.id;
    this.#box.setAttribute("aria-label", `Select ${run.name}`);
    const link = this.#part("name");
    link.href = `/runs/${run.id}`;
    setText(link, run.name);
    this.#part("tags").replaceChildren(...run.tags.map((tag) => make("span", { class: "tag" }, tag)));
    const badge = this.#part("state");
    badge.setAttribute("state", shownState(run));
    badge.setAttribute("cause", run.cause ?? "");
    setText(this.#part("problem"), problemOf(run));
    setText(this.#part("optimizer"), optimizerOf(run));
    this.#part("problem").dataset.optimizer = ` · ${optimizerOf(run)}`; // for narrow windows, where the column is gone
    setText(this.#part("loss"), formatNumber(run.summary.loss?.last));
    setText(this.#part("best"), formatNumber(run.summary.loss?.min));
    this.#part("age").setAttribute("at", run.created_at);
    this.#showProgress(run);
  }

  #showProgress(run) {
    const { step, steps, eta_seconds: eta } = run.progress;
    const bar = this.#part("progress");
    const fraction = fractionDone(run);
    const started = run.attempt > 0;
    bar.dataset.state = shownState(run);
    bar.setAttribute("aria-label", `Progress of ${run.name}`);
    show(bar, started && run.state !== "completed"); // a full bar says nothing that the badge does not
    if (fraction === null && !hasEnded(run)) bar.removeAttribute("value");
    else bar.value = fraction ?? 1;
    const done = steps ? `${formatCount(step)} / ${formatCount(steps)}` : `${formatCount(step)} steps`;
    setText(this.#part("steps"), started ? done : "");
    const left = run.state === "running" && eta !== null ? Number(eta) : NaN;
    setText(this.#part("eta"), Number.isFinite(left) ? `${formatRoughly(left)} left` : "");
  }

  get #box() {
    return this.element.querySelector(".run-select input");
  }

  #part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }
}
