// One row of the queue, or of what is under way.

import { formatCount } from "../lib/numbers.js";
import { startText } from "../lib/queue.js";
import { optimizerOf, problemOf } from "../lib/runs.js";
import { fractionDone, mayGoOn, mayPause, shownState } from "../lib/states.js";
import { formatRoughly } from "../lib/times.js";
import { setText, show } from "./dom.js";

/** A table row cloned from `template`; `act(action, run)` is called when one of its buttons is pressed. */
export class QueueRow {
  #run = null;

  constructor(template, act) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.addEventListener("click", ({ target }) => {
      const button = target.closest("button[data-action]");
      if (button) act(button.dataset.action, this.#run);
    });
  }

  /** Show a place of the queue: its run, its number and how long it will wait. */
  showPlace({ position, run, estimate }, waiting) {
    this.#showRun(run);
    setText(this.#part("position"), formatCount(position));
    setText(this.#part("priority"), String(run.priority).replace("-", "−"));
    this.#part("since").setAttribute("at", run.created_at);
    setText(this.#part("start"), startText(estimate));
    this.#part("start").title = estimate.sentence;
    this.#part("start").toggleAttribute("data-bad", estimate.workers === 0);
    for (const [action, isOpen] of [["first", position > 1], ["up", position > 1], ["down", position < waiting]]) {
      this.#button(action).disabled = !isOpen;
    }
  }

  /** Show a run that is under way; `worker` is its worker's name. */
  showProgress(run, worker) {
    this.#showRun(run);
    const { step, steps, eta_seconds: eta } = run.progress;
    const badge = this.#part("state");
    badge.setAttribute("state", shownState(run));
    const bar = this.#part("progress");
    const fraction = fractionDone(run);
    bar.setAttribute("aria-label", `Progress of ${run.name}`);
    bar.dataset.state = shownState(run);
    if (fraction === null) bar.removeAttribute("value");
    else bar.value = fraction;
    setText(this.#part("steps"), steps ? `${formatCount(step)} / ${formatCount(steps)}` : `${formatCount(step)} steps`);
    const left = run.state === "running" && eta !== null ? Number(eta) : NaN;
    setText(this.#part("eta"), Number.isFinite(left) ? formatRoughly(left) : "–");
    setText(this.#part("worker"), worker ?? "–");
    show(this.#button("pause"), mayPause(run));
    show(this.#button("resume"), mayGoOn(run));
    this.#button("cancel").disabled = run.stop_requested;
  }

  #showRun(run) {
    this.#run = run;
    this.element.dataset.run = run.id;
    const link = this.#part("name");
    link.href = `/runs/${run.id}`;
    setText(link, run.name);
    setText(this.#part("problem"), problemOf(run));
    setText(this.#part("optimizer"), optimizerOf(run));
    for (const button of this.element.querySelectorAll("button[data-label]")) button.setAttribute("aria-label", `${button.dataset.label}: ${run.name}`);
  }

  #button(action) {
    return this.element.querySelector(`button[data-action="${action}"]`);
  }

  #part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }
}
