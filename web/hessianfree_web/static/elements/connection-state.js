// <connection-state after="12" runs="a,b">: opens the page's event stream and shows how it is.

import { EventStream, listen } from "../events.js";
import { icon, make } from "./dom.js";

const TEXTS = {
  live: ["Live", "New values appear as they are recorded"],
  reconnecting: ["Reconnecting", "The connection was lost; trying again"],
  offline: ["Offline", "The server does not answer; what you see may be old"],
  crowded: ["Too many open pages", "What you see may be old"],
};
const NOTES = {
  offline: "The server does not answer. What you see may be old; it catches up by itself when the server is back.",
  crowded: "Too many pages of this server are open at once. What you see may be old; it catches up by itself when others are closed.",
};
// Browsers allow a server six connections in all, whatever the number of its pages.
const HIDDEN_MILLISECONDS = 5000;
// What a reader would miss if the page were loaded anew.
const IN_THE_MIDDLE = "dialog[open], job-form, :is(input, textarea, select):focus";

class ConnectionState extends HTMLElement {
  #stream = null;
  #timer = null;
  #note = make("p", { class: "offline-note", role: "status" });
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    document.body.append(this.#note);
    listen("state", ({ state }) => this.#show(state), signal);
    // Away for so long that the server no longer has all that happened: a fresh page knows it.
    listen("reset", () => (document.querySelector(IN_THE_MIDDLE) ? this.#stream.refresh() : location.reload()), signal);
    document.addEventListener("visibilitychange", () => this.#watch(), { signal });
    window.addEventListener("pagehide", () => this.#stream.close(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#stream.open(), { signal });
    this.#stream = new EventStream({ runs: this.getAttribute("runs") ?? "", after: this.getAttribute("after") });
    this.#watch();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
    this.#stream.close();
    this.#note.remove();
  }

  /** A page that nobody sees gives its connection to others; what it misses comes when it is seen again. */
  #watch() {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(() => this.#stream.close(), HIDDEN_MILLISECONDS);
    else if (!this.#stream.isOpen) this.#stream.open();
  }

  #show(state) {
    if (this.dataset.state === state) return;
    this.#note.textContent = NOTES[state] ?? "";
    const [text, title] = TEXTS[state];
    this.dataset.state = state;
    this.title = title;
    this.replaceChildren(icon(`connection-${state}`), text);
  }
}

customElements.define("connection-state", ConnectionState);
