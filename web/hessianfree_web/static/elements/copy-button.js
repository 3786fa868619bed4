// <copy-button from="selector">: copies the text of another element, and says that it has.

import { setText } from "./dom.js";

const SAID_MILLISECONDS = 1600;

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => this.#copy());
  }

  async #copy() {
    const button = this.querySelector("button");
    const label = button.textContent;
    try {
      const source = document.querySelector(this.getAttribute("from"));
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      setText(button, "Copied");
    } catch {
      setText(button, "Select and copy by hand");
    }
    button.disabled = true;
    setTimeout(() => {
      setText(button, label);
      button.disabled = false;
    }, SAID_MILLISECONDS);
  }
}

customElements.define("copy-button", CopyButton);
