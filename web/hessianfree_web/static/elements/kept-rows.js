// Tables that are drawn again while their reader is in them: what has not changed stays, and with it the focus, text that is
// selected, and a press that has begun.

/** The rows of a table's body by key. */
export class KeptRows {
  #body;
  #make;
  #fill;
  #rows = new Map();

  /** `make(item)` is a new row; `fill(row, item)` puts into any row what `item` has, and touches nothing else. */
  constructor(body, { make, fill }) {
    this.#body = body;
    this.#make = make;
    this.#fill = fill;
  }

  /** Show `items`, by `key` of each, in this order. */
  show(items, key) {
    const kept = new Map();
    for (const item of items) {
      const row = this.#rows.get(key(item)) ?? this.#make(item);
      this.#fill(row, item);
      kept.set(key(item), row);
    }
    this.#rows = kept;
    this.#arrange([...kept.values()]);
  }

  #arrange(wanted) {
    const focused = this.#body.contains(document.activeElement) ? document.activeElement : null;
    const { rows } = this.#body;
    for (const row of [...rows]) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, place) => rows[place] === row || this.#body.insertBefore(row, rows[place] ?? null));
    // What was moved lost it on the way.
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }
}
