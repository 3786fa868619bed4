// <connection-state after="12" runs="a,b">: opens the page's event stream and shows how it is.

import { EventStream, listen } from "../events.js";
import { icon } from "./dom.js";

const TEXTS = {
  live: ["Live", "New values appear as they are recorded"],
  reconnecting: ["Reconnecting", "The connection was lost; trying again"],
  offline: ["Offline", "The server does not answer; what you see may be old"],
};

class ConnectionState extends HTMLElement {
  #stream = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    listen("state", ({ state }) => this.#show(state), signal);
    document.addEventListener("stream:watch", (event) => this.#stream.watch(event.detail.runs), { signal });
    window.addEventListener("pagehide", () => this.#stream.close(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#stream.open(), { signal });
    this.#stream = new EventStream({ runs: this.getAttribute("runs") ?? "", after: this.getAttribute("after") });
    this.#stream.open();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#stream.close();
  }

  #show(state) {
    if (this.dataset.state === state) return;
    const [text, title] = TEXTS[state];
    this.dataset.state = state;
    this.title = title;
    this.replaceChildren(icon(`connection-${state}`), text);
  }
}

customElements.define("connection-state", ConnectionState);
