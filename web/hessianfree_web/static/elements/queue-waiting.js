// <queue-waiting>: the jobs that wait, in the order of claims; moved by dragging and by buttons.

import { get, post } from "../api.js";
import { listen } from "../events.js";
import { moveBetween, moved, rangeText } from "../lib/queue.js";
import { setText, show } from "./dom.js";
import { pageData } from "./page-data.js";
import { act, attempt } from "./queue-actions.js";
import { RowDrag } from "./queue-drag.js";
import { QueueRow } from "./queue-row.js";

const FETCH_MILLISECONDS = 1000; // between two looks at a queue that changes
const PROGRESS_MILLISECONDS = 4000; // where only what runs has come further
const LOOK_MILLISECONDS = 15_000; // estimates change by themselves

class QueueWaiting extends HTMLElement {
  #data = pageData();
  #queue = this.#data.queue;
  #start = this.#data.start;
  #rows = new Map(); // run id -> QueueRow
  #isHeld = false; // a row is being dragged: nothing may move under it
  #fetched = 0;
  #due = null; // when it will be fetched next
  #timer = null;
  #looking = null;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    new RowDrag(this.#body, ".queue-handle", { drop: (from, to) => this.#move(from, to), isBusy: (is) => this.#hold(is), signal });
    listen("run", (run) => this.#heard(run), signal);
    for (const kind of ["workers", "removed"]) listen(kind, () => this.#fetchSoon(), signal);
    listen("state", ({ returned }) => returned && this.#fetchSoon(), signal);
    for (const [part, step] of [["previous", -1], ["next", 1]]) {
      this.#part(part).addEventListener("click", () => this.#turn(this.#start + step * this.#data.limit), { signal });
    }
    addEventListener("popstate", () => this.#show(Number(new URLSearchParams(location.search).get("start")) || 1), { signal });
    this.#looking = setInterval(() => document.hidden || this.#fetchSoon(), LOOK_MILLISECONDS);
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
  }

  #heard(run) {
    if (run.kind !== "job") return;
    if (run.state === "queued" || this.#rows.has(run.id)) this.#fetchSoon();
    else if (this.#queue.waiting > 0) this.#fetchSoon(PROGRESS_MILLISECONDS);
  }

  #fetchSoon(pause = FETCH_MILLISECONDS) {
    const due = Math.max(Date.now(), this.#fetched + pause);
    if (this.#due !== null && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#fetch(), due - Date.now());
  }

  async #fetch() {
    clearTimeout(this.#timer);
    this.#due = null;
    const asked = Date.now();
    this.#fetched = asked;
    try {
      const queue = await get(`/queue?start=${this.#start}&limit=${this.#data.limit}`);
      // Otherwise a later answer is on its way, or is asked for when the row that is dragged has been let go.
      if (this.#fetched === asked && !this.#isHeld) this.#queue = queue;
    } catch {
      // The stream has the same trouble, and the connection's state says so.
    }
    if (!this.#isHeld) this.#draw();
  }

  #hold(isHeld) {
    this.#isHeld = isHeld;
    if (!isHeld) this.#fetchSoon();
  }

  #draw() {
    const { items, waiting } = this.#queue;
    const rows = items.map((place) => {
      const row = this.#rows.get(place.run.id) ?? new QueueRow(this.#part("row"), (action, run) => this.#act(action, run));
      this.#rows.set(place.run.id, row);
      row.showPlace(place, waiting);
      return row.element;
    });
    const shown = new Set(items.map((place) => place.run.id));
    for (const id of this.#rows.keys()) if (!shown.has(id)) this.#rows.delete(id);
    this.#arrange(rows);
    show(this.#part("none"), waiting === 0);
    show(this.querySelector(".scroll"), items.length > 0);
    setText(this.#part("range"), rangeText(this.#start, items.length, waiting));
    show(this.#part("pager"), this.#start > 1 || waiting > items.length);
    this.#part("previous").disabled = this.#start <= 1;
    this.#part("next").disabled = this.#start + this.#data.limit > waiting;
  }

  /** Rows in this order; only those that have to are moved, and the focus stays. */
  #arrange(rows) {
    const focused = this.contains(document.activeElement) ? document.activeElement : null;
    rows.forEach((row, index) => this.#body.rows[index] === row || this.#body.insertBefore(row, this.#body.rows[index] ?? null));
    while (this.#body.rows.length > rows.length) this.#body.lastElementChild.remove();
    if (focused && focused.isConnected && document.activeElement !== focused) focused.focus();
  }

  #act(action, run) {
    const ids = this.#ids;
    const at = ids.indexOf(run.id);
    if (action === "first") return this.#request(run, { to: "first" });
    if (action === "up") return at > 0 ? this.#move(at, at - 1) : this.#beyond(run, -1);
    if (action === "down") return at < ids.length - 1 ? this.#move(at, at + 2) : this.#beyond(run, 1);
    return act(this, action, run);
  }

  get #ids() {
    return this.#queue.items.map((place) => place.run.id);
  }

  /** The row at `from` to before the one at `to`: shown at once, and put right by the answer. */
  #move(from, to) {
    const ids = this.#ids;
    const target = moveBetween(ids, from, to);
    if (!target) return;
    const { run } = this.#queue.items[from];
    const places = new Map(this.#queue.items.map((place) => [place.run.id, place]));
    const items = moved(ids, from, to).map((id, index) => ({ ...places.get(id), position: this.#start + index }));
    this.#queue = { ...this.#queue, items };
    this.#draw();
    this.#request(run, target);
  }

  /** Past the end of the page that is shown: the neighbour is on the next one. */
  async #beyond(run, direction) {
    const position = direction < 0 ? this.#start - 1 : this.#start + this.#queue.items.length;
    await attempt(this, async () => {
      const [neighbour] = (await get(`/queue?start=${position}&limit=1`)).items;
      if (neighbour) await this.#request(run, direction < 0 ? { before: neighbour.run.id } : { after: neighbour.run.id });
    });
  }

  async #request(run, target) {
    if (await attempt(this, () => post(`/jobs/${run.id}/move`, target))) {
      await this.#fetch();
      const place = this.#queue.items.find((each) => each.run.id === run.id);
      setText(this.#part("said"), place ? `${run.name} is number ${place.position} of ${this.#queue.waiting} now.` : `${run.name} is on another page now.`);
    } else this.#fetchSoon();
  }

  #turn(start) {
    const wanted = Math.max(1, start);
    history.pushState(null, "", wanted > 1 ? `?start=${wanted}` : location.pathname);
    this.#show(wanted);
  }

  #show(start) {
    this.#start = start;
    this.#fetch();
  }

  get #body() {
    return this.querySelector("tbody");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("queue-waiting", QueueWaiting);
