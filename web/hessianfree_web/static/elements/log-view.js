// <log-view run="id">: what the job printed, newest at the bottom, followed unless the reader has scrolled up.

import { get } from "../api.js";
import { listen } from "../events.js";
import { make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

const SHOWN_LINES = 2000;
const AT_BOTTOM_PIXELS = 24;

class LogView extends HTMLElement {
  #listening = new AbortController();
  #last = new Map(); // attempt -> number of the last line shown
  #count = 0;
  #caughtUp = false;
  #held = [];

  connectedCallback() {
    const { signal } = this.#listening;
    listen("logs", (detail) => this.#receive(detail), signal);
    this.#follow.addEventListener("change", () => this.#scroll(), { signal });
    this.#lines.addEventListener("scroll", () => this.#noticeScroll(), { signal, passive: true });
    this.#catchUp();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #lines() {
    return this.querySelector('[role="log"]');
  }

  get #follow() {
    return this.querySelector('input[type="checkbox"]');
  }

  /** The page's lines, then page after page until the present; what the stream brings meanwhile waits. */
  async #catchUp() {
    let { logs, next } = pageData();
    this.#append(logs);
    try {
      while (logs.length > 0) {
        const page = await get(`/runs/${this.getAttribute("run")}/logs?after=${next}&limit=1000`, { signal: this.#listening.signal });
        logs = page.lines;
        next = page.next;
        this.#append(logs);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#append([{ attempt: Infinity, number: 0, stream: "worker", text: error.message }]);
    }
    this.#caughtUp = true;
    this.#append(this.#held.splice(0));
  }

  #receive({ run, attempt, lines }) {
    if (run !== this.getAttribute("run")) return;
    const entries = lines.map((line) => ({ ...line, attempt }));
    if (this.#caughtUp) this.#append(entries);
    else this.#held.push(...entries);
  }

  #append(entries) {
    const added = document.createDocumentFragment();
    for (const { attempt, number, stream, text } of entries) {
      if (number <= (this.#last.get(attempt) ?? -1)) continue;
      if (attempt > 1 && !this.#last.has(attempt) && Number.isFinite(attempt)) added.append(make("div", { class: "log-attempt" }, `Attempt ${attempt}`));
      this.#last.set(attempt, number);
      added.append(make("div", { class: "log-line", "data-stream": stream }, text));
      this.#count += 1;
    }
    show(this.querySelector('[data-part="empty"]'), this.#count === 0);
    if (!added.hasChildNodes()) return;
    this.#lines.append(added);
    while (this.#lines.childElementCount > SHOWN_LINES) this.#lines.firstElementChild.remove();
    setText(this.querySelector('[data-part="count"]'), this.#count > SHOWN_LINES ? `last ${SHOWN_LINES} of ${this.#count} lines` : this.#count === 1 ? "1 line" : `${this.#count} lines`);
    this.#scroll();
  }

  #scroll() {
    if (this.#follow.checked) this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  #noticeScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#lines;
    this.#follow.checked = scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PIXELS;
  }
}

customElements.define("log-view", LogView);
