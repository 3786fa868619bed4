// <compare-adder>: finds runs by words or by a filter, and adds those that are chosen to the comparison.

import { get } from "../api.js";
import { MOST_RUNS, UNASKED, comparisonFrom, comparisonSearch } from "../lib/comparison.js";
import { findQuery } from "../lib/finding.js";
import { formatNumber } from "../lib/numbers.js";
import { shownState, stateLabel } from "../lib/states.js";
import { formatAge } from "../lib/times.js";
import { icon, make, setText, show } from "./dom.js";

const PAUSE_MILLISECONDS = 200;
const SHOWN = 50;

class CompareAdder extends HTMLElement {
  #chosen = new Set();
  #asking = null;
  #timer = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    this.#on("open", () => this.#open(), signal);
    this.#on("all", () => this.#chooseAll(), signal);
    this.#on("add", () => this.#add(), signal);
    this.#field.addEventListener("input", () => this.#later(), { signal });
    this.#field.addEventListener("keydown", (event) => event.key === "Enter" && this.#enter(event), { signal });
    this.#list.addEventListener("change", ({ target }) => this.#choose(target.value, target.checked), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#asking?.abort();
    clearTimeout(this.#timer);
  }

  get #field() {
    return this.querySelector("[name=find]");
  }

  get #list() {
    return this.querySelector(".adder-found");
  }

  get #boxes() {
    return [...this.#list.querySelectorAll("input:not(:disabled)")];
  }

  #button(action) {
    return this.querySelector(`[data-action="${action}"]`);
  }

  #on(action, act, signal) {
    this.#button(action).addEventListener("click", act, { signal });
  }

  #open() {
    this.#chosen.clear();
    this.#field.value = "";
    this.querySelector("dialog").showModal();
    this.#field.focus();
    this.#count();
    this.#find();
  }

  /** Enter looks again at once, and adds what is chosen; it must not close the dialog. */
  #enter(event) {
    event.preventDefault();
    if (this.#chosen.size > 0) this.#add();
    else this.#find();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#find(), PAUSE_MILLISECONDS);
  }

  async #find() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      this.#draw(await get(`/runs?${findQuery(this.#field.value, SHOWN)}`, { signal: asking.signal }));
    } catch (error) {
      if (error.name !== "AbortError") this.#tell(error.errors?.[0]?.message ?? error.message);
    }
  }

  #draw({ items, total }) {
    const { runs } = comparisonFrom(location.search);
    this.#list.replaceChildren(...items.map((run) => this.#item(run, runs.includes(run.id))));
    const more = (total ?? items.length) - items.length;
    this.#tell(items.length === 0 ? "No run fits." : more > 0 ? `The newest ${items.length} of ${total} that fit.` : `${items.length} fit.`);
    show(this.#button("all"), this.#boxes.length > 1);
  }

  #item(run, isIn) {
    const box = make("input", { type: "checkbox", value: run.id, checked: isIn || this.#chosen.has(run.id), disabled: isIn });
    const state = shownState(run);
    const more = [run.spec.problem, run.spec.optimizer, formatAge(run.created_at)].filter(Boolean).join(" · ");
    const loss = formatNumber(run.summary.loss?.min);
    const mark = make("span", { class: "legend-state", "data-state": state, title: stateLabel(state, run.cause) }, icon(`state-${state}`));
    return make("li", {}, make("label", {}, box, mark, make("span", { class: "found-name" }, run.name), make("span", { class: "muted found-more" }, isIn ? "is shown" : more), make("span", { class: "number muted", title: "Best loss" }, loss)));
  }

  #choose(id, chosen) {
    if (chosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#count();
  }

  #chooseAll() {
    for (const box of this.#boxes) {
      box.checked = true;
      this.#chosen.add(box.value);
    }
    this.#count();
  }

  #count() {
    const room = MOST_RUNS - comparisonFrom(location.search).runs.length;
    const button = this.#button("add");
    button.disabled = this.#chosen.size === 0 || this.#chosen.size > room;
    setText(button, this.#chosen.size > 0 ? `Add ${this.#chosen.size}` : "Add");
    if (this.#chosen.size > room) this.#tell(`At most ${MOST_RUNS} runs can be compared: there is room for ${room} more.`);
  }

  #add() {
    if (this.#button("add").disabled) return;
    const view = { ...UNASKED, ...comparisonFrom(location.search) };
    location.assign(`/compare${comparisonSearch({ ...view, runs: [...view.runs, ...this.#chosen] })}`);
  }

  #tell(text) {
    setText(this.querySelector(".adder-told"), text);
  }
}

customElements.define("compare-adder", CompareAdder);
