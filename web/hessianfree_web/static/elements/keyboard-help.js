// <keyboard-help>: listens to the keyboard for the whole page, and shows what its keys do ("?").

import { shortcut, shortcuts } from "../lib/shortcuts.js";
import { make } from "./dom.js";
import { remembered, remember } from "./memory.js";

const OFF = "shortcuts-off";
const PAGES = [
  ["g r", "Runs", "/"],
  ["g c", "Compare", "/compare"],
  ["g s", "Sweeps", "/sweeps"],
  ["g w", "Queue and workers", "/workers"],
  ["n", "New job", "/submit"],
];
const NOT_FOR_READERS = ":root[data-only-reads] .writes";
const TYPED_INTO = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), select, textarea, [contenteditable]";

class KeyboardHelp extends HTMLElement {
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    const there = new Set([...document.querySelectorAll("header a[href]")].filter((link) => !link.matches(NOT_FOR_READERS)).map((link) => link.pathname));
    for (const [keys, says, address] of PAGES) {
      // A page that is there already would only be loaded anew, with what was filled in lost.
      if (there.has(address) && address !== location.pathname) shortcut({ keys, says, group: "Go to", act: () => location.assign(address) }, signal);
    }
    shortcut({ keys: "?", says: "This list", group: "Everywhere", act: () => this.#open() }, signal);
    document.addEventListener("keydown", (event) => this.#press(event), { signal });
    this.querySelector("button").addEventListener("click", () => this.#open(), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  #press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.(TYPED_INTO) || document.querySelector("dialog[open]")) return;
    if (remembered(OFF) && event.key !== "?") return;
    // Shift is part of what a letter is; of other keys it makes another one.
    const key = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
    const act = shortcuts.press(key, event.timeStamp);
    // What an action leaves alone is the browser's.
    if (!act || act(event) === false) return;
    event.preventDefault();
  }

  #open() {
    const dialog = make("dialog", { class: "keyboard-dialog", "aria-labelledby": "keyboard-title" });
    const close = make("button", { class: "button", value: "" }, "Close");
    const groups = shortcuts.groups.map(({ group, entries }) =>
      make("section", {}, make("h3", {}, group), make("dl", {}, ...entries.map(({ keys, says }) => make("div", {}, make("dt", {}, ...pressed(keys)), make("dd", {}, says))))),
    );
    dialog.append(make("form", { method: "dialog" }, make("h2", { id: "keyboard-title" }, "Keyboard"), make("div", { class: "keyboard-groups" }, ...groups), this.#switch(), make("div", { class: "dialog-actions" }, close)));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
    close.focus();
  }

  /** Keys without a modifier are in the way of some who speak to their computer: they can be turned off. */
  #switch() {
    const box = make("input", { type: "checkbox", checked: !remembered(OFF) });
    box.addEventListener("change", () => remember(OFF, box.checked ? null : "1"));
    return make("label", { class: "check" }, box, "Use these keys on this computer");
  }
}

function pressed(keys) {
  return keys.split(" ").flatMap((key, place) => [...(place > 0 ? [" then "] : []), make("kbd", {}, key.replace("ArrowLeft", "←").replace("ArrowRight", "→").replace("+", " + "))]);
}

customElements.define("keyboard-help", KeyboardHelp);
