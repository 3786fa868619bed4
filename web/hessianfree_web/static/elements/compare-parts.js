// What several elements of the compare page show alike.

import { colourOf, dashOf } from "../lib/colours.js";
import { announce } from "./announcer.js";
import { make } from "./dom.js";

/** A piece of a run's or group's line, as charts draw it. */
export function lineSwatch(colour) {
  return make("span", { class: "line-swatch", "data-colour": String(colourOf(colour)), "data-dash": dashOf(colour), "aria-hidden": "true" });
}

/** Have the browser save a text under this name. */
export function saveText(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  announce(`Saved as ${name}`);
}
