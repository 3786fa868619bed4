// <theme-switch>: light, dark, or as the system says. The server reads the cookie, so that no page begins in the wrong theme.

import { Menu } from "./menu.js";

const COOKIE = "hessianfree_theme";
const YEAR_SECONDS = 365 * 24 * 3600;
const CHOICES = [
  ["", "As the system", "theme-system"],
  ["light", "Light", "theme-light"],
  ["dark", "Dark", "theme-dark"],
];
const MEDIA = { "": "(prefers-color-scheme: dark)", light: "not all", dark: "all" };

class ThemeSwitch extends HTMLElement {
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    new Menu(this.querySelector("button"), this.querySelector("[role=menu]"), () => this.#items(), signal);
    // A page that comes back from the browser's cache may have been left before the theme was changed on another.
    window.addEventListener("pageshow", (event) => event.persisted && this.#apply(kept()), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  #items() {
    const now = document.documentElement.dataset.theme ?? "";
    return CHOICES.map(([theme, text, icon]) => ({ text, icon, checked: theme === now, act: () => this.#choose(theme) }));
  }

  #choose(theme) {
    const age = theme ? YEAR_SECONDS : 0;
    document.cookie = `${COOKIE}=${theme}; path=/; max-age=${age}; samesite=lax`;
    this.#apply(theme);
  }

  #apply(theme) {
    const root = document.documentElement;
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.querySelector('meta[name="color-scheme"]').content = theme || "light dark";
    const sheet = document.querySelector('link[data-part="dark"]');
    sheet.media = MEDIA[theme];
    document.dispatchEvent(new CustomEvent("theme:change"));
  }
}

function kept() {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${COOKIE}=`));
  return found?.slice(COOKIE.length + 1) ?? "";
}

customElements.define("theme-switch", ThemeSwitch);
