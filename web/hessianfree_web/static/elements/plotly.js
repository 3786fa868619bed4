// plotly.js, which pages with figures name in a script of its own: it is large, and nothing else on the page waits for it.

import { make } from "./dom.js";

let loading = null;

/** Plotly, as soon as it is there. Rejects when the script cannot be loaded; asked again, it is loaded again. */
export function plotly() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load() {
  // The page's "load" waits for its scripts: one that is not there by then has failed, and says so to nobody any more.
  if (!window.Plotly) await (document.readyState === "complete" ? tried(fresh()) : tried(script(), window));
  if (!window.Plotly) throw new Error("The program that draws did not load. Is the server still running?");
  return window.Plotly;
}

function script() {
  return document.querySelector("script[data-plotly]");
}

/** A script that has failed never tries again: another one in its place does. */
function fresh() {
  const again = make("script", { src: script().src, "data-plotly": true });
  script().replaceWith(again);
  return again;
}

/** When one of these has loaded, or failed to. */
function tried(...targets) {
  return new Promise((done) => {
    for (const target of targets) for (const kind of ["load", "error"]) target.addEventListener(kind, done, { once: true });
  });
}
