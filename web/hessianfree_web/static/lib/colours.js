// One colour a run, wherever it is shown: eight colours, each in four dashes. The rules are those of figures/palette.py.

/** How many colours the theme has. */
export const COLOURS = 8;

const DASHES = ["solid", "dash", "dot", "dashdot"];

/** Curves that can be told apart: every colour in every dash. */
export const LOOKS = COLOURS * DASHES.length;

/** The number of the theme's colour under which number `index` is drawn. */
export function colourOf(index) {
  return index % COLOURS;
}

/** The dash of number `index`. */
export function dashOf(index) {
  return DASHES[Math.floor(index / COLOURS) % DASHES.length];
}

/**
 * The number under which each of several runs is drawn, given their own in the order in which they were chosen. A run
 * keeps its own unless an earlier one has it, and then gets the next that is free; after 32 runs all are free again.
 */
export function assign(colours) {
  const taken = new Set();
  return colours.map((own) => {
    if (taken.size === LOOKS) taken.clear();
    let number = own % LOOKS;
    while (taken.has(number)) number = (number + 1) % LOOKS;
    taken.add(number);
    return number;
  });
}
