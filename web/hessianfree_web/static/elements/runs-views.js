// <runs-views>: views of the table that somebody saved, for everybody. Which one opens first is this browser's own choice.

import { get, post, remove } from "../api.js";
import { searchOf, viewFrom } from "../lib/runs.js";
import { announce } from "./announcer.js";
import { make, setText, show } from "./dom.js";
import { remember, remembered } from "./memory.js";
import { Menu } from "./menu.js";

const FIRST = "runs-view";

/** The query of the view that this browser opens the table with; null: the usual one. */
export function defaultView() {
  return remembered(FIRST);
}

class RunsViews extends HTMLElement {
  #views = [];
  #now = "";
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    new Menu(this.querySelector("button"), this.querySelector("[role=menu]"), () => this.#items(), signal);
    this.#part("save").querySelector("form").addEventListener("submit", (event) => this.#save(event), { signal });
    for (const button of this.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close(), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  set views(views) {
    this.#views = views;
  }

  show(view) {
    this.#now = searchOf(view).slice(1);
    const known = this.#views.find(({ query }) => query === this.#now);
    setText(this.#part("view-name"), known?.name ?? "Views");
  }

  #items() {
    const views = this.#views.map(({ name, query }) => ({ text: name, icon: "table", checked: query === this.#now, act: () => this.#go(query) }));
    return [
      { text: "All runs", icon: "refresh", checked: this.#now === "", act: () => this.#go("") },
      ...views,
      { text: "Save this view …", icon: "plus", act: () => this.#ask() },
      { text: "Manage views …", icon: "more", act: () => this.#manage() },
    ];
  }

  #go(query) {
    this.dispatchEvent(new CustomEvent("view:change", { bubbles: true, detail: { change: viewFrom(query) } }));
  }

  #ask() {
    const dialog = this.#part("save");
    dialog.querySelector("input").value = this.#views.find(({ query }) => query === this.#now)?.name ?? "";
    show(dialog.querySelector("[role=alert]"), false);
    dialog.showModal();
  }

  async #save(event) {
    event.preventDefault();
    const dialog = this.#part("save");
    const name = dialog.querySelector("input").value.trim();
    try {
      await post("/views", { name, query: this.#now });
      await this.#reload();
      dialog.close();
      announce(`Saved as ${name}`);
    } catch (error) {
      const place = dialog.querySelector("[role=alert]");
      show(place, true);
      setText(place, error.message);
    }
  }

  #manage() {
    this.#list();
    this.#part("manage").showModal();
  }

  #list() {
    const first = defaultView();
    const rows = [{ id: null, name: "All runs", query: "" }, ...this.#views].map((view) => this.#row(view, (first ?? "") === view.query));
    this.#part("saved").replaceChildren(...rows);
  }

  #row({ id, name, query }, isFirst) {
    const begin = make("button", { type: "button", class: "button small toggle", "aria-pressed": String(isFirst) }, "Opens first");
    begin.addEventListener("click", () => {
      remember(FIRST, query || null);
      this.#list();
    });
    const row = make("li", {}, make("a", { href: `/${query ? `?${query}` : ""}` }, name), begin);
    if (id) {
      const button = make("button", { type: "button", class: "button small danger writes", "aria-label": `Delete ${name}` }, "Delete");
      button.addEventListener("click", () => this.#remove(id, name));
      row.append(button);
    }
    return row;
  }

  async #remove(id, name) {
    try {
      await remove(`/views/${id}`);
      announce(`${name} deleted`);
    } catch (error) {
      announce(error.message);
    }
    await this.#reload();
    this.#list();
  }

  async #reload() {
    this.#views = (await get("/views")).items;
    const known = this.#views.find(({ query }) => query === this.#now);
    setText(this.#part("view-name"), known?.name ?? "Views");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("runs-views", RunsViews);
