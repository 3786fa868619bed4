// <runs-table>: runs by the thousand, live. The server filters, sorts and groups; the address holds the view.

import { get } from "../api.js";
import { listen } from "../events.js";
import { formatCount } from "../lib/numbers.js";
import { columnOf, isSpread, widthOf } from "../lib/run-columns.js";
import { RunGroups } from "../lib/run-groups.js";
import { RunList } from "../lib/run-list.js";
import { isNarrowed, nextSort, searchOf, viewFrom } from "../lib/runs.js";
import { clicked, NOTHING, without } from "../lib/selection.js";
import { arrange, setText, show } from "./dom.js";
import { GroupRows } from "./group-rows.js";
import { pageData } from "./page-data.js";
import { RunCurves } from "./run-curves.js";
import { RunRow } from "./run-row.js";
import { drawHeads } from "./runs-head.js";
import { defaultView } from "./runs-views.js";

const NEWS_MILLISECONDS = 400;
const GROUPS_MILLISECONDS = 2000; // groups are counted anew at most so often while their runs go on
const MOST_SPREADS = 20; // columns that groups count
const AT_TOP = 80; // pixels: a reader who has not scrolled further sees new rows come in

class RunsTable extends HTMLElement {
  #view = viewFrom(location.search);
  #columns = [];
  #list = null;
  #rows = new Map();
  #selection = NOTHING;
  #curves = null;
  #shift = false;
  #groupRows = null; // where the view groups
  #frame = null;
  #timer = null;
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    const { page, fault, views } = pageData();
    this.#part("views").views = views;
    listen("run", (run) => this.#set(run), signal);
    listen("removed", ({ run }) => this.#drop(run), signal);
    listen("state", ({ returned }) => returned && this.#load(), signal);
    this.addEventListener("view:change", ({ detail }) => this.#look(detail.change, detail), { signal });
    this.addEventListener("selection:change", ({ detail }) => this.#select(detail), { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
    this.addEventListener("change", (event) => event.target.closest(".run-select") && this.#check(event.target), { signal });
    window.addEventListener("popstate", () => this.#open(viewFrom(location.search)), { signal });
    window.addEventListener("resize", () => this.#fit(), { signal });
    const preferred = location.search ? null : defaultView();
    if (preferred) this.#look(viewFrom(preferred), { replace: true });
    else this.#open(this.#view, { page, fault });
    this.#askFields();
  }

  disconnectedCallback() {
    this.#bound.abort();
    clearTimeout(this.#timer);
    this.#curves?.close();
  }

  /** Another view: one can go back to the former, unless it is replaced, as while typing. */
  #look(change, { typing = false, replace = typing } = {}) {
    const view = { ...this.#view, ...this.#part("filters").pending, ...change };
    const address = `${location.pathname}${searchOf(view)}`;
    if (address === `${location.pathname}${location.search}` && this.#list) return;
    history[replace ? "replaceState" : "pushState"](null, "", address);
    this.#open(view, { typing });
  }

  /** Show a view; `page`: its first page, or `fault`: what is wrong with it, where that is known. */
  #open(view, { page = null, fault = null, typing = false } = {}) {
    this.#view = view;
    this.#columns = view.columns.map(columnOf);
    this.#selection = NOTHING;
    const spreads = this.#columns.filter(isSpread).slice(0, MOST_SPREADS);
    this.#list = view.group ? new RunGroups(view, spreads.map(({ name }) => name), get) : new RunList(view, get, page);
    this.#groupRows = view.group && new GroupRows(this.#columns, view.group, this.#groupActions);
    this.#curves?.close();
    this.#curves = new RunCurves(view.curve);
    this.#rows.clear();
    drawHeads(this.querySelector(".runs"), this.#columns, view.sort);
    this.#part("filters").show(view, { typing });
    for (const name of ["tools", "views"]) this.#part(name).show(view);
    this.#tell(fault && { errors: [fault] });
    this.#say(0);
    if (page) this.#draw();
    else if (!fault) this.#load();
  }

  #load() {
    return this.#do(async (list) => {
      await list.load();
      if (list === this.#list) this.#say(0);
    });
  }

  /** Do what changes the list, and draw it; what goes wrong is said. */
  async #do(act) {
    const list = this.#list;
    let trouble = null;
    this.toggleAttribute("data-loading", !list.isLoaded); // what is seen is of another view
    try {
      await act(list);
    } catch (error) {
      if (error.name === "AbortError") return; // a newer one is under way
      trouble = error;
    }
    if (list !== this.#list) return;
    this.toggleAttribute("data-loading", false);
    this.#tell(trouble);
    this.#draw();
  }

  /** Say what is wrong: of the filter beside it, of anything else above the table; null: nothing is. */
  #tell(trouble) {
    const first = trouble?.errors?.[0];
    const isFilter = ["filter", "q"].includes(first?.path);
    this.#part("filters").fault = isFilter ? first : null;
    show(this.#part("trouble"), trouble !== null && !isFilter);
    setText(this.#part("trouble-text"), trouble && !isFilter ? (first?.message ?? trouble.message) : "");
    show(this.#part("content"), true);
  }

  async #askFields() {
    const fields = await get("/runs/fields").catch(() => null);
    if (!fields) return;
    this.#part("filters").fields = fields;
    this.#part("tools").fields = fields;
  }

  // --- what comes over the stream ---

  #set(run) {
    const isHidden = run.archived && !this.#view.archived;
    if (isHidden) return this.#drop(run.id);
    const isKnown = this.#list.update(run);
    if (isKnown) this.#schedule();
    if (this.#view.group) this.#later(() => this.#recount(), GROUPS_MILLISECONDS);
    else if (!isKnown) this.#later(() => this.#askNews(), NEWS_MILLISECONDS);
  }

  #drop(id) {
    this.#list.remove(id);
    this.#selection = without(this.#selection, id);
    this.#schedule();
    if (this.#view.group) this.#later(() => this.#recount(), GROUPS_MILLISECONDS);
  }

  #later(act, wait) {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      act();
    }, wait);
  }

  #recount() {
    if (this.#view.group) this.#do((list) => list.recount());
  }

  async #askNews() {
    const list = this.#list;
    if (this.#view.group || !list.isLoaded) return;
    const isIdle = this.#selection === NOTHING && scrollY <= AT_TOP;
    const count = await list.news({ take: isIdle }).catch(() => 0);
    if (list !== this.#list) return;
    this.#say(count);
    this.#draw();
  }

  #say(news) {
    show(this.#part("news"), news > 0);
    if (news > 0) setText(this.#part("news"), news === 1 ? "1 new run: show it" : `${formatCount(news)} new runs: show them`);
  }

  // --- what the reader does ---

  #click(event) {
    const button = event.target.closest("[data-sort], [data-part]");
    if (button?.dataset.sort) this.#look({ sort: nextSort(this.#view.sort, button.dataset.sort) });
    else if (button?.dataset.part === "more") this.#do((list) => list.more());
    else if (button?.dataset.part === "again") this.#load();
    else if (button?.dataset.part === "news") this.#load().then(() => scrollTo({ top: 0 }));
    this.#shift = event.shiftKey;
  }

  get #groupActions() {
    return {
      toggle: (filter) => this.#do((groups) => groups.toggle(filter)),
      more: (list) => this.#do(() => list.more()),
    };
  }

  #check(box) {
    const order = [...this.#shown()].map(({ id }) => id);
    if (box.value === "all") this.#selection = box.checked ? { ids: order, all: false, anchor: null } : NOTHING;
    else this.#selection = clicked(this.#selection, box.value, box.checked, { shift: this.#shift, order });
    this.#draw();
  }

  #select({ selection, reload = false }) {
    this.#selection = selection;
    if (reload) this.#load();
    else this.#draw();
  }

  // --- drawing ---

  #shown() {
    return this.#list.runs;
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  #draw() {
    // What was found before stays until there is something else to show.
    if (!this.#list.isLoaded) return;
    const rowOf = (run) => this.#row(run);
    const rows = this.#view.group ? this.#groupRows.of(this.#list, rowOf) : [...this.#shown()].map(rowOf);
    const ids = new Set([...this.#shown()].map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      this.#curves.forget(row);
      this.#rows.delete(id);
    }
    arrange(this.querySelector(".runs tbody"), rows);
    const total = this.#list.total;
    show(this.#part("empty"), total === 0 && !isNarrowed(this.#view));
    show(this.#part("content"), total > 0 || isNarrowed(this.#view));
    show(this.#part("no-match"), rows.length === 0);
    show(this.#part("more"), !this.#view.group && this.#list.hasMore);
    setText(this.#part("count"), total === 1 ? "1 run" : `${formatCount(total)} runs`);
    const loaded = [...ids];
    this.#part("actions").show({ selection: this.#selection, total, loaded, view: this.#view, canTakeAll: !this.#view.group });
    const all = this.querySelector('.run-select input[value="all"]');
    all.checked = loaded.length > 0 && loaded.every((id) => this.#has(id));
    all.indeterminate = !all.checked && (this.#selection.all || this.#selection.ids.length > 0);
    this.#fit();
  }

  #has(id) {
    return this.#selection.all || this.#selection.ids.includes(id);
  }

  #row(run) {
    const row = this.#rows.get(run.id) ?? new RunRow(this.#columns);
    this.#rows.set(run.id, row);
    row.show(run, this.#has(run.id));
    this.#curves.watch(row);
    return row.element;
  }

  /** Where the columns need more room than there is, the table scrolls sideways under its names. */
  #fit() {
    const card = this.#part("card");
    const width = widthOf(this.#columns);
    card.toggleAttribute("data-wide", card.clientWidth > 0 && width > card.clientWidth);
    this.querySelector(".runs").style.setProperty("--table-width", `${width}px`);
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("runs-table", RunsTable);
