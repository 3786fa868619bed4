// The theme's colours as figures need them, read from the page's CSS tokens.

import { COLOURS } from "../lib/colours.js";

const TOKENS = {
  ink: "--text-2",
  strong: "--text-1",
  faint: "--text-3",
  grid: "--grid",
  line: "--line-2",
  paper: "--surface",
  raised: "--surface-raised",
  accent: "--accent",
  font: "--font",
};

/** The theme in force. */
export function currentTheme() {
  const style = getComputedStyle(document.documentElement);
  const read = (token) => style.getPropertyValue(token).trim();
  const theme = Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, read(token)]));
  const numbered = (token, length) => Array.from({ length }, (_, number) => read(`--${token}-${number}`));
  return { ...theme, series: numbered("series", COLOURS), contour: numbered("contour", 4) };
}

/** Call `handler` when the page changes between dark and light, by its reader or by the system, until `signal` aborts. */
export function onThemeChange(handler, signal) {
  document.addEventListener("theme:change", handler, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", handler, { signal });
}
