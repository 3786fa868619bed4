// <run-nav>: links to the page's parts ([data-nav]): those that are hidden have none, the one in sight is marked.

const LINE = 0.35; // of the window's height: the part that has reached it is the one in sight

class RunNav extends HTMLElement {
  #bound = new AbortController();
  #changed = null;
  #scheduled = false;

  connectedCallback() {
    const parts = [...document.querySelectorAll("[data-nav]")];
    const update = () => {
      if (this.#scheduled) return;
      this.#scheduled = true;
      requestAnimationFrame(() => this.#update(parts));
    };
    addEventListener("scroll", update, { signal: this.#bound.signal, passive: true });
    this.#changed = new MutationObserver(update);
    for (const part of parts) this.#changed.observe(part, { attributeFilter: ["hidden"] });
    this.#update(parts);
  }

  disconnectedCallback() {
    this.#bound.abort();
    this.#changed.disconnect();
  }

  #update(parts) {
    this.#scheduled = false;
    const shown = parts.filter((part) => !part.hidden);
    // The last part may be too short to get that far.
    const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    const reached = shown.findLast((part) => part.getBoundingClientRect().top <= LINE * innerHeight);
    const current = (atEnd ? shown.at(-1) : reached) ?? shown[0];
    for (const part of parts) {
      const link = this.querySelector(`[href="#${part.id}"]`);
      if (!link) continue;
      link.hidden = part.hidden;
      if (part === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

customElements.define("run-nav", RunNav);
