// What this browser remembers of its reader's choices. Where it may remember nothing, nothing is remembered.

const PREFIX = "hessianfree:";

/** The text kept under `name`, or null. */
export function remembered(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Keep `text` under `name`; null forgets it. */
export function remember(name, text) {
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
  } catch {
    // A browser that keeps nothing works as well, for this page.
  }
}
