// Which figures an address says are logarithmic: "damping,-loss": damping is, loss is not, others are as they come.

/** By name, whether logarithmic, from the items of such a list. */
export function scalesFrom(items) {
  return Object.fromEntries(items.map((item) => (item.startsWith("-") ? [item.slice(1), false] : [item, true])));
}

/** `scalesFrom` undone. */
export function scaleItems(logs) {
  return Object.entries(logs).map(([name, log]) => (log ? name : `-${name}`));
}
