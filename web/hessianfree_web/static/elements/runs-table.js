// <runs-table>: all runs, live; sorted, filtered and selected by the reader. The address holds the view.

import { get } from "../api.js";
import { listen } from "../events.js";
import { arrange, choices, nextSort, optimizerOf, problemOf, searchOf, viewFrom } from "../lib/runs.js";
import { SHOWN_STATES, shownState, stateLabel } from "../lib/states.js";
import { make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";
import { RunRow } from "./run-row.js";

const MAX_COMPARED = 16;
const SHOWN_AT_ONCE = 200; // rows; more of them on demand, or a table of thousands would be laid out again and again
const LOADED_AT_ONCE = 1000; // runs, to sort and filter among; older ones on demand

class RunsTable extends HTMLElement {
  #runs = new Map();
  #rows = new Map();
  #selected = new Set();
  #view = viewFrom(location.search);
  #cursor = null;
  #most = SHOWN_AT_ONCE;
  #frame = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    const { items, next_cursor: cursor } = pageData();
    for (const run of items) this.#runs.set(run.id, run);
    this.#cursor = cursor;
    listen("run", (run) => this.#set(run), signal);
    listen("removed", ({ run }) => this.#drop(run), signal);
    listen("state", ({ returned }) => returned && this.#refresh(), signal);
    this.#bind(signal);
    this.#draw();
    this.#loadMore(LOADED_AT_ONCE);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  #bind(signal) {
    for (const control of this.querySelectorAll("[data-filter]")) {
      control.value = this.#view[control.dataset.filter];
      control.addEventListener("input", () => this.#look({ [control.dataset.filter]: control.value }), { signal });
    }
    for (const button of this.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => this.#look({ sort: nextSort(this.#view.sort, button.dataset.sort) }), { signal });
    }
    this.#part("sort").addEventListener("change", (event) => this.#look({ sort: event.target.value }), { signal });
    this.#part("clear").addEventListener("click", () => this.#clear(), { signal });
    this.#part("more").addEventListener("click", () => this.#showMore(), { signal });
    this.#part("deselect").addEventListener("click", () => this.#deselect(), { signal });
    this.addEventListener("change", (event) => event.target.matches(".run-select input") && this.#select(event.target), { signal });
  }

  #look(change) {
    this.#view = { ...this.#view, ...change };
    this.#most = SHOWN_AT_ONCE;
    history.replaceState(null, "", `${location.pathname}${searchOf(this.#view)}`);
    this.#draw();
  }

  #clear() {
    for (const control of this.querySelectorAll("[data-filter]")) control.value = "";
    this.#look({ q: "", state: "", problem: "", optimizer: "" });
    this.#part("filter-text").focus();
  }

  #set(run) {
    if (run.archived) return this.#drop(run.id);
    this.#runs.set(run.id, run);
    this.#schedule();
  }

  #drop(id) {
    this.#runs.delete(id);
    this.#selected.delete(id);
    this.#schedule();
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  /** After a break the stream replays what it can; a fresh first page makes sure. */
  async #refresh() {
    const page = await get("/runs?limit=200").catch(() => ({ items: [] }));
    for (const run of page.items) this.#set(run);
  }

  #showMore() {
    this.#most += SHOWN_AT_ONCE;
    if (this.#most > this.#runs.size) this.#loadMore(this.#runs.size + LOADED_AT_ONCE);
    else this.#draw();
  }

  async #loadMore(wanted) {
    try {
      while (this.#cursor !== null && this.#runs.size < wanted) {
        const page = await get(`/runs?limit=200&cursor=${encodeURIComponent(this.#cursor)}`);
        for (const run of page.items) if (!this.#runs.has(run.id)) this.#runs.set(run.id, run);
        this.#cursor = page.next_cursor;
      }
    } catch {
      // The button stays; the connection's state says what is wrong.
    }
    this.#draw();
  }

  #draw() {
    const runs = arrange(this.#runs.values(), this.#view);
    const body = this.querySelector("tbody");
    for (const [id, row] of this.#rows) {
      if (this.#runs.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    const elements = runs.slice(0, this.#most).map((run) => this.#row(run).element);
    const moved = elements.length !== body.children.length || elements.some((element, index) => body.children[index] !== element);
    if (moved) this.#place(body, elements);
    this.#drawFilters();
    this.#drawHeads();
    this.#drawSelection();
    this.#drawMessages(runs.length);
  }

  /** Replacing children takes the focus away from the row that has it. */
  #place(body, elements) {
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    body.replaceChildren(...elements);
    focused?.focus({ preventScroll: true });
  }

  #row(run) {
    const row = this.#rows.get(run.id) ?? new RunRow(this.querySelector("template"));
    this.#rows.set(run.id, row);
    row.show(run, this.#selected.has(run.id));
    return row;
  }

  #drawFilters() {
    const runs = [...this.#runs.values()];
    this.#fill("problem", choices(runs, problemOf));
    this.#fill("optimizer", choices(runs, optimizerOf));
    const states = new Set(runs.map(shownState));
    this.#fill("state", SHOWN_STATES.filter((state) => states.has(state)), stateLabel);
  }

  #fill(name, values, label = (value) => value) {
    const select = this.querySelector(`select[data-filter="${name}"]`);
    const chosen = this.#view[name];
    const wanted = chosen && !values.includes(chosen) ? [...values, chosen] : values;
    if (wanted.join("\n") === select.dataset.values) return;
    select.dataset.values = wanted.join("\n");
    select.replaceChildren(select.options[0], ...wanted.map((value) => make("option", { value }, label(value))));
    select.value = chosen;
  }

  #drawHeads() {
    const { sort } = this.#view;
    for (const button of this.querySelectorAll("[data-sort]")) {
      const column = button.dataset.sort;
      const order = sort === column ? "ascending" : sort === `-${column}` ? "descending" : "none";
      button.closest("th").setAttribute("aria-sort", order);
    }
    this.#part("sort").value = sort;
  }

  #select(box) {
    if (box.checked) this.#selected.add(box.value);
    else this.#selected.delete(box.value);
    this.#drawSelection();
  }

  #deselect() {
    this.#selected.clear();
    this.#draw();
  }

  #drawSelection() {
    const count = this.#selected.size;
    const bar = this.#part("selection");
    show(bar, count > 0);
    setText(this.#part("selected"), count === 1 ? "1 run selected" : `${count} runs selected`);
    const link = this.#part("compare");
    const ready = count >= 2 && count <= MAX_COMPARED;
    if (ready) link.setAttribute("href", `/compare?runs=${[...this.#selected].join(",")}`);
    else link.removeAttribute("href");
    link.setAttribute("aria-disabled", String(!ready));
    setText(this.#part("hint"), count === 1 ? "Select another one to compare." : count > MAX_COMPARED ? `At most ${MAX_COMPARED} can be compared.` : "");
  }

  #drawMessages(shown) {
    const total = this.#runs.size;
    show(this.#part("empty"), total === 0);
    show(this.#part("content"), total > 0);
    show(this.#part("no-match"), total > 0 && shown === 0);
    show(this.#part("more"), this.#cursor !== null || shown > this.#most);
    const { q, state, problem, optimizer } = this.#view;
    const filtered = Boolean(q || state || problem || optimizer);
    show(this.#part("clear"), filtered);
    setText(this.#part("count"), filtered ? `${shown} of ${total}` : total === 1 ? "1 run" : `${total} runs`);
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("runs-table", RunsTable);
