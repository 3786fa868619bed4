// <site-menu>: on a phone, the button that unfolds the ways to all pages; elsewhere they stand in the header.

class SiteMenu extends HTMLElement {
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    this.#button.addEventListener("click", () => this.#unfold(!this.#isOpen), { signal });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#isOpen && this.#unfold(false, true), { signal });
    document.addEventListener("pointerdown", ({ target }) => !this.closest("header").contains(target) && this.#unfold(false), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  get #button() {
    return this.querySelector("button");
  }

  get #isOpen() {
    return this.#button.getAttribute("aria-expanded") === "true";
  }

  #unfold(open, refocus = false) {
    this.#button.setAttribute("aria-expanded", String(open));
    if (refocus) this.#button.focus();
  }
}

customElements.define("site-menu", SiteMenu);
