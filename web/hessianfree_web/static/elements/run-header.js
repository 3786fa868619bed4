// <run-header>: name, state, progress and figures of merit of one run, and what can be done with it.

import { post, remove } from "../api.js";
import { listen } from "../events.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { fractionDone, hasEnded, mayBeAdjusted, mayGoOn, mayPause, shownState, stateSentence } from "../lib/states.js";
import { formatRoughly } from "../lib/times.js";
import { setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

const QUESTIONS = {
  cancel: ["Cancel this run?", "What it has recorded stays.", "Cancel run"],
  retry: ["Retry this run?", "It returns to the queue and goes on from its last checkpoint, if it has one.", "Retry"],
  restart: ["Start over?", "It returns to the queue and begins from scratch. What it has recorded is removed.", "Start over"],
  remove: ["Delete this run?", "The run and everything it has recorded are removed for good.", "Delete run"],
};

class RunHeader extends HTMLElement {
  #run = pageData().run;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    listen("run", (run) => run.id === this.#run.id && this.#show(run), signal);
    listen("removed", ({ run }) => run === this.#run.id && location.assign("/"), signal);
    document.addEventListener("run:health", ({ detail }) => this.#showHealth(detail), { signal });
    for (const button of this.querySelectorAll("[data-action]")) {
      const { action } = button.dataset;
      button.addEventListener("click", () => (action in QUESTIONS ? this.#ask(action) : this.#act(action)), { signal });
    }
    this.#dialog.addEventListener("close", () => this.#act(this.#dialog.returnValue), { signal });
    this.#show(this.#run);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #dialog() {
    return this.querySelector(":scope > dialog");
  }

  #show(run) {
    this.#run = run;
    const badge = this.querySelector("state-badge");
    badge.setAttribute("state", shownState(run));
    badge.setAttribute("cause", run.cause ?? "");
    setText(this.#part("name"), run.name);
    setText(this.#part("attempt"), run.attempt ? `attempt ${run.attempt} of ${run.max_attempts}` : "not started");
    const sentence = stateSentence(run);
    setText(this.#part("sentence"), sentence);
    show(this.#part("sentence"), sentence !== "");
    this.#showProgress(run);
    this.#showLosses(run.summary);
    this.#showActions(run);
    const error = document.querySelector('[data-part="error"]');
    show(error, Boolean(run.error));
    setText(error.querySelector("pre"), run.error ?? "");
  }

  #showHealth({ text, severity }) {
    const chip = this.#part("health");
    setText(this.#part("health-text"), text);
    chip.dataset.severity = severity;
    show(chip, severity !== "none");
  }

  #showProgress(run) {
    const { step, steps, eta_seconds: eta } = run.progress;
    const bar = this.querySelector("progress");
    const fraction = fractionDone(run);
    bar.dataset.state = shownState(run);
    if (fraction === null && !hasEnded(run)) bar.removeAttribute("value");
    else bar.value = fraction ?? 1;
    setText(this.#part("step"), steps ? `${formatCount(step)} / ${formatCount(steps)}` : formatCount(step));
    show(this.#part("left"), !hasEnded(run));
    setText(this.#part("eta"), run.state === "running" && eta !== null ? formatRoughly(Number(eta)) : "–");
    const elapsed = this.#part("elapsed");
    elapsed.setAttribute("at", run.started_at ?? "");
    if (run.ended_at) elapsed.setAttribute("until", run.ended_at);
    else elapsed.removeAttribute("until");
  }

  #showLosses(summary) {
    setText(this.#part("loss"), formatNumber(summary.loss?.last));
    setText(this.#part("best"), formatNumber(summary.loss?.min));
    const step = summary.loss?.best_step;
    setText(this.#part("best-step"), step ? `at step ${formatCount(step)}` : "");
    show(this.#part("eval"), Boolean(summary.eval_loss));
    setText(this.#part("eval-loss"), formatNumber(summary.eval_loss?.last));
    setText(this.#part("eval-best"), summary.eval_loss ? `best ${formatNumber(summary.eval_loss.min)}` : "");
  }

  #showActions(run) {
    const job = run.kind === "job";
    const possible = {
      pause: job && mayPause(run),
      resume: job && mayGoOn(run),
      cancel: !hasEnded(run) && !run.stop_requested,
      retry: job && (run.state === "failed" || run.state === "cancelled"),
      restart: job && hasEnded(run),
      remove: hasEnded(run),
    };
    for (const [action, shown] of Object.entries(possible)) show(this.querySelector(`[data-action="${action}"]`), shown);
    show(this.#part("settings"), job && mayBeAdjusted(run));
  }

  #ask(action) {
    const [title, text, verb] = QUESTIONS[action];
    setText(this.#part("question"), title);
    setText(this.#part("consequence"), text);
    const confirm = this.#part("confirm");
    setText(confirm, verb);
    confirm.value = action;
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }

  async #act(action) {
    if (!action) return;
    try {
      if (action === "remove") {
        await remove(`/runs/${this.#run.id}`);
        location.assign("/");
      } else {
        this.#show(await post(`/jobs/${this.#run.id}/${action}`));
      }
      this.#complain("");
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #complain(text) {
    const complaint = this.#part("complaint");
    setText(complaint, text);
    show(complaint, text !== "");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("run-header", RunHeader);
