// Keys that do something on a page: elements register theirs, the keyboard's help lists them.

const WAIT_MILLISECONDS = 1200; // for the second key of two, as in "g r"

/** Shortcuts by their keys: "?" or two in turn, "g r", as KeyboardEvent.key names them. */
export class Shortcuts {
  #known = new Map();
  #begun = { key: "", at: -Infinity };

  /** Have `keys` call `act`; `says` is what the help says of it, under the heading `group`. Returns what takes it back. */
  add({ keys, says, act, group = "On this page" }) {
    const entry = { keys, says, act, group };
    this.#known.set(keys, entry);
    return () => this.#known.get(keys) === entry && this.#known.delete(keys);
  }

  /** What the help lists: `[{group, entries: [{keys, says}]}]`, in the order in which they were registered. */
  get groups() {
    const groups = new Map();
    for (const { keys, says, group } of this.#known.values()) {
      (groups.get(group) ?? groups.set(group, []).get(group)).push({ keys, says });
    }
    return [...groups].map(([group, entries]) => ({ group, entries }));
  }

  /** A key was pressed at `now` (milliseconds): the action that it completes, or null. */
  press(key, now) {
    const { key: first, at } = this.#begun;
    this.#begun = { key: "", at: -Infinity };
    const pair = now - at <= WAIT_MILLISECONDS ? this.#known.get(`${first} ${key}`) : undefined;
    if (pair) return pair.act;
    const single = this.#known.get(key);
    if (single) return single.act;
    if ([...this.#known.keys()].some((keys) => keys.startsWith(`${key} `))) this.#begun = { key, at: now };
    return null;
  }
}

/** The page's own. */
export const shortcuts = new Shortcuts();

/** Register with the page until `signal` aborts: `shortcut({keys, says, act, group}, signal)`. */
export function shortcut(entry, signal) {
  const takeBack = shortcuts.add(entry);
  signal?.addEventListener("abort", takeBack);
}
