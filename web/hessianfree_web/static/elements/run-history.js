// <run-history run="ID">: attempts and what was asked of the job, kept current. Its child `tbody` gets a row for each.

import { get } from "../api.js";
import { listen } from "../events.js";
import { historyOf } from "../lib/history.js";
import { formatCount } from "../lib/numbers.js";
import { make, show } from "./dom.js";

class RunHistory extends HTMLElement {
  #listening = new AbortController();
  #known = "";
  #stepped = 0; // the attempt whose first steps are known

  connectedCallback() {
    const { signal } = this.#listening;
    listen("run", (run) => run.id === this.#run && this.#follow(run), signal);
    listen("steps", ({ run, attempt }) => run === this.#run && this.#begun(attempt), signal);
    listen("state", ({ returned }) => returned && this.#fetch(), signal);
    this.#fetch();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #run() {
    return this.getAttribute("run");
  }

  /** Runs change with every step: only what may have added an entry is a reason to ask. */
  #follow({ attempt, state, controls_version: controls }) {
    const known = [attempt, state, controls].join(" ");
    if (known === this.#known) return;
    this.#known = known;
    this.#fetch();
  }

  /** Where an attempt began is known from its first steps on. */
  #begun(attempt) {
    if (attempt === this.#stepped) return;
    this.#stepped = attempt;
    this.#fetch();
  }

  async #fetch() {
    try {
      const [attempts, controls] = await Promise.all(["attempts", "controls"].map((what) => get(`/runs/${this.#run}/${what}`)));
      this.#draw(historyOf(attempts.items, controls.items));
    } catch {
      // What is shown stays; the connection's state says that it may be old, and its return asks again.
    }
  }

  #draw(entries) {
    show(this, entries.length > 0);
    this.querySelector("tbody").replaceChildren(...entries.map(row));
  }
}

function row({ at, text, detail, step }) {
  return make(
    "tr",
    {},
    make("td", { class: "moment" }, make("moment-text", { at, as: "moment" })),
    make("td", {}, text, ...(detail ? [make("p", { class: "muted" }, detail)] : [])),
    make("td", { class: "number" }, step === null ? "" : `step ${formatCount(step)}`),
  );
}

customElements.define("run-history", RunHistory);
