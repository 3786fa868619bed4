// <state-badge state="failed" cause="diverged">: a state told by text, shape and colour.

import { stateIcon, stateLabel } from "../lib/states.js";
import { icon } from "./dom.js";

class StateBadge extends HTMLElement {
  static observedAttributes = ["state", "cause"];

  connectedCallback() {
    this.#draw();
  }

  attributeChangedCallback(_name, before, after) {
    if (this.isConnected && before !== after) this.#draw();
  }

  #draw() {
    const state = this.getAttribute("state");
    const cause = this.getAttribute("cause");
    this.replaceChildren(icon(stateIcon(state, cause)), stateLabel(state, cause));
  }
}

customElements.define("state-badge", StateBadge);
