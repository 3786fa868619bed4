// <run-health run="id">: what the record shows, in words, kept current; each finding leads to the figure that shows it.
// It says "run:health" ({text, severity}) on the document.

import { get } from "../api.js";
import { listen } from "../events.js";
import { evidenceText, healthOf } from "../lib/health.js";
import { hasEnded } from "../lib/states.js";
import { restAfter } from "../lib/throttle.js";
import { icon, make, setText, show } from "./dom.js";
import { pageData } from "./page-data.js";

class RunHealth extends HTMLElement {
  #run = pageData().run;
  #bound = new AbortController();
  #loading = false;
  #stale = false;
  #restedAt = 0;
  #timer = null;
  #shown = new Map(); // kind -> its element

  connectedCallback() {
    const { signal } = this.#bound;
    listen("steps", ({ run }) => run === this.#run.id && this.#ask(), signal);
    listen("run", (run) => run.id === this.#run.id && this.#follow(run), signal);
    listen("state", ({ returned }) => returned && this.#ask(), signal);
    document.addEventListener("visibilitychange", () => this.#stale && this.#ask(), { signal });
    this.#load();
  }

  disconnectedCallback() {
    this.#bound.abort();
    clearTimeout(this.#timer);
  }

  #follow(run) {
    const ended = hasEnded(run) && !hasEnded(this.#run);
    const again = run.attempt !== this.#run.attempt;
    this.#run = run;
    if (!ended && !again) return;
    this.#restedAt = 0;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#ask();
  }

  /** Look again once it is time to, and while somebody looks. */
  #ask() {
    this.#stale = true;
    if (this.#loading || this.#timer !== null || document.hidden) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#load();
    }, Math.max(0, this.#restedAt - performance.now()));
  }

  async #load() {
    this.#loading = true;
    this.#stale = false;
    const began = performance.now();
    try {
      this.#show(await get(`/runs/${this.#run.id}/findings`, { signal: this.#bound.signal }));
    } catch (error) {
      if (error.name === "AbortError") return;
      // What is shown stays; the connection's state says that it may be old, and its return asks again.
      if (this.#shown.size === 0) setText(this.#part("summary"), error.message);
    }
    const now = performance.now();
    this.#restedAt = now + restAfter(now - began);
    this.#loading = false;
    if (this.#stale) this.#ask();
  }

  #show({ items, step }) {
    const health = healthOf(items, { step, ended: hasEnded(this.#run) });
    setText(this.#part("summary"), health.text);
    this.#part("summary").dataset.severity = health.severity;
    show(this.#part("empty"), items.length === 0);
    setText(this.#part("empty"), step === 0 ? "What the record shows will be said here." : "Nothing stands out in what was recorded.");
    const kept = new Map();
    for (const finding of items) {
      const key = `${finding.kind} ${finding.severity}`;
      kept.set(key, this.#fill(this.#shown.get(key) ?? emptyFinding(finding), finding));
    }
    for (const [key, element] of this.#shown) if (!kept.has(key)) element.remove();
    const list = this.#part("findings");
    [...kept.values()].forEach((element, place) => list.children[place] !== element && list.insertBefore(element, list.children[place] ?? null));
    this.#shown = kept;
    document.dispatchEvent(new CustomEvent("run:health", { detail: health }));
  }

  #fill(element, { title, text, evidence }) {
    setText(element.querySelector("summary > span"), title);
    setText(element.querySelector("p"), text);
    const links = evidence.flatMap((part) => this.#link(part) ?? []);
    const key = JSON.stringify(evidence);
    const place = element.querySelector(".evidence");
    if (place.dataset.key !== key || place.childElementCount !== links.length) place.replaceChildren(...links);
    place.dataset.key = key;
    show(place, links.length > 0);
    return element;
  }

  #link({ figure, first_step: first, last_step: last }) {
    const element = document.getElementById(`figure-${figure}`);
    if (!element || element.closest("[hidden]")) return null;
    const title = element.querySelector('[data-part="title"]').textContent;
    const link = make("a", { href: `#figure-${figure}`, class: "button small" }, evidenceText(title, first, last));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.dispatchEvent(new CustomEvent("run:show", { detail: { figure, first, last } }));
    });
    return link;
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

/** A finding without its words. Good news and what is merely worth knowing is folded. */
function emptyFinding({ kind, severity }) {
  const details = make("details", { open: severity !== "note" }, make("summary", {}, icon(`severity-${severity}`), make("span", {}), make("small", { class: "severity" }, severity)), make("p", {}), make("div", { class: "evidence" }));
  return make("li", { class: "finding", "data-kind": kind, "data-severity": severity }, details);
}

customElements.define("run-health", RunHealth);
