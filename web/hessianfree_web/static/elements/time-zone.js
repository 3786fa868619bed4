// <time-zone>: names the zone in which the page's times stand.

import { nameOfZone } from "../lib/times.js";
import { setText } from "./dom.js";

class TimeZone extends HTMLElement {
  connectedCallback() {
    setText(this, `Times in ${nameOfZone()}`);
  }
}

customElements.define("time-zone", TimeZone);
