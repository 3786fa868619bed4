// Thin vertical lines over a figure: where the pointer is on x, in this figure and every other along the same x, and the step
// that was picked. They are laid over the plot, which is not drawn anew for them.

import { shareOf, xAtShare } from "../lib/zoom.js";
import { make } from "./dom.js";

export class FigureLines {
  #frame;
  #axis;
  #name = null;
  #at = { cursor: null, marker: null };
  #lines = {};
  #moved = null;

  /** `frame` holds the plot; `axis()` tells its bounds of x and how it is scaled, or null. */
  constructor(frame, axis, signal) {
    this.#frame = frame;
    this.#axis = axis;
    for (const old of frame.querySelectorAll(".figure-line")) old.remove();
    frame.addEventListener("pointermove", (event) => this.#move(event), { signal });
    frame.addEventListener("pointerleave", () => this.#leave(), { signal });
    document.addEventListener("cursor:hover", ({ detail }) => this.#follow(detail), { signal });
  }

  /** The name of the figure's x, null where it has none that others share; and x of the picked step, or null. */
  show(name, marker) {
    this.#name = name;
    this.#at.marker = marker;
    if (name === null) this.#at.cursor = null;
    this.place();
  }

  /** Put the lines where they belong: the figure was drawn anew. */
  place() {
    this.#put("marker");
    this.#put("cursor");
  }

  #move({ clientX, clientY, pointerType }) {
    if (this.#name === null || pointerType === "touch") return;
    const scheduled = this.#moved !== null;
    this.#moved = { clientX, clientY };
    if (!scheduled) requestAnimationFrame(() => this.#say());
  }

  #say() {
    const at = this.#moved;
    this.#moved = null;
    const [area, axis] = [this.#area, this.#axis()];
    if (!at || !area || !axis) return;
    const share = (at.clientX - area.left) / area.width;
    const inside = share >= 0 && share <= 1 && at.clientY >= area.top && at.clientY <= area.bottom;
    hover(this.#name, inside ? xAtShare(share, axis.bounds, axis.scale) : null);
  }

  #leave() {
    this.#moved = null;
    if (this.#name !== null && this.#at.cursor !== null) hover(this.#name, null);
  }

  #follow(detail) {
    const x = detail && detail.x_name === this.#name ? detail.x : null;
    if (x === this.#at.cursor) return;
    this.#at.cursor = x;
    this.#put("cursor");
  }

  #put(kind) {
    const x = this.#at[kind];
    const [area, axis] = x === null ? [null, null] : [this.#area, this.#axis()];
    const share = area && axis ? shareOf(x, axis.bounds, axis.scale) : NaN;
    const shown = share >= 0 && share <= 1;
    if (!shown && !this.#lines[kind]) return;
    const line = (this.#lines[kind] ??= this.#add(kind));
    line.hidden = !shown;
    if (!shown) return;
    const frame = this.#frame.getBoundingClientRect();
    line.style.transform = `translateX(${(area.left - frame.left + share * area.width).toFixed(1)}px)`;
    line.style.top = `${area.top - frame.top}px`;
    line.style.height = `${area.bottom - area.top}px`;
  }

  #add(kind) {
    const line = make("div", { class: `figure-line ${kind}`, "aria-hidden": "true" });
    this.#frame.append(line);
    return line;
  }

  /** Where the plot's axes are in the window, all of them together; null: nothing is drawn. */
  get #area() {
    const parts = [...this.#frame.querySelectorAll(".nsewdrag")].map((part) => part.getBoundingClientRect());
    if (parts.length === 0) return null;
    const { left, width } = parts[0];
    return { left, width, top: Math.min(...parts.map(({ top }) => top)), bottom: Math.max(...parts.map(({ bottom }) => bottom)) };
  }
}

function hover(name, x) {
  document.dispatchEvent(new CustomEvent("cursor:hover", { detail: x === null ? null : { x_name: name, x } }));
}
