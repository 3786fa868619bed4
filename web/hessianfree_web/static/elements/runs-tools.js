// <runs-tools>: how the table is laid out: columns and their order, grouping, the small curve, order (on phones), files.

import { namesOf } from "../lib/filters.js";
import { columnOf } from "../lib/run-columns.js";
import { DEFAULT_COLUMNS, selectionOf } from "../lib/runs.js";
import { icon, make, setText, show } from "./dom.js";
import { Menu } from "./menu.js";

const GROUPED = ["problem", "optimizer", "state", "tag", "created"];
const ORDERS = [["-created", "Newest first"], ["created", "Oldest first"], ["name", "Name"], ["state", "State"], ["loss.min", "Best loss"], ["loss.last", "Last loss"], ["-progress", "Progress, furthest first"], ["-seconds", "Longest first"]];
const MOST_OFFERED = 60;

class RunsTools extends HTMLElement {
  #view = null;
  #fields = null;
  #columns = [];
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    fill(this.#part("sort"), ORDERS, 0);
    this.#part("group").addEventListener("change", ({ target }) => this.#look({ group: target.value }), { signal });
    this.#part("sort").addEventListener("change", ({ target }) => this.#look({ sort: target.value }), { signal });
    this.#part("curve").addEventListener("change", ({ target }) => this.#look({ curve: target.value }), { signal });
    this.#part("columns-button").addEventListener("click", () => this.#pick(), { signal });
    this.#part("find-column").addEventListener("input", () => this.#offer(), { signal });
    this.#part("usual").addEventListener("click", () => this.#change([...DEFAULT_COLUMNS]), { signal });
    this.#dialog.addEventListener("close", () => this.#look({ columns: this.#columns }), { signal });
    for (const button of this.querySelectorAll("[data-close]")) button.addEventListener("click", () => this.#dialog.close(), { signal });
    new Menu(this.#part("files-button"), this.#part("files"), () => this.#files(), signal);
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  show(view) {
    this.#view = view;
    this.#columns = [...view.columns];
    choose(this.#part("group"), view.group, (name) => columnOf(name).label);
    choose(this.#part("sort"), view.sort, (name) => orderText(name));
    choose(this.#part("curve"), view.curve, (name) => name);
  }

  set fields(fields) {
    this.#fields = fields;
    const names = [...GROUPED, "sweep", ...fields.settings.map(({ name }) => name)];
    fill(this.#part("group"), names.map((name) => [name, columnOf(name).label === name ? name : `${columnOf(name).label}${name.includes(".") ? ` (${name})` : ""}`]), 1);
    fill(this.#part("curve"), fields.metrics.map(({ name }) => [name, name]), 0);
    if (this.#view) this.show(this.#view);
  }

  get #dialog() {
    return this.#part("columns");
  }

  #look(change) {
    this.dispatchEvent(new CustomEvent("view:change", { bubbles: true, detail: { change } }));
  }

  // --- columns ---

  #pick() {
    this.#part("find-column").value = "";
    this.#list();
    this.#dialog.showModal();
  }

  #change(columns) {
    this.#columns = columns;
    this.#list();
  }

  #list() {
    this.#part("chosen").replaceChildren(...this.#columns.map((name, place) => this.#chosen(name, place)));
    this.#offer();
  }

  #chosen(name, place) {
    const { label, title } = columnOf(name);
    const item = make("li", { draggable: "true", "data-name": name }, make("span", { class: "column-name", title }, label, make("span", { class: "muted" }, label === title ? "" : title)));
    for (const [words, sign, to] of [["up", "up", place - 1], ["down", "down", place + 1]]) {
      const button = make("button", { type: "button", class: "button quiet square small", "aria-label": `Move ${title} ${words}`, disabled: to < 0 || to >= this.#columns.length }, icon(sign));
      button.addEventListener("click", () => this.#move(place, to, words));
      item.append(button);
    }
    const off = make("button", { type: "button", class: "button quiet square small", "aria-label": `Leave out ${title}` }, icon("close"));
    off.addEventListener("click", () => this.#change(this.#columns.filter((other) => other !== name)));
    item.append(off);
    item.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", name));
    item.addEventListener("dragover", (event) => event.preventDefault());
    item.addEventListener("drop", (event) => this.#drop(event, place));
    return item;
  }

  #move(from, to, words) {
    const columns = [...this.#columns];
    columns.splice(to, 0, ...columns.splice(from, 1));
    this.#change(columns);
    const moved = this.#part("chosen").children[to];
    (moved.querySelector(`[aria-label$="${words}"]:not(:disabled)`) ?? moved.querySelector("button:not(:disabled)")).focus();
  }

  #drop(event, to) {
    event.preventDefault();
    const from = this.#columns.indexOf(event.dataTransfer.getData("text/plain"));
    if (from >= 0 && from !== to) this.#move(from, to, "up");
  }

  #offer() {
    const wanted = this.#part("find-column").value.trim().toLowerCase();
    const names = this.#fields ? ["curve", ...namesOf(this.#fields)] : [...DEFAULT_COLUMNS];
    const fitting = names.filter((name) => name !== "name" && !this.#columns.includes(name) && (name.toLowerCase().includes(wanted) || columnOf(name).label.toLowerCase().includes(wanted)));
    const items = fitting.slice(0, MOST_OFFERED).map((name) => {
      const { label } = columnOf(name);
      const button = make("button", { type: "button", "data-name": name }, icon("plus"), make("span", {}, name), make("span", { class: "muted" }, label === name ? "" : label));
      button.addEventListener("click", () => this.#change([...this.#columns, name]));
      return make("li", {}, button);
    });
    this.#part("offered").replaceChildren(...items);
    show(this.#part("none-offered"), items.length === 0);
    setText(this.#part("left-out"), fitting.length > MOST_OFFERED ? `${fitting.length - MOST_OFFERED} more: type a part of a name.` : "");
  }

  // --- files ---

  #files() {
    const columns = ["id", "name", ...this.#columns.filter((name) => name !== "curve")].join(",");
    const query = new URLSearchParams({ ...selectionOf(this.#view), sort: this.#view.sort, columns });
    return ["csv", "json"].map((kind) => ({ text: `All that pass, as ${kind.toUpperCase()}`, icon: "download", href: `/api/v1/runs/table.${kind}?${query}`, download: `runs.${kind}` }));
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

function orderText(sort) {
  const known = ORDERS.find(([value]) => value === sort);
  if (known) return known[1];
  return `${columnOf(sort.replace("-", "")).label}${sort.startsWith("-") ? ", highest first" : ""}`;
}

function fill(select, options, kept) {
  select.replaceChildren(...[...select.options].slice(0, kept), ...options.map(([value, text]) => make("option", { value }, text)));
}

function choose(select, value, label) {
  if (![...select.options].some((option) => option.value === value)) select.append(make("option", { value }, label(value)));
  select.value = value;
}

customElements.define("runs-tools", RunsTools);
