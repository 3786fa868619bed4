// <run-search>: finds a run by name from any page. A combobox: arrows move through what was found, Enter opens, Escape closes.

import { get } from "../api.js";
import { moved } from "../lib/choice.js";
import { shortcut } from "../lib/shortcuts.js";
import { shownState } from "../lib/states.js";
import { make, setText } from "./dom.js";

const SHOWN = 8;
const PAUSE_MILLISECONDS = 120;

class RunSearch extends HTMLElement {
  #bound = new AbortController();
  #asking = null;
  #timer = null;
  #active = -1;

  connectedCallback() {
    const { signal } = this.#bound;
    const field = this.#field;
    field.addEventListener("input", () => this.#later(), { signal });
    field.addEventListener("focus", () => this.#ask(), { signal });
    field.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("focusout", ({ relatedTarget }) => !this.contains(relatedTarget) && this.#close(), { signal });
    // A press on an option must not take the focus from the field, which would close the list before the click.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    shortcut({ keys: "/", says: "Find a run", group: "Everywhere", act: () => this.#enter() }, signal);
  }

  disconnectedCallback() {
    this.#bound.abort();
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  #enter() {
    this.#field.focus();
    this.#field.select();
  }

  get #field() {
    return this.querySelector("input");
  }

  get #list() {
    return this.querySelector("[role=listbox]");
  }

  get #options() {
    return [...this.#list.children];
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MILLISECONDS);
  }

  async #ask() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const text = this.#field.value.trim();
    const query = new URLSearchParams({ limit: SHOWN, ...(text ? { q: text, archived: "all" } : {}) });
    try {
      const { items, next_cursor: more } = await get(`/runs?${query}`, { signal: asking.signal });
      if (!asking.signal.aborted && this.contains(document.activeElement)) this.#show(text, items, more !== null);
    } catch (error) {
      if (error.name !== "AbortError") this.#say(error.message);
    }
  }

  #show(text, runs, more) {
    const options = runs.map((run) => this.#option(`/runs/${run.id}`, make("span", { class: "found-name" }, run.name), make("state-badge", { state: shownState(run), cause: run.cause }), make("span", { class: "found-what" }, `${run.spec.problem ?? ""} · ${run.spec.optimizer ?? ""}`)));
    if (text && more) options.push(this.#option(`/?${new URLSearchParams({ q: text })}`, make("span", { class: "found-name" }, `All runs with “${text}”`)));
    options.forEach((option, place) => (option.id = `found-run-${place}`));
    this.#list.replaceChildren(...options);
    this.#panel.hidden = false;
    this.#field.setAttribute("aria-expanded", String(options.length > 0));
    const found = runs.length === 1 ? "1 run" : `${runs.length}${more ? " or more" : ""} runs`;
    this.#say(runs.length > 0 ? (text ? found : "The latest runs") : text ? `No run is called “${text}”.` : "There are no runs yet.");
    this.#choose(text && runs.length > 0 ? 0 : -1);
  }

  #option(href, ...parts) {
    const option = make("li", { role: "option", "aria-selected": "false", "data-href": href }, ...parts);
    option.addEventListener("click", (event) => this.#open(option, event.ctrlKey || event.metaKey));
    return option;
  }

  #key(event) {
    const next = this.#panel.hidden ? null : moved(event.key, this.#active, this.#options.length);
    // Home and End move within the text.
    if (next !== null && event.key.startsWith("Arrow")) this.#choose(next);
    else if (event.key === "ArrowDown" && this.#panel.hidden) this.#ask();
    else if (event.key === "Enter" && this.#options[this.#active]) this.#open(this.#options[this.#active], event.ctrlKey || event.metaKey);
    else if (event.key === "Escape" && !this.#panel.hidden) this.#close();
    else if (event.key === "Escape") this.#field.blur();
    else return;
    event.preventDefault();
  }

  #choose(place) {
    this.#active = place;
    this.#options.forEach((option, index) => option.setAttribute("aria-selected", String(index === place)));
    const option = this.#options[place];
    if (option) this.#field.setAttribute("aria-activedescendant", option.id);
    else this.#field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  #open(option, elsewhere) {
    if (elsewhere) window.open(option.dataset.href, "_blank", "noopener");
    else location.assign(option.dataset.href);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#panel.hidden = true;
    this.#field.setAttribute("aria-expanded", "false");
    this.#choose(-1);
    this.#list.replaceChildren();
  }

  get #panel() {
    return this.querySelector(".found");
  }

  #say(text) {
    this.#panel.hidden = false;
    setText(this.querySelector("[role=status]"), text);
  }
}

customElements.define("run-search", RunSearch);
