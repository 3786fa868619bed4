import assert from "node:assert/strict";
import { test } from "node:test";

import { RunGroups } from "../../web/hessianfree_web/static/lib/run-groups.js";
import { RunList } from "../../web/hessianfree_web/static/lib/run-list.js";
import { viewFrom } from "../../web/hessianfree_web/static/lib/runs.js";

/** A server with the runs `made` (youngest first; of one optimizer each), as far as lists and groups ask for them. */
function server(made) {
  const asked = [];
  return {
    asked,
    get(path, { signal } = {}) {
      signal?.throwIfAborted();
      asked.push(path);
      const query = new URL(path, "http://lab").searchParams;
      if (path.startsWith("/runs/groups")) {
        const keys = [...new Set(made.map(({ optimizer }) => optimizer))].sort();
        const items = keys.map((key) => ({ key, filter: `optimizer = ${key}`, count: made.filter(({ optimizer }) => optimizer === key).length, values: {} }));
        return Promise.resolve({ items, total: items.length });
      }
      const group = query.get("filter")?.split(" = ")[1];
      const found = made.filter(({ optimizer }) => !group || optimizer === group);
      const from = Number(query.get("cursor") ?? 0);
      const to = from + Number(query.get("limit"));
      assert.ok(to - from <= 200, "the server gives at most 200 at once");
      return Promise.resolve({ items: found.slice(from, to), total: found.length, next_cursor: to < found.length ? String(to) : null });
    },
  };
}

const many = (count, optimizer = "adam", name = "run") => Array.from({ length: count }, (_, place) => ({ id: `${name}-${place}`, optimizer }));
const ids = (list) => [...list.runs].map(({ id }) => id);

test("as many runs as were loaded are loaded again, and the next page goes on behind them", async () => {
  const made = many(600);
  const { get, asked } = server(made);
  const list = new RunList(viewFrom(""), get);
  assert.ok(!list.isLoaded);
  await list.load();
  for (let page = 1; page < 9; page += 1) await list.more();
  assert.deepEqual([list.isLoaded, ids(list).length, list.total], [true, 450, 600]);
  made.unshift({ id: "fresh", optimizer: "sgd" });
  asked.length = 0;
  await list.load();
  assert.deepEqual(ids(list), ["fresh", ...many(449).map(({ id }) => id)]);
  assert.equal(asked.length, 3);
  await list.more();
  assert.equal(ids(list).length, 500);
  assert.equal(new Set(ids(list)).size, 500);
});

test("a failed load leaves what was loaded, and a newer one gives up the older", async () => {
  const { get } = server(many(60));
  let fails = false;
  const list = new RunList(viewFrom(""), (...args) => (fails ? Promise.reject(new Error("no answer")) : get(...args)));
  await list.load();
  fails = true;
  await assert.rejects(list.load(), /no answer/);
  assert.deepEqual([list.isLoaded, ids(list).length], [true, 50]);
  fails = false;
  const [older, newer] = await Promise.allSettled([list.load(), list.load()]);
  assert.equal(older.reason.name, "AbortError");
  assert.equal(newer.status, "fulfilled");
});

test("an open group gets its new runs, those that have not changed are not asked for", async () => {
  const made = [...many(3, "adam", "a"), ...many(2, "sgd", "s")];
  const { get, asked } = server(made);
  const groups = new RunGroups({ ...viewFrom(""), group: "optimizer" }, ["loss.min"], get);
  await groups.load();
  await groups.toggle("optimizer = adam");
  await groups.toggle("optimizer = sgd");
  assert.deepEqual([groups.total, groups.left, ids(groups)], [5, 0, ["a-0", "a-1", "a-2", "s-0", "s-1"]]);
  made.unshift({ id: "a-new", optimizer: "adam" });
  asked.length = 0;
  await groups.recount();
  assert.deepEqual(ids(groups).slice(0, 2), ["a-new", "a-0"]);
  assert.equal(asked.length, 2);
  await groups.load();
  assert.equal(asked.length, 5);
  await groups.toggle("optimizer = adam");
  assert.deepEqual(groups.groups.map(({ list }) => list !== null), [false, true]);
});

test("a group that cannot be opened stays closed; one that is loaded anew meanwhile stays open", async () => {
  const { get } = server(many(3));
  let fails = false;
  let slow = Promise.resolve();
  const groups = new RunGroups({ ...viewFrom(""), group: "optimizer" }, [], async (...args) => {
    if (fails) throw new Error("no answer");
    const found = get(...args);
    await slow;
    return found;
  });
  await groups.load();
  fails = true;
  await assert.rejects(groups.toggle("optimizer = adam"), /no answer/);
  assert.equal(groups.groups[0].list, null);
  fails = false;
  let answer;
  slow = new Promise((resolve) => (answer = resolve));
  const opening = groups.toggle("optimizer = adam");
  slow = Promise.resolve();
  const loading = groups.load();
  await new Promise(setImmediate);
  answer();
  assert.deepEqual((await Promise.allSettled([opening, loading])).map(({ status }) => status), ["rejected", "fulfilled"]);
  assert.equal(ids(groups).length, 3);
});
