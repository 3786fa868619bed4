// How the elements of the compare page hear of each other: through events of the document.

/** Call `handler` with `{view, groups, keys}` whenever what is shown changes, until `signal` aborts. */
export function onView(handler, signal) {
  document.addEventListener("comparison:view", ({ detail }) => handler(detail), { signal });
}

/** Call `handler` with the key (a run's id or a group's name) that is pointed at, null: none, until `signal` aborts. */
export function onEmphasis(handler, signal) {
  document.addEventListener("comparison:emphasis", ({ detail }) => handler(detail), { signal });
}

/** Ask for another view. `passing`: it is one of many on the way to another (a slider), and gets no place in the history. */
export function change(changes, { passing = false } = {}) {
  document.dispatchEvent(new CustomEvent("comparison:change", { detail: { changes, passing } }));
}

/** Point at a run or a group. */
export function emphasize(key) {
  document.dispatchEvent(new CustomEvent("comparison:emphasis", { detail: key }));
}
