// <runs-actions>: what is done to the runs that are selected.

import { post } from "../api.js";
import { formatCount } from "../lib/numbers.js";
import { selectionOf } from "../lib/runs.js";
import { countOf, NOTHING } from "../lib/selection.js";
import { announce } from "./announcer.js";
import { make, setText, show } from "./dom.js";
import { Menu } from "./menu.js";

const MOST_COMPARED = 100;
const MOST_IN_AN_ADDRESS = 200;
const ACTIONS = [
  ["cancel", "Cancel", "state-cancelled"],
  ["pause", "Pause", "state-paused"],
  ["resume", "Resume", "state-running"],
  ["retry", "Retry", "refresh"],
  ["pin", "Pin", "plus"],
  ["unpin", "Unpin", "close"],
];
const NAMES = { ...Object.fromEntries(ACTIONS), archive: "Archive", unarchive: "Unarchive", delete: "Delete" };
const CONSEQUENCES = {
  delete: "Everything they recorded goes with them: metrics, inner solves, logs and files. Jobs that are under way stay; cancel them first. This cannot be undone; archived runs can be brought back.",
  cancel: "Those that wait leave the queue at once; those that are under way end within seconds. What they have recorded stays, and they can be retried later.",
};
const DONE = { tag: "tagged", untag: "untagged", archive: "archived", unarchive: "brought back", pin: "pinned", unpin: "unpinned", cancel: "told to stop", pause: "told to pause", resume: "going on", retry: "queued again", delete: "deleted" };
const SHOWN_REFUSALS = 50;

class RunsActions extends HTMLElement {
  #selection = NOTHING;
  #total = 0;
  #loaded = [];
  #view = null;
  #bound = new AbortController();

