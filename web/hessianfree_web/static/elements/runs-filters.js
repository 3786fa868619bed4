// <runs-filters>: the box for words and filters, with what could stand there, and the quick filters beside it.

import { moved } from "../lib/choice.js";
import { completions, isFilter } from "../lib/filters.js";
import { isNarrowed } from "../lib/runs.js";
import { stateLabel } from "../lib/states.js";
import { make, setText, show } from "./dom.js";

const PAUSE_MILLISECONDS = 250;
const STATES = ["queued", "running", "stale", "paused", "completed", "failed", "cancelled"];
const CAUSES = ["diverged", "out_of_memory", "killed", "device", "storage", "lost", "error", "invalid"];
const QUICK = ["state", "problem", "optimizer", "archived"];
const NO_FIELDS = { columns: [], metrics: [], settings: [], problems: [], optimizers: [], tags: [] };

class RunsFilters extends HTMLElement {
  #fields = NO_FIELDS;
  #bound = new AbortController();
  #timer = null;
  #found = null;
  #active = -1;

  connectedCallback() {
    const { signal } = this.#bound;
    const select = this.#control("state");
    select.append(...STATES.map((state) => make("option", { value: state }, stateLabel(state))));
    select.append(make("optgroup", { label: "Failed because of" }, ...CAUSES.map((cause) => make("option", { value: cause }, capital(stateLabel("failed", cause).slice("Failed: ".length))))));
    this.#box.addEventListener("input", () => this.#typed(), { signal });
    this.#box.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#box.addEventListener("focusout", () => this.#close(), { signal });
    // A press on an option must not take the focus from the box, which would close the list before the click.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    for (const control of this.querySelectorAll("select[data-filter]")) {
      control.addEventListener("change", () => this.#look({ [control.dataset.filter]: control.value }), { signal });
    }
    this.#part("narrow").addEventListener("click", () => this.#unfold(), { signal });
    this.#part("clear").addEventListener("click", () => this.#clear(), { signal });
    this.#part("help").addEventListener("click", () => this.#help(), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
    clearTimeout(this.#timer);
  }

  /** Show a view; while it is typed, what stands in the box stays. */
  show(view, { typing }) {
    if (!typing) {
      this.#wait(null);
      this.#box.value = view.q;
    }
    for (const name of QUICK) this.#choose(name, view[name]);
    const chosen = QUICK.filter((name) => view[name]).length;
    setText(this.#part("narrow"), chosen > 0 ? `Filters: ${chosen} set` : "Filters");
    show(this.#part("clear"), isNarrowed(view));
  }

  /** What was typed and is not looked for yet, as a change of the view. */
  get pending() {
    return this.#timer === null ? {} : { q: this.#box.value };
  }

  /** What there is to filter by. */
  set fields(fields) {
    this.#fields = fields;
    for (const [name, values] of [["problem", fields.problems], ["optimizer", fields.optimizers]]) {
      const select = this.#control(name);
      const chosen = select.value;
      select.replaceChildren(select.options[0], ...values.map((value) => make("option", { value }, value)));
      this.#choose(name, chosen);
    }
    if (document.activeElement === this.#box) this.#suggest();
  }

  /** Say what is wrong with the filter; null: nothing is. */
  set fault(fault) {
    const place = this.#part("fault");
    show(place, fault !== null);
    this.#box.setAttribute("aria-invalid", String(fault !== null));
    if (fault === null) return place.replaceChildren();
    const text = this.#box.value;
    const at = fault.position;
    if (at === undefined || at === null) return place.replaceChildren(fault.message);
    const where = make("code", {}, text.slice(Math.max(0, at - 24), at), make("mark", {}, text.slice(at, at + 1) || " "), text.slice(at + 1, at + 24));
    place.replaceChildren(make("span", {}, fault.message), where);
  }

  #control(name) {
    return this.querySelector(`[data-filter="${name}"]`);
  }

  get #box() {
    return this.#control("q");
  }

  get #list() {
    return this.#part("completions");
  }

  #choose(name, value) {
    const select = this.#control(name);
    if (value && ![...select.options].some((option) => option.value === value)) select.append(make("option", { value }, value));
    select.value = value;
  }

  #look(change, typing = false) {
    this.dispatchEvent(new CustomEvent("view:change", { bubbles: true, detail: { change, typing } }));
  }

  #typed() {
    this.#wait(() => this.#look({ q: this.#box.value }, true));
    this.#suggest();
  }

  /** Have `act` called after a pause in typing; null: nothing. */
  #wait(act) {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!act) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      act();
    }, PAUSE_MILLISECONDS);
  }

  /** The quick filters, which a narrow window keeps behind a button. */
  #unfold() {
    const isOpen = this.querySelector(".filters").toggleAttribute("data-open");
    this.#part("narrow").setAttribute("aria-expanded", String(isOpen));
  }

  #clear() {
    this.#box.value = "";
    this.#look({ q: "", state: "", problem: "", optimizer: "", archived: "" });
    this.#box.focus();
  }

  #suggest() {
    const text = this.#box.value;
    const caret = this.#box.selectionStart ?? text.length;
    const found = completions(text, caret, this.#fields);
    // Of free words nothing is to be completed until they look like a name.
    const wanted = isFilter(text) || caret - found.start >= 2;
    this.#found = wanted && found.options.length > 0 ? found : null;
    const options = (this.#found?.options ?? []).map((name, place) => this.#option(name, place));
    this.#list.replaceChildren(...options);
    show(this.#list, options.length > 0);
    this.#box.setAttribute("aria-expanded", String(options.length > 0));
    this.#mark(-1);
  }

  #option(name, place) {
    const option = make("li", { role: "option", id: `completion-${place}`, "aria-selected": "false" }, name);
    option.addEventListener("click", () => this.#insert(name));
    return option;
  }

  #key(event) {
    const options = this.#found?.options ?? [];
    const next = event.key.startsWith("Arrow") ? moved(event.key, this.#active, options.length) : null;
    if (next !== null) this.#mark(next);
    else if ((event.key === "Enter" || event.key === "Tab") && this.#active >= 0) this.#insert(options[this.#active]);
    else if (event.key === "Enter") this.#ask();
    else if (event.key === "Escape" && this.#found) this.#close();
    else return;
    event.preventDefault();
  }

  #ask() {
    this.#wait(null);
    this.#close();
    this.#look({ q: this.#box.value });
  }

  #mark(place) {
    this.#active = place;
    [...this.#list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === place)));
    if (place >= 0) this.#box.setAttribute("aria-activedescendant", `completion-${place}`);
    else this.#box.removeAttribute("aria-activedescendant");
  }

  #insert(name) {
    const { start, end } = this.#found;
    const text = this.#box.value;
    const rest = text.slice(end);
    this.#box.value = `${text.slice(0, start)}${name}${rest.startsWith(" ") ? rest : ` ${rest}`}`;
    this.#box.setSelectionRange(start + name.length + 1, start + name.length + 1);
    this.#close();
    this.#typed();
  }

  #close() {
    this.#found = null;
    show(this.#list, false);
    this.#box.setAttribute("aria-expanded", "false");
    this.#mark(-1);
  }

  #help() {
    const { metrics, settings } = this.#fields;
    const names = (list) => list.map(({ name }) => name).join(", ") || "none yet";
    setText(this.querySelector('[data-part="known-metrics"]'), names(metrics));
    setText(this.querySelector('[data-part="known-settings"]'), names(settings));
    this.querySelector("dialog").showModal();
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

customElements.define("runs-filters", RunsFilters);
