// One colour a run, everywhere it is compared: its place in the list of runs decides.

/** How many colours the theme has; after them they come again, the lines dashed (figures/palette.py). */
export const COLOURS = 8;

/** The number of the colour of the run at `place`, from 0. */
export function colourOf(place) {
  return place % COLOURS;
}
