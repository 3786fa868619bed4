// One colour a run, everywhere it is compared: its place in the list of runs decides.

/** How many colours the theme has; after them the dash of the line changes. */
export const COLOURS = 8;

/** The number of the colour of the run at `place`, from 0. */
export function colourOf(place) {
  return place % COLOURS;
}

/** The dash of the run at `place`: "solid" for the first eight. */
export function dashOf(place) {
  return ["solid", "dash", "dot", "dashdot"][Math.floor(place / COLOURS) % 4];
}
