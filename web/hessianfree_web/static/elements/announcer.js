// A short word to the reader about what was just done: seen at the edge of the window for a moment, and read out.

import { make } from "./dom.js";

const BEFORE_MILLISECONDS = 100; // a region is read out where it changes, not where it comes with its text
const SHOWN_MILLISECONDS = 2600;
let timer = null;

/** Say it. A later word takes the place of an earlier one. */
export function announce(text) {
  // In a modal dialog, everything outside of it is inert: the word is said inside.
  const place = regionOf(document.querySelector("dialog[open]") ?? document.body);
  clearTimeout(timer);
  for (const other of document.querySelectorAll(".announcement")) other.textContent = "";
  timer = setTimeout(() => {
    place.textContent = text;
    timer = setTimeout(() => (place.textContent = ""), SHOWN_MILLISECONDS);
  }, BEFORE_MILLISECONDS);
}

function regionOf(parent) {
  const known = parent.querySelector(":scope > .announcement");
  if (known) return known;
  const made = make("p", { class: "announcement", role: "status" });
  parent.append(made);
  return made;
}
