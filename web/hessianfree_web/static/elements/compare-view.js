// <compare-view>: keeps the address and the view of the compare page the same, so back, forward and reload work. It stands
// behind all elements of the page: what it says first, they hear.

import { get } from "../api.js";
import { comparisonFrom, comparisonSearch } from "../lib/comparison.js";
import { pageData } from "./page-data.js";

const PASSING_MILLISECONDS = 250;

class CompareView extends HTMLElement {
  #asked = comparisonFrom(location.search).runs.join();
  #view = this.#shown();
  #groups = pageData().groups;
  #asking = null;
  #timer = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    document.addEventListener("comparison:change", ({ detail }) => this.#go(detail), { signal });
    window.addEventListener("popstate", () => this.#return(), { signal });
    this.#tell();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#asking?.abort();
    clearTimeout(this.#timer);
  }

  #go({ changes, passing }) {
    const before = this.#view;
    this.#view = { ...before, ...changes };
    clearTimeout(this.#timer);
    if (passing) {
      // A slider in motion: one place in the history, and no request for every value on the way.
      this.#timer = setTimeout(() => this.#arrive(before, "replaceState"), PASSING_MILLISECONDS);
      return;
    }
    this.#arrive(before, "pushState");
  }

  #arrive(before, how) {
    history[how](null, "", `${location.pathname}${comparisonSearch(this.#view)}`);
    this.#show(before);
  }

  #return() {
    const before = this.#view;
    const view = comparisonFrom(location.search);
    if (![this.#asked, before.runs.join()].includes(view.runs.join())) {
      location.reload();
      return;
    }
    this.#view = this.#shown();
    this.#show(before);
  }

  /** What the address says, of the runs that there are. */
  #shown() {
    const known = pageData().runs.map(({ id }) => id);
    const { hidden, ...view } = comparisonFrom(location.search);
    return { ...view, runs: known, hidden };
  }

  async #show(before) {
    if (this.#view.group !== before.group) await this.#regroup();
    this.#tell();
  }

  async #regroup() {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const { runs, group } = this.#view;
    if (!group) {
      this.#groups = [];
      return;
    }
    try {
      const query = new URLSearchParams({ runs: runs.join(","), group });
      this.#groups = (await get(`/comparisons/groups?${query}`, { signal: asking.signal })).items;
    } catch (error) {
      if (error.name !== "AbortError") this.#groups = [];
    }
  }

  #tell() {
    const detail = { view: this.#view, groups: this.#view.group ? this.#groups : [] };
    document.dispatchEvent(new CustomEvent("comparison:view", { detail }));
  }
}

customElements.define("compare-view", CompareView);
