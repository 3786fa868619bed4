// Which rows are selected. Values are never changed, a new one is returned.

/** Nothing selected. `all`: every run that passes the filter, also those that are not loaded. */
export const NOTHING = Object.freeze({ ids: Object.freeze([]), all: false, anchor: null });

/** One row clicked, `on` or off. With `shift` everything between it and the last one clicked follows it; `order`: all ids as shown. */
export function clicked(selection, id, on, { shift = false, order = [] } = {}) {
  const from = order.indexOf(selection.anchor);
  const to = order.indexOf(id);
  const range = shift && from >= 0 && to >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
  // Of all but some only those that are loaded can be named.
  const before = selection.all ? order : selection.ids;
  const ids = on ? [...before, ...range.filter((other) => !before.includes(other))] : before.filter((other) => !range.includes(other));
  return { ids, all: false, anchor: id };
}

/** Without runs that are gone. */
export function without(selection, id) {
  return selection.ids.includes(id) ? { ...selection, ids: selection.ids.filter((other) => other !== id) } : selection;
}

/** How many are selected, of `total` that pass the filter. */
export function countOf(selection, total) {
  return selection.all ? total : selection.ids.length;
}
