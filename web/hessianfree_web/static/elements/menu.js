// A menu behind a button, as the ARIA practices describe it: arrows move, Escape and Tab close, a click elsewhere too.

import { moved } from "../lib/choice.js";
import { icon, make } from "./dom.js";

/** Opens and closes one menu. Its items are made anew by `items()` each time: `[{text, icon, act | href, download, isDisabled}]`. */
export class Menu {
  #button;
  #list;
  #items;
  #open = null;

  constructor(button, list, items, signal) {
    this.#button = button;
    this.#list = list;
    this.#items = items;
    button.addEventListener("click", () => (this.#open ? this.close() : this.#show()), { signal });
    button.addEventListener("keydown", (event) => event.key === "ArrowDown" && !this.#open && this.#take(event, () => this.#show()), { signal });
    list.addEventListener("keydown", (event) => this.#key(event), { signal });
    signal.addEventListener("abort", () => this.close());
  }

  close({ refocus = false } = {}) {
    if (!this.#open) return;
    this.#open.abort();
    this.#open = null;
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#button.setAttribute("aria-expanded", "false");
    if (refocus) this.#button.focus();
  }

  #show() {
    this.#open = new AbortController();
    const { signal } = this.#open;
    this.#list.replaceChildren(...this.#items().map((item) => this.#entry(item)));
    this.#list.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#list.firstElementChild.focus();
    document.addEventListener("pointerdown", ({ target }) => !this.#within(target) && this.close(), { signal });
    this.#list.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && !this.#within(relatedTarget) && this.close(), { signal });
  }

  #entry({ text, icon: name, act, href, download, checked, isDisabled }) {
    const role = checked === undefined ? "menuitem" : "menuitemradio";
    const common = { role, tabindex: -1, "aria-checked": checked === undefined ? undefined : String(checked), "aria-disabled": isDisabled && "true" };
    const entry = href ? make("a", { ...common, href, download }) : make("button", { ...common, type: "button" });
    entry.append(icon(name), text);
    // It can be reached all the same, by those too who have to be told what it says.
    if (isDisabled) return entry;
    entry.addEventListener("click", () => {
      this.close({ refocus: true });
      act?.();
    });
    return entry;
  }

  #key(event) {
    const entries = [...this.#list.children];
    const next = moved(event.key, entries.indexOf(document.activeElement), entries.length);
    if (next !== null) this.#take(event, () => entries[next].focus());
    else if (event.key === "Escape") this.#take(event, () => this.close({ refocus: true }));
    else if (event.key === "Tab") this.close({ refocus: true });
  }

  #take(event, act) {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  #within(node) {
    return this.#list.contains(node) || this.#button.contains(node);
  }
}
