// The runs that pass a view by groups, and the runs of those groups that are open. Knows nothing of how they are shown.

import { RunList } from "./run-list.js";
import { selectionOf } from "./runs.js";

export class RunGroups {
  #view;
  #metrics;
  #get;
  #groups = [];
  #total = 0;
  #isLoaded = false;
  #open = new Map(); // filter of a group -> RunList
  #asking = null;

  /** The groups of `view`, with the spread of `metrics`, asked for by `get(path, {signal})`. */
  constructor(view, metrics, get) {
    this.#view = view;
    this.#metrics = metrics;
    this.#get = get;
  }

  /** Whether it was ever known which there are. */
  get isLoaded() {
    return this.#isLoaded;
  }

  /** `[{key, filter, count, values, list}]` in order; `list`: its runs, null while it is closed. */
  get groups() {
    return this.#groups.map((group) => ({ ...group, list: this.#open.get(group.filter) ?? null }));
  }

  /** How many groups there are beside these. */
  get left() {
    return this.#total - this.#groups.length;
  }

  /** How many runs are in the groups. A run with two tags is in two groups of tags. */
  get total() {
    return this.#groups.reduce((sum, { count }) => sum + count, 0);
  }

  /** The runs that are shown, in order. */
  get runs() {
    return this.groups.flatMap(({ list }) => [...(list?.runs ?? [])]);
  }

  /** Fetch the groups, and the runs of the open ones. An earlier call that is still under way is given up. */
  load() {
    return this.#load(() => true);
  }

  /** Count anew, and fetch the runs of open groups that have other runs than before. */
  recount() {
    return this.#load(({ count, list }) => count !== list.total);
  }

  update(run) {
    return [...this.#open.values()].map((list) => list.update(run)).some(Boolean);
  }

  remove(id) {
    for (const list of this.#open.values()) list.remove(id);
  }

  /** Open the group, or close it. */
  async toggle(filter) {
    if (this.#open.delete(filter)) return;
    const list = new RunList({ ...this.#view, within: filter }, this.#get);
    this.#open.set(filter, list);
    try {
      await list.load();
    } catch (error) {
      // Given up for the sake of a newer request, it stays open.
      if (error.name !== "AbortError" && this.#open.get(filter) === list) this.#open.delete(filter);
      throw error;
    }
  }

  async #load(isOutdated) {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const sort = this.#metrics.includes(this.#view.sort.replace("-", "")) ? this.#view.sort : "key";
    const query = new URLSearchParams({ ...selectionOf(this.#view), by: this.#view.group, metrics: this.#metrics.join(","), sort });
    const { items, total } = await this.#get(`/runs/groups?${query}`, { signal });
    signal.throwIfAborted();
    this.#groups = items;
    this.#total = total;
    this.#isLoaded = true;
    for (const filter of this.#open.keys()) if (!items.some((group) => group.filter === filter)) this.#open.delete(filter);
    await Promise.all(this.groups.filter((group) => group.list && isOutdated(group)).map(({ list }) => list.load()));
  }
}
