// The runs that pass a view, as far as they are loaded, in the server's order. Knows nothing of how they are shown.

import { listQuery, PAGE } from "./runs.js";

const LOOKED_AT = 20; // runs, to find new ones among
const MOST = 200; // that the server gives at once

export class RunList {
  #view;
  #get;
  #runs = new Map();
  #cursor = null;
  #total = 0;
  #isLoaded = false;
  #asking = null;

  /** The list of `view`, asked for by `get(path, {signal})`; `page`: its first page, where it is known already. */
  constructor(view, get, page = null) {
    this.#view = view;
    this.#get = get;
    if (page) this.#replace(page.items, page);
  }

  /** Whether it was ever known what passes. */
  get isLoaded() {
    return this.#isLoaded;
  }

  get runs() {
    return this.#runs.values();
  }

  /** How many pass, loaded or not. */
  get total() {
    return this.#total;
  }

  get hasMore() {
    return this.#cursor !== null;
  }

  /** Fetch the first page; as many runs as are loaded are loaded again. An earlier call that is still under way is given up. */
  async load() {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const wanted = Math.max(PAGE, this.#runs.size);
    const found = [];
    let page = { next_cursor: null };
    do {
      page = await this.#get(`/runs?${listQuery(this.#view, page.next_cursor, Math.min(MOST, wanted - found.length))}`, { signal });
      signal.throwIfAborted();
      found.push(...page.items);
    } while (page.next_cursor !== null && found.length < wanted);
    this.#replace(found, page);
  }

  /** Fetch the next page. */
  async more() {
    if (this.#cursor === null) return;
    const cursor = this.#cursor;
    const page = await this.#get(`/runs?${listQuery(this.#view, cursor)}`);
    if (cursor === this.#cursor) this.#take(page.items, page);
  }

  /** A run has changed: its row stays where it is. Whether it is one of these. */
  update(run) {
    if (!this.#runs.has(run.id)) return false;
    this.#runs.set(run.id, run);
    return true;
  }

  /** A run has gone. */
  remove(id) {
    if (this.#runs.delete(id)) this.#total = Math.max(0, this.#total - 1);
  }

  /**
   * Whether there are runs that were not there when the list was loaded: how many. With `take` they come in at the top, where the order
   * is by age and they belong there.
   */
  async news({ take }) {
    const page = await this.#get(`/runs?${listQuery(this.#view, null, LOOKED_AT)}`);
    const young = page.items.findIndex(({ id }) => this.#runs.has(id));
    const fresh = page.items.slice(0, young < 0 ? page.items.length : young);
    const isOnTop = this.#view.sort === "-created" && fresh.length < LOOKED_AT;
    if (!isOnTop || !take) return Math.max(page.total - this.#total, isOnTop ? fresh.length : 0);
    this.#runs = new Map([...fresh.map((run) => [run.id, run]), ...this.#runs]);
    this.#total = page.total;
    return 0;
  }

  #replace(items, page) {
    this.#runs.clear();
    this.#take(items, page);
    this.#isLoaded = true;
  }

  #take(items, { next_cursor: cursor, total }) {
    for (const run of items) if (!this.#runs.has(run.id)) this.#runs.set(run.id, run);
    this.#cursor = cursor;
    this.#total = total;
  }
}
