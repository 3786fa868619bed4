// <sweep-header>: name, state and progress of a sweep, the best it found, and what can be done with it. It keeps the page
// current: whatever changes, it fetches the sweep now and then, and says "sweep:changed" (detail: the sweep) on the document;
// "sweep:leaving" says that the sweep is about to be gone.

import { get, post, remove } from "../api.js";
import { listen } from "../events.js";
import { formatCount, formatNumber } from "../lib/numbers.js";
import { stateLabel } from "../lib/states.js";
import { describeObjective, describeSearch, endedOf, formatParam, parts, shortName } from "../lib/sweeps.js";
import { Throttle } from "../lib/throttle.js";
import { make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

const LOOK_MILLISECONDS = 1000;
const QUESTIONS = {
  cancel: ["Cancel this sweep?", "Nothing more is tried: queued trials are cancelled, those that run are stopped. What they have recorded stays.", "Cancel sweep"],
  remove: ["Delete this sweep?", "The sweep is forgotten. Its runs stay, as runs of their own.", "Delete sweep"],
};

class SweepHeader extends HTMLElement {
  #sweep = pageData().sweep;
  #leaving = false; // it is being deleted
  #listening = new AbortController();
  #look = new Throttle(() => this.#fetch(), LOOK_MILLISECONDS);

  connectedCallback() {
    const { signal } = this.#listening;
    listen("run", (run) => run.sweep === this.#sweep.id && this.#look.ask(), signal);
    listen("sweep", ({ sweep }) => sweep === this.#sweep.id && this.#look.ask(), signal);
    listen("removed", () => this.#look.ask(), signal);
    listen("state", ({ returned }) => returned && this.#look.ask(), signal);
    for (const button of this.querySelectorAll("[data-action]")) button.addEventListener("click", () => this.#ask(button.dataset.action), { signal });
    this.#dialog.addEventListener("close", () => this.#act(this.#dialog.returnValue), { signal });
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#look.stop();
  }

  get #dialog() {
    return this.querySelector(":scope > dialog");
  }

  async #fetch() {
    if (this.#leaving) return;
    try {
      this.#show(await get(`/sweeps/${this.#sweep.id}`));
    } catch (error) {
      if (error.status === 404) location.assign("/sweeps");
      // Otherwise the stream has the same trouble, and the connection's state says so.
    }
  }

  #show(sweep) {
    this.#sweep = sweep;
    this.#draw();
    document.dispatchEvent(new CustomEvent("sweep:changed", { detail: sweep }));
  }

  #draw() {
    const sweep = this.#sweep;
    this.querySelector("state-badge").setAttribute("state", sweep.state);
    show(this.#part("failure"), sweep.error !== null);
    setText(this.#part("failure"), sweep.error ?? "");
    setText(this.#part("search"), describeSearch(sweep));
    setText(this.#part("objective"), describeObjective(sweep.spec.objective));
    setText(this.#part("ended"), `${formatCount(endedOf(sweep))} / ${formatCount(sweep.total)}`);
    show(this.#part("target"), sweep.reached_target);
    this.#drawParts(sweep);
    this.#drawBest(sweep.best);
    show(this.querySelector('[data-action="cancel"]'), sweep.state === "running");
    show(this.querySelector('[data-action="remove"]'), sweep.state !== "running");
  }

  #drawParts(sweep) {
    for (const { state, count, share } of parts(sweep)) {
      const part = this.querySelector(`.sweep-bar [data-state="${state}"]`);
      part.style.flexGrow = String(share);
      show(part, count > 0);
      const item = this.querySelector(`.sweep-counts [data-state="${state}"]`);
      setText(item.querySelector(".number"), formatCount(count));
      item.toggleAttribute("data-none", count === 0);
    }
    const told = parts(sweep).filter(({ count }) => count > 0).map(({ state, count }) => `${count} ${stateLabel(state).toLowerCase()}`);
    this.querySelector(".sweep-bar").setAttribute("aria-label", `Trials: ${told.join(", ")}`);
  }

  #drawBest(best) {
    show(this.#part("best"), best !== null);
    if (best === null) return;
    setText(this.#part("best-value"), formatNumber(best.value));
    setText(this.#part("best-trial"), `trial ${best.number}`);
    this.#part("best-run").setAttribute("href", `/runs/${best.run}`);
    this.#part("best-again").setAttribute("href", `/submit?from=${best.run}`);
    const list = this.#part("best").querySelector("dl");
    const text = JSON.stringify(best.params);
    if (list.dataset.shown === text) return;
    list.dataset.shown = text;
    const paths = Object.keys(best.params);
    const params = paths.map((path) => make("div", {}, make("dt", { title: path }, shortName(path, paths)), make("dd", { class: "number" }, formatParam(best.params[path]))));
    list.replaceChildren(list.firstElementChild, ...params);
  }

  #ask(action) {
    const [title, text, verb] = QUESTIONS[action];
    setText(this.#part("question"), title);
    setText(this.#part("consequence"), text);
    setText(this.#part("confirm"), verb);
    this.#part("confirm").value = action;
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }

  async #act(action) {
    const complaint = this.#part("complaint");
    try {
      if (action === "cancel") this.#show(await post(`/sweeps/${this.#sweep.id}/cancel`));
      if (action === "remove") {
        this.#leaving = true;
        document.dispatchEvent(new CustomEvent("sweep:leaving"));
        await remove(`/sweeps/${this.#sweep.id}`);
        location.assign("/sweeps");
      }
      show(complaint, false);
    } catch (error) {
      this.#leaving = false;
      setText(complaint, error.message);
      show(complaint, true);
    }
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("sweep-header", SweepHeader);
