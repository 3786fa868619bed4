// <compare-legend>: the one legend of all charts. A click on a name isolates it, on its line hides it; pointing at one makes
// it stand out; a run can be pinned as the baseline, or taken out of the comparison.

import { listen } from "../events.js";
import { colourOf, dashOf } from "../lib/colours.js";
import { comparisonSearch, isolated, toggled } from "../lib/comparison.js";
import { shownState, stateLabel } from "../lib/states.js";
import { change, emphasize, onEmphasis, onView } from "./comparison-page.js";
import { icon, make, press, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

class CompareLegend extends HTMLElement {
  #runs = new Map(pageData().runs.map((run) => [run.id, run]));
  #shown = new Map(pageData().runs.map(({ id }, place) => [id, pageData().shown[place]]));
  #view = null;
  #groups = [];
  #drawn = "";
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    this.querySelector('[data-action="all"]').addEventListener("click", () => change({ hidden: [] }), { signal });
    const list = this.querySelector("ul");
    list.addEventListener("click", (event) => this.#click(event), { signal });
    for (const kind of ["pointerover", "focusin"]) list.addEventListener(kind, ({ target }) => emphasize(keyAt(target)), { signal });
    for (const kind of ["pointerleave", "focusout"]) list.addEventListener(kind, () => emphasize(null), { signal });
    listen("run", (run) => this.#update(run), signal);
    onView((shown) => this.#show(shown), signal);
    onEmphasis((key) => this.#point(key), signal);
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #items() {
    return [...this.querySelectorAll("[data-key]")];
  }

  get #keys() {
    return this.#groups.length > 0 ? this.#groups.map(({ name }) => name) : [...this.#runs.keys()];
  }

  #click({ target }) {
    const key = keyAt(target);
    const action = target.closest("[data-action]")?.dataset.action;
    if (action === "hide") change({ hidden: toggled(this.#view.hidden, key) });
    else if (action === "isolate") change({ hidden: isolated(this.#view.hidden, this.#keys, key) });
    else if (action === "members") unfold(target.closest("[data-key]"));
    else if (action === "pin") change({ baseline: this.#view.baseline === key ? "" : key });
  }

  #show({ view, groups }) {
    this.#view = view;
    this.#groups = groups;
    setText(this.querySelector("h2"), groups.length > 0 ? plural(groups.length, "group") : plural(this.#runs.size, "run"));
    const drawn = JSON.stringify([groups, view.group]);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.querySelector("ul").replaceChildren(...(groups.length > 0 ? groups.map((group) => this.#groupItem(group)) : [...this.#runs.values()].map((run) => this.#runItem(run))));
    }
    show(this.querySelector('[data-action="all"]'), this.#keys.some((key) => view.hidden.includes(key)));
    for (const item of this.#items) this.#mark(item);
  }

  #mark(item) {
    const { key } = item.dataset;
    const hidden = this.#view.hidden.includes(key);
    item.classList.toggle("is-hidden", hidden);
    press(item.querySelector('[data-action="hide"]'), !hidden);
    const pinned = this.#view.baseline === key;
    item.classList.toggle("is-baseline", pinned);
    press(item.querySelector('[data-action="pin"]'), pinned);
    const remove = item.querySelector("a.remove");
    if (remove) remove.href = `/compare${comparisonSearch(this.#without(key))}`;
  }

  /** The view without a run, nor what was chosen of it. */
  #without(key) {
    const { runs, hidden, baseline } = this.#view;
    const others = (ids) => ids.filter((id) => id !== key);
    return { ...this.#view, runs: others(runs), hidden: others(hidden), baseline: baseline === key ? "" : baseline };
  }

  #runItem(run) {
    const { name, colour } = this.#shown.get(run.id);
    const remove = this.#runs.size > 1 && make("a", { class: "button quiet small square remove", "aria-label": `Remove ${name} from the comparison`, title: "Remove from the comparison" }, icon("close"));
    const pin = make("button", { type: "button", class: "button quiet small square", "data-action": "pin", "aria-label": `Baseline: ${name}`, title: "Pin as the baseline: show the others' difference to it" }, icon("pin"));
    return make(
      "li",
      { "data-key": run.id },
      this.#line(name, colour),
      this.#name(name),
      stateIcon(run),
      make("span", { class: "legend-actions" }, pin, ...(remove ? [remove] : [])),
    );
  }

  #groupItem({ name, colour, runs }) {
    const members = runs.filter((id) => this.#runs.has(id));
    const links = members.map((id) => make("li", {}, make("a", { href: `/runs/${id}` }, this.#shown.get(id).name)));
    const count = make("button", { type: "button", class: "legend-count", "data-action": "members", "aria-expanded": "false" }, plural(members.length, "run"));
    return make("li", { "data-key": name, class: "legend-group" }, this.#line(name, colour), this.#name(name), count, make("ul", { hidden: true }, ...links));
  }

  #line(name, colour) {
    const line = make("span", { class: "line-swatch", "data-colour": String(colourOf(colour)), "data-dash": dashOf(colour) });
    return make("button", { type: "button", class: "legend-line", "data-action": "hide", "aria-label": `Show ${name}`, title: "Show or hide" }, line);
  }

  #name(name) {
    return make("button", { type: "button", class: "legend-name", "data-action": "isolate", title: `${name}\nClick: show it alone, and all again` }, name);
  }

  #update(run) {
    if (!this.#runs.has(run.id)) return;
    this.#runs.set(run.id, run);
    this.#items.find(({ dataset }) => dataset.key === run.id)?.querySelector(".legend-state").replaceWith(stateIcon(run));
  }

  #point(key) {
    for (const item of this.#items) item.classList.toggle("is-pointed", item.dataset.key === key);
  }
}

function keyAt(target) {
  return target.closest("[data-key]")?.dataset.key ?? null;
}

function unfold(item) {
  const list = item.querySelector("ul");
  list.hidden = !list.hidden;
  item.querySelector(".legend-count").setAttribute("aria-expanded", String(!list.hidden));
}

function stateIcon(run) {
  const state = shownState(run);
  const label = stateLabel(state, run.cause ?? "");
  return make("span", { class: "legend-state", "data-state": state, title: label }, icon(`state-${state}`), make("span", { class: "visually-hidden" }, label));
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

customElements.define("compare-legend", CompareLegend);