  connectedCallback() {
    const { signal } = this.#bound;
    const on = (name, act) => this.#part(name).addEventListener("click", act, { signal });
    on("deselect", () => this.#select(NOTHING));
    on("take-all", () => this.#select({ ids: this.#loaded, all: true, anchor: null }));
    on("archive", () => this.#act(this.#view.archived === "true" ? "unarchive" : "archive"));
    on("tag", () => this.#askTags("tag"));
    on("delete", () => this.#act("delete"));
    new Menu(this.#part("more-actions"), this.querySelector("[role=menu]"), () => this.#items(), signal);
    this.#part("tagging").querySelector("form").addEventListener("submit", (event) => this.#tag(event), { signal });
    for (const button of this.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close(), { signal });
  }

  disconnectedCallback() {
    this.#bound.abort();
  }

  /** `canTakeAll`: whether more than is loaded can be selected. */
  show({ selection, total, loaded, view, canTakeAll }) {
    this.#selection = selection;
    this.#total = total;
    this.#loaded = loaded;
    this.#view = view;
    const count = this.#count;
    show(this.#part("bar"), count > 0);
    setText(this.#part("selected"), `${runs(count)} selected`);
    const isLoadedAll = loaded.length > 1 && loaded.every((id) => selection.ids.includes(id));
    show(this.#part("take-all"), canTakeAll && !selection.all && isLoadedAll && total > loaded.length);
    setText(this.#part("take-all"), `Select all ${formatCount(total)}`);
    setText(this.#part("archive"), view.archived === "true" ? "Unarchive" : "Archive");
    this.#showCompare(count);
  }

  get #count() {
    return countOf(this.#selection, this.#total);
  }

  #showCompare(count) {
    const link = this.#part("compare");
    const ready = !this.#selection.all && count >= 2 && count <= MOST_COMPARED;
    if (ready) link.setAttribute("href", `/compare?runs=${this.#selection.ids.join(",")}`);
    else link.removeAttribute("href");
    link.setAttribute("aria-disabled", String(!ready));
    const isMany = this.#selection.all || count > MOST_COMPARED;
    setText(this.#part("hint"), count === 1 ? "Select another one to compare." : isMany ? `At most ${MOST_COMPARED} can be compared.` : "");
  }

  #select(selection, reload = false) {
    this.dispatchEvent(new CustomEvent("selection:change", { bubbles: true, detail: { selection, reload } }));
  }

  #items() {
    const plain = ACTIONS.map(([action, text, sign]) => ({ text, icon: sign, act: () => this.#act(action) }));
    const isFile = this.#selection.all || this.#count <= MOST_IN_AN_ADDRESS;
    const why = isFile ? "" : `: select all, or at most ${MOST_IN_AN_ADDRESS}`;
    const files = ["csv", "json"].map((kind) => ({ text: `Download as ${kind.toUpperCase()}${why}`, icon: "download", isDisabled: !isFile, href: isFile ? this.#file(kind) : undefined, download: `runs.${kind}` }));
    return [...plain, { text: "Remove tags …", icon: "close", act: () => this.#askTags("untag") }, ...files];
  }

  #file(kind) {
    const columns = ["id", "name", ...this.#view.columns.filter((name) => name !== "curve")].join(",");
    const which = this.#selection.all ? selectionOf(this.#view) : { runs: this.#selection.ids.join(","), archived: "all" };
    return `/api/v1/runs/table.${kind}?${new URLSearchParams({ ...which, sort: this.#view.sort, columns })}`;
  }

  #askTags(action) {
    const dialog = this.#part("tagging");
    dialog.dataset.action = action;
    setText(dialog.querySelector("h2"), action === "tag" ? `Tag ${runs(this.#count)}` : `Remove tags from ${runs(this.#count)}`);
    dialog.querySelector("input").value = "";
    dialog.showModal();
  }

  #tag(event) {
    const dialog = this.#part("tagging");
    const tags = dialog.querySelector("input").value.split(",").map((tag) => tag.trim()).filter(Boolean);
    if (tags.length === 0) return event.preventDefault();
    this.#do(dialog.dataset.action, { tags });
  }

  /** Do it. What ends runs, or is done to runs that are not seen, asks first. */
  async #act(action) {
    if ((action in CONSEQUENCES || this.#selection.all) && !(await this.#isConfirmed(action))) return;
    await this.#do(action);
  }

  #isConfirmed(action) {
    const dialog = this.#part("confirm");
    setText(dialog.querySelector("h2"), `${NAMES[action]} ${runs(this.#count)}?`);
    const everything = this.#selection.all ? "These are all that pass the filter, also those that are not shown. " : "";
    setText(this.#part("consequence"), `${everything}${CONSEQUENCES[action] ?? ""}`);
    const button = this.#part("go");
    setText(button, `${NAMES[action]} ${runs(this.#count)}`); // "Cancel" alone might be the way out
    button.className = `button ${action in CONSEQUENCES ? "danger solid" : "primary"}`;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "go"), { once: true }));
  }

  async #do(action, more = {}) {
    const which = this.#selection.all ? { archived: "false", ...selectionOf(this.#view), expected: this.#total } : { runs: this.#selection.ids };
    this.toggleAttribute("data-busy", true);
    setText(this.#part("selected"), "Working …");
    try {
      const { done, refused } = await post("/runs/actions", { action, ...more, ...which });
      if (refused.length > 0) this.#tell(refused);
      announce(`${runs(done)} ${DONE[action]}`);
      const leaves = ["archive", "unarchive", "delete"].includes(action);
      this.#select(leaves ? NOTHING : this.#selection, leaves || this.#selection.all);
    } catch (error) {
      announce(error.message);
      this.#select(this.#selection);
    }
    this.toggleAttribute("data-busy", false);
  }

  #tell(refused) {
    const dialog = this.#part("refused");
    setText(dialog.querySelector("h2"), `${runs(refused.length)} could not be changed`);
    const items = refused.slice(0, SHOWN_REFUSALS).map(({ run, reason }) => make("li", {}, make("a", { href: `/runs/${run}` }, run.slice(-8)), ` ${reason}`));
    if (refused.length > SHOWN_REFUSALS) items.push(make("li", {}, `and ${refused.length - SHOWN_REFUSALS} more`));
    dialog.querySelector("ul").replaceChildren(...items);
    dialog.showModal();
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

function runs(count) {
  return count === 1 ? "1 run" : `${formatCount(count)} runs`;
}

customElements.define("runs-actions", RunsActions);
