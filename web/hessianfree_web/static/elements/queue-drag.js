// Dragging rows of a table by their handles, with any pointer.

const EDGE_PIXELS = 60; // where the window scrolls along
const SCROLL_PIXELS = 12;

/**
 * Lets rows of `body` be dragged by what fits `handle`. `drop(from, to)` gets the indices: the row stands before the one at `to` then.
 * `isBusy(true|false)`: a drag began, or ended.
 */
export class RowDrag {
  #body;
  #drop;
  #isBusy;
  #row = null;
  #to = null;

  constructor(body, handle, { drop, isBusy, signal }) {
    this.#body = body;
    this.#drop = drop;
    this.#isBusy = isBusy;
    body.addEventListener("pointerdown", (event) => event.button === 0 && this.#begin(event, event.target.closest(handle)), { signal });
    body.addEventListener("pointermove", (event) => this.#move(event), { signal });
    body.addEventListener("pointerup", () => this.#end(true), { signal });
    body.addEventListener("pointercancel", () => this.#end(false), { signal });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#end(false), { signal });
  }

  #begin(event, handle) {
    if (!handle) return;
    event.preventDefault();
    this.#row = handle.closest("tr");
    this.#row.toggleAttribute("data-dragged", true);
    this.#body.setPointerCapture(event.pointerId);
    this.#isBusy(true);
  }

  #move({ clientY }) {
    if (!this.#row) return;
    const rows = [...this.#body.rows];
    this.#to = rows.filter((row) => clientY > row.getBoundingClientRect().top + row.offsetHeight / 2).length;
    this.#mark(rows);
    if (clientY < EDGE_PIXELS) scrollBy(0, -SCROLL_PIXELS);
    else if (clientY > innerHeight - EDGE_PIXELS) scrollBy(0, SCROLL_PIXELS);
  }

  #end(isWanted) {
    if (!this.#row) return;
    const from = [...this.#body.rows].indexOf(this.#row);
    this.#row.removeAttribute("data-dragged");
    this.#row = null;
    this.#mark([]);
    // First: what comes once the drag has ended may put other rows at these places.
    if (isWanted && this.#to !== null) this.#drop(from, this.#to);
    this.#to = null;
    this.#isBusy(false);
  }

  /** A line where the row would stand. */
  #mark(rows) {
    for (const row of this.#body.rows) row.removeAttribute("data-drop");
    if (rows.length === 0) return;
    const last = this.#to === rows.length;
    rows[last ? this.#to - 1 : this.#to].setAttribute("data-drop", last ? "after" : "before");
  }
}
