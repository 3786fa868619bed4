// <log-view run="id">: what the job printed, from its end: followed unless the reader has scrolled up, earlier lines as they
// are scrolled to, searched at the server. The search and the stream are in the address (?log=, ?stream=).

import { get } from "../api.js";
import { listen } from "../events.js";
import { contains, countText, matchText } from "../lib/log.js";
import { setText, show } from "./dom.js";
import { LogWindow } from "./log-window.js";
import { pageData } from "./page-data.js";

const END = 2 ** 53; // before it are all lines
const PAGE_LINES = 500;
const MOST_ASKED = 10_000; // that the server gives at once
const MOST_MATCHES = 1000; // known at a time
const EDGE_PIXELS = 24;
const NEAR_PIXELS = 400;
const PAUSE_MILLISECONDS = 250; // after a key, before it is searched

class LogView extends HTMLElement {
  #bound = new AbortController();
  #asking = null; // the search that is under way
  #lines;
  #hasEarlier = false;
  #hasLater = false; // what is shown is a stretch of the middle
  #total = 0;
  #busy = false;
  #arrived = null; // lines of the stream that wait for an answer of the server, behind which they stand
  #matches = []; // positions
  #place = -1; // in them
  #found = 0; // in all
  #timer = null;

  connectedCallback() {
    const { signal } = this.#bound;
    this.#lines = new LogWindow(this.#box);
    const asked = new URLSearchParams(location.search);
    this.#part("query").value = asked.get("log") ?? "";
    this.#part("stream").value = asked.get("stream") ?? "";
    if (this.#part("stream").selectedIndex < 0) this.#part("stream").value = "";
    listen("logs", (detail) => this.#receive(detail), signal);
    listen("state", ({ returned }) => returned && this.#catchUp(), signal);
    this.#follow.addEventListener("change", () => this.#toggleFollow(), { signal });
    this.#box.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.#part("query").addEventListener("input", () => this.#searchSoon(), { signal });
    this.#part("query").addEventListener("keydown", (event) => event.key === "Enter" && this.#step(event.shiftKey ? -1 : 1), { signal });
    this.#part("previous").addEventListener("click", () => this.#step(-1), { signal });
    this.#part("next").addEventListener("click", () => this.#step(1), { signal });
    this.#part("stream").addEventListener("change", () => this.#restart(), { signal });
    this.#begin();
  }

  disconnectedCallback() {
    this.#bound.abort();
    this.#asking?.abort();
    clearTimeout(this.#timer);
  }

  get #box() {
    return this.querySelector('[role="log"]');
  }

  get #follow() {
    return this.#part("follow");
  }

  get #query() {
    return this.#part("query").value;
  }

  async #begin() {
    const { logs } = pageData();
    if (this.#part("stream").value === "") this.#showEnd(logs);
    else await this.#loadEnd();
    // What was printed since the page was made comes by the stream, which starts behind it.
    if (this.#query) this.#search();
  }

  /** The page that ends the log, and what is printed meanwhile. */
  async #loadEnd() {
    await this.#behind(async () => {
      const page = await this.#fetch({ before: END, limit: PAGE_LINES });
      if (page) this.#showEnd(page);
    });
  }

  /** Let what comes by the stream wait for `act`. */
  async #behind(act) {
    this.#arrived ??= [];
    const arrived = this.#arrived;
    await act();
    if (this.#arrived === arrived) this.#arrived = null;
    this.#append(arrived);
  }

  #showEnd({ lines, previous, total }) {
    this.#lines.replace(lines);
    this.#hasEarlier = previous !== null;
    this.#hasLater = false;
    this.#count(total);
    this.#toEnd();
  }

  async #restart() {
    this.#remember();
    this.#follow.checked = true;
    await this.#loadEnd();
    if (this.#query) this.#search();
  }

  /** After the connection was lost, what was printed meanwhile may be any number of lines: the end, or what follows when it is scrolled to. */
  async #catchUp() {
    if (this.#follow.checked) return this.#loadEnd();
    this.#hasLater = true;
    const page = await this.#fetch({ before: END, limit: 1 });
    if (page) this.#count(page.total);
  }

  #receive({ run, attempt, lines }) {
    if (run !== this.getAttribute("run")) return;
    const stream = this.#part("stream").value;
    const fresh = lines.filter((line) => !stream || line.stream === stream).map((line) => ({ ...line, attempt }));
    if (this.#arrived) this.#arrived.push(...fresh);
    else this.#append(fresh);
  }

  #append(lines) {
    const { length } = this.#lines.freshOf(lines);
    // What is read is not cut off for what is printed.
    if (!this.#follow.checked && !this.#lines.hasRoomFor(length)) this.#hasLater = true;
    if (this.#hasLater) return this.#count(this.#total + length);
    const height = this.#box.scrollHeight;
    const added = this.#lines.append(lines);
    if (added === 0) return;
    // Lines that made room at the top can be read again.
    this.#hasEarlier ||= this.#box.querySelectorAll(".log-line").length < this.#total + added;
    this.#count(this.#total + added);
    if (this.#query && lines.some(({ text }) => contains(text, this.#query))) this.#searchSoon();
    if (height !== this.#box.scrollHeight) this.#toEnd();
  }

  #toEnd() {
    if (this.#follow.checked) this.#box.scrollTop = this.#box.scrollHeight;
  }

  async #toggleFollow() {
    if (this.#follow.checked && this.#hasLater) await this.#loadEnd();
    this.#toEnd();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    const below = scrollHeight - scrollTop - clientHeight;
    this.#follow.checked = !this.#hasLater && below < EDGE_PIXELS;
    if (this.#busy || scrollHeight <= clientHeight) return;
    if (this.#hasEarlier && scrollTop < NEAR_PIXELS) this.#loadEarlier();
    else if (this.#hasLater && below < NEAR_PIXELS) this.#loadLater();
  }

  async #loadEarlier() {
    this.#busy = true;
    const first = this.#lines.first;
    // Lines that came by the stream alone do not know where they stand: they are looked for in the server's end of the log.
    const page = await this.#fetch(first === null ? { before: END, limit: MOST_ASKED } : { before: first, limit: PAGE_LINES });
    const lines = page && (first === null ? this.#lines.before(page.lines) : page.lines);
    if (lines) {
      this.#lines.prepend(lines.slice(-PAGE_LINES));
      this.#hasEarlier = page.previous !== null || lines.length > PAGE_LINES;
    } else if (page) await this.#loadEnd();
    this.#busy = false;
  }

  async #loadLater() {
    this.#busy = true;
    await this.#behind(async () => {
      let after = this.#lines.last;
      let added = 0;
      // Lines that came by the stream are here already.
      while (this.#hasLater && added === 0) {
        const page = await this.#fetch({ after, limit: PAGE_LINES });
        if (!page) return;
        this.#hasEarlier ||= !this.#lines.hasRoomFor(page.lines.length);
        added = this.#lines.append(page.lines);
        after = page.lines.at(-1)?.position;
        this.#hasLater = page.lines.length === PAGE_LINES;
      }
    });
    this.#busy = false;
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), PAUSE_MILLISECONDS);
  }

  async #search() {
    clearTimeout(this.#timer);
    const query = this.#query;
    const before = this.#matches[this.#place];
    this.#remember();
    this.#lines.highlight(query);
    this.#asking?.abort();
    this.#asking = new AbortController();
    const page = query ? await this.#fetch({ q: query, before: END, limit: MOST_MATCHES }, this.#asking.signal) : { lines: [], total: 0 };
    if (!page) return;
    this.#matches = page.lines.map(({ position }) => position);
    this.#found = page.total;
    const stayed = this.#matches.indexOf(before);
    this.#place = stayed >= 0 ? stayed : this.#matches.length - 1;
    this.#showMatches();
    if (stayed < 0 || !this.#lines.isShown(before)) await this.#reveal();
  }

  /** To the match before or after the current one; around the ends. */
  async #step(by) {
    if (this.#found === 0) return;
    if (by < 0 && this.#place === 0 && this.#matches.length < this.#found) {
      const page = await this.#fetch({ q: this.#query, before: this.#matches[0], limit: MOST_MATCHES });
      if (!page) return;
      this.#matches.unshift(...page.lines.map(({ position }) => position));
      this.#place += page.lines.length;
    }
    this.#place = (this.#place + by + this.#matches.length) % this.#matches.length;
    this.#showMatches();
    await this.#reveal();
  }

  async #reveal() {
    const position = this.#matches[this.#place];
    if (position === undefined) return;
    this.#follow.checked = false;
    this.#busy = true;
    if (!this.#lines.show(position)) {
      const half = PAGE_LINES / 2;
      const [upTo, from] = await Promise.all([this.#fetch({ before: position + 1, limit: half }), this.#fetch({ after: position, limit: half })]);
      if (upTo && from) {
        this.#lines.replace([...upTo.lines, ...from.lines]);
        this.#hasEarlier = upTo.previous !== null;
        this.#hasLater = from.lines.length === half;
        this.#lines.show(position);
      }
    }
    // An address with a search leaves the page where it is; who searches wants to see.
    if (this.contains(document.activeElement)) this.#box.scrollIntoView({ block: "nearest" });
    this.#busy = false;
  }

  #showMatches() {
    const none = this.#query === "";
    setText(this.#part("matches"), none ? "" : matchText(this.#found - this.#matches.length + this.#place, this.#found));
    for (const name of ["previous", "next"]) this.#part(name).disabled = this.#found === 0;
  }

  #count(total) {
    this.#total = total;
    show(this.#part("empty"), total === 0);
    setText(this.#part("count"), total === 0 ? "" : countText(total));
  }

  /** A page of lines from the chosen stream; null where it could not be had. */
  async #fetch(asked, signal = this.#bound.signal) {
    const query = new URLSearchParams({ ...asked, ...(this.#part("stream").value && { stream: this.#part("stream").value }) });
    try {
      const page = await get(`/runs/${this.getAttribute("run")}/logs?${query}`, { signal });
      this.#complain("");
      return page;
    } catch (error) {
      if (error.name !== "AbortError") this.#complain(error.message);
      return null;
    }
  }

  #complain(text) {
    setText(this.#part("complaint"), text);
    show(this.#part("complaint"), text !== "");
  }

  #remember() {
    const address = new URL(location.href);
    for (const [name, value] of [["log", this.#query], ["stream", this.#part("stream").value]]) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("log-view", LogView);
