// <moment-text at="RFC 3339" as="age|moment|elapsed" [until="RFC 3339"]>: a moment in words that stay true as time passes.

import { formatAge, formatDuration, formatMoment, secondsBetween } from "../lib/times.js";
import { setText } from "./dom.js";

const MINUTE = 60_000;

class MomentText extends HTMLElement {
  static observedAttributes = ["at", "as", "until"];
  #timer = null;

  connectedCallback() {
    this.#draw();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#draw();
  }

  #draw() {
    clearTimeout(this.#timer);
    const at = this.getAttribute("at");
    if (!at) return setText(this, "–");
    this.title = formatMoment(at);
    const kind = this.getAttribute("as");
    if (kind === "moment") return setText(this, formatMoment(at));
    const until = this.getAttribute("until");
    setText(this, kind === "elapsed" ? formatDuration(Math.floor(secondsBetween(at, until))) : formatAge(at));
    if (kind === "age" || !until) this.#timer = setTimeout(() => this.#draw(), this.#pause(at, kind));
  }

  /** Milliseconds for which the text will do: old ages change by the minute. */
  #pause(at, kind) {
    return kind === "age" && Date.now() - Date.parse(at) > MINUTE ? MINUTE / 4 : 1000;
  }
}

customElements.define("moment-text", MomentText);
