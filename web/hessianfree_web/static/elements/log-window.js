// The lines of a log that are on the page: a stretch of it, or its end, in which case it grows.

import { pieces } from "../lib/log.js";
import { make } from "./dom.js";

const MOST_LINES = 3000;

/** Keeps the lines in `element` in order. Lines of the server know their `position`, those of the stream do not. */
export class LogWindow {
  #element;
  #query = "";
  #attempt = null; // of the last line
  #tail = new Map(); // attempt -> number of its last line

  constructor(element) {
    this.#element = element;
  }

  /** Start anew with `lines`. */
  replace(lines) {
    this.#element.replaceChildren();
    this.#attempt = null;
    this.#tail.clear();
    this.append(lines);
  }

  /** Those of `lines` that follow and are not here yet. */
  freshOf(lines) {
    return lines.filter(({ attempt, number }) => number > (this.#tail.get(attempt) ?? -1));
  }

  /** Whether so many more lines have room without any being cut off at the top. */
  hasRoomFor(count) {
    return this.#element.childElementCount + count <= MOST_LINES;
  }

  /** Lines that follow; those that are there already are left out. What is in sight stays where it is. Returns how many came. */
  append(lines) {
    const fresh = this.freshOf(lines);
    for (const { attempt, number } of fresh) this.#tail.set(attempt, number);
    const rows = this.#rows(fresh, this.#attempt);
    if (fresh.length > 0) this.#attempt = fresh.at(-1).attempt;
    this.#element.append(...rows);
    const tooMany = [...this.#element.children].slice(0, Math.max(0, this.#element.childElementCount - MOST_LINES));
    this.#keepPlace(() => tooMany.forEach((row) => row.remove()));
    return fresh.length;
  }

  /** Lines that come before; what is in sight stays where it is. */
  prepend(lines) {
    const first = this.#element.firstElementChild;
    // The heading of an attempt that turns out to begin earlier.
    if (first?.matches(".log-attempt") && lines.at(-1)?.attempt === Number(first.dataset.attempt)) first.remove();
    this.#keepPlace(() => this.#element.prepend(...this.#rows(lines, null)));
  }

  /** Change what is above, and scroll by as much. */
  #keepPlace(act) {
    const { scrollHeight: height, scrollTop: top } = this.#element;
    act();
    if (this.#element.scrollHeight !== height) this.#element.scrollTop = top + this.#element.scrollHeight - height;
  }

  /** Position of the first line; null: it is not known, or there is none. */
  get first() {
    const line = this.#element.querySelector(".log-line");
    return line?.dataset.position ? Number(line.dataset.position) : null;
  }

  /** Those of `lines` that come before the first line here; null: they do not reach up to it. */
  before(lines) {
    const name = this.#element.querySelector(".log-line")?.dataset.line;
    const place = lines.findIndex((line) => nameOf(line) === name);
    return place < 0 ? null : lines.slice(0, place);
  }

  /** Position of the last line that has one; -1: none has. */
  get last() {
    const known = this.#element.querySelectorAll("[data-position]");
    return known.length ? Number(known[known.length - 1].dataset.position) : -1;
  }

  get isEmpty() {
    return this.#element.childElementCount === 0;
  }

  /** Mark `query` wherever it stands; "" marks nothing. */
  highlight(query) {
    if (query === this.#query) return;
    this.#query = query;
    for (const line of this.#element.querySelectorAll(".log-line")) line.replaceChildren(...this.#marked(line.textContent));
  }

  /** Make the line at `position` the current one, in sight. False: it is not here. */
  show(position) {
    this.#element.querySelector('[aria-current="true"]')?.removeAttribute("aria-current");
    const line = this.#element.querySelector(`[data-position="${position}"]`);
    if (!line) return false;
    line.setAttribute("aria-current", "true");
    const { offsetTop, offsetHeight } = line;
    this.#element.scrollTop = offsetTop - (this.#element.clientHeight - offsetHeight) / 2;
    return true;
  }

  /** Whether the line at `position` is here, and the current one. */
  isShown(position) {
    return this.#element.querySelector('[aria-current="true"]')?.dataset.position === String(position);
  }

  #rows(lines, before) {
    let known = before;
    return lines.flatMap((each) => {
      const { attempt, stream, text, position, time } = each;
      const begins = attempt !== known && attempt > 1;
      known = attempt;
      const line = make("div", { class: "log-line", "data-stream": stream, "data-line": nameOf(each), "data-position": position, title: time }, ...this.#marked(text));
      return begins ? [make("div", { class: "log-attempt", "data-attempt": attempt }, `Attempt ${attempt}`), line] : [line];
    });
  }

  #marked(text) {
    return pieces(text, this.#query).map(({ text: part, hit }) => (hit ? make("mark", {}, part) : part));
  }
}

/** What tells a line from all others of its run. */
function nameOf({ attempt, number }) {
  return `${attempt}/${number}`;
}
