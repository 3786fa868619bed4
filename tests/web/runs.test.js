import assert from "node:assert/strict";
import { test } from "node:test";

import { both, completions, isFilter, quoted } from "../../web/hessianfree_web/static/lib/filters.js";
import { columnOf, textOf, valueOf, widthOf } from "../../web/hessianfree_web/static/lib/run-columns.js";
import { DEFAULT_COLUMNS, isNarrowed, listQuery, nextSort, searchOf, selectionOf, viewFrom } from "../../web/hessianfree_web/static/lib/runs.js";
import { clicked, countOf, NOTHING, without } from "../../web/hessianfree_web/static/lib/selection.js";
import { sketch, sketchWords } from "../../web/hessianfree_web/static/lib/sparkline.js";
import { fractionDone, hasEnded, mayBeAdjusted, mayGoOn, mayPause, shownState, stateIcon, stateLabel } from "../../web/hessianfree_web/static/lib/states.js";

const run = (id, more = {}) => ({
  id,
  name: id,
  state: "completed",
  tags: [],
  created_at: "2026-03-01T00:00:00Z",
  spec: { problem: "rosenbrock", optimizer: "adam" },
  progress: { step: 1, steps: 4 },
  summary: {},
  ...more,
});
const FIELDS = {
  columns: [{ name: "state" }, { name: "optimizer" }],
  metrics: [{ name: "loss" }],
  settings: [{ name: "optimizer_params.lr" }, { name: "seed" }],
  problems: ["digits-mlp"],
  optimizers: ["adam", "my own"],
  tags: [],
};

test("the address holds what differs from the default, and a copied one shows the same", () => {
  assert.equal(searchOf(viewFrom("")), "");
  const asked = viewFrom("?q=loss.min+%3C+1&state=failed&sort=-loss.min&columns=seed,name,seed,loss.max&group=tag&unknown=1");
  assert.deepEqual([asked.q, asked.state, asked.sort, asked.columns, asked.group], ["loss.min < 1", "failed", "-loss.min", ["seed", "loss.max"], "tag"]);
  assert.deepEqual(viewFrom(searchOf(asked)), asked);
  assert.ok(searchOf(asked).includes("columns=seed,loss.max"));
  assert.deepEqual(viewFrom("?columns=").columns, []);
  assert.deepEqual(viewFrom("").columns, [...DEFAULT_COLUMNS]);
});

test("words are looked for, what compares is a filter", () => {
  for (const text of ["digits adam", "", "paper and more"]) assert.ok(!isFilter(text));
  for (const text of ["a=1", "tag : paper", "loss.min < 1"]) assert.ok(isFilter(text));
  assert.deepEqual(selectionOf({ ...viewFrom(""), q: " two words ", state: "stale" }), { q: "two words", state: "stale" });
  assert.deepEqual(selectionOf({ ...viewFrom(""), q: "a = 1", within: "b = 2 or c = 3" }), { filter: "(a = 1) and (b = 2 or c = 3)" });
  assert.deepEqual(selectionOf({ ...viewFrom(""), q: "words", within: "b = 2" }), { q: "words", filter: "b = 2" });
  assert.equal(listQuery({ ...viewFrom(""), sort: "-loss.min" }, "next"), "sort=-loss.min&limit=50&cursor=next");
  assert.ok(!isNarrowed(viewFrom("?sort=name&group=tag")) && isNarrowed(viewFrom("?archived=all")));
});

test("values are in quotes where they have to be", () => {
  assert.deepEqual(["adam", "a b", "and", "1e-3", 'say "x\\"'].map(quoted), ["adam", '"a b"', '"and"', '"1e-3"', '"say \\"x\\\\\\""']);
  assert.equal(both("", "a = 1"), "a = 1");
});

test("names are completed, and after an operator the values that are known", () => {
  const at = (text) => completions(text, text.length, FIELDS);
  assert.deepEqual(at("opt").options, ["optimizer", "optimizer_params.lr"]);
  assert.deepEqual(at("state = failed and lr").options, ["optimizer_params.lr"]);
  assert.deepEqual(at("(loss.m").options, ["loss.min", "loss.max"]);
  assert.deepEqual(at("state = di"), { start: 8, end: 10, options: ["diverged"] });
  assert.deepEqual(at("optimizer != ").options, ["adam", '"my own"']);
  assert.deepEqual(at("loss.min < ").options, []);
  assert.deepEqual(at("a = 1 and ").options, []);
  assert.deepEqual(completions("opt = 1", 2, FIELDS).end, 3);
});

test("a click on a head sorts up, then down, then as by default; ages begin with the youngest", () => {
  assert.deepEqual([nextSort("-created", "loss.min"), nextSort("loss.min", "loss.min"), nextSort("-loss.min", "loss.min")], ["loss.min", "-loss.min", "-created"]);
  assert.deepEqual([nextSort("name", "created"), nextSort("-created", "created"), nextSort("created", "created")], ["-created", "created", "-created"]);
});

test("columns know what a run has under any name", () => {
  const one = run("1", { summary: { loss: { last: "NaN", min: 0.25 } }, spec: { optimizer: "adam", config: { lr: 0.1, list: [1, 2] }, seed: 3 } });
  const shown = (name) => textOf(valueOf(one, name), columnOf(name).kind);
  assert.deepEqual(["loss.last", "loss.best", "eval.min", "optimizer", "problem", "seed", "config.lr", "spec.config.list", "config.list.0", "step"].map(shown), ["NaN", "0.2500", "–", "adam", "–", "3", "0.1", "[1,2]", "–", "1"]);
  assert.deepEqual(["loss.min", "eval_loss.min", "config.lr"].map((name) => columnOf(name).label), ["Best loss", "eval_loss least", "lr"]);
  assert.ok(!columnOf("tag").isSortable && !columnOf("curve").isSortable && columnOf("config.lr").isSortable);
  assert.ok(widthOf(DEFAULT_COLUMNS.map(columnOf)) <= 1218); // at 1280 pixels nothing scrolls sideways
});

test("a shift click takes everything since the last click along, either way", () => {
  const order = ["a", "b", "c", "d", "e"];
  const first = clicked(NOTHING, "d", true, { order });
  const range = clicked(first, "b", true, { shift: true, order });
  assert.deepEqual(range.ids, ["d", "b", "c"]);
  assert.deepEqual(clicked(range, "c", false, { shift: true, order }).ids, ["d"]);
  assert.deepEqual(clicked(first, "zz", true, { shift: true, order }).ids, ["d", "zz"]);
});

test("of all runs some can be left out, and then only those that are loaded remain", () => {
  const all = { ids: ["a", "b"], all: true, anchor: null };
  assert.equal(countOf(all, 9000), 9000);
  const some = clicked(all, "b", false, { order: ["a", "b", "c"] });
  assert.deepEqual([some.ids, some.all], [["a", "c"], false]);
  assert.deepEqual(without(some, "c").ids, ["a"]);
  assert.equal(without(some, "x"), some);
});

test("a curve is one line with gaps, and marks where values are not finite", () => {
  const found = sketch([1, 2, 3, 4, 5], [4, 2, "NaN", "Infinity", 0], 102, 24);
  assert.equal(found.path, "M1 2L26 12M101 22");
  assert.deepEqual(found.marks, [51, 76]);
  assert.ok(!found.isLog);
  assert.ok(sketch([1, 2], [1, 1e-3], 10, 10).isLog);
  assert.equal(sketch([7], [1], 10, 10).path, "M1 5h0.01");
  assert.equal(sketch([1, 2], [null, null], 10, 10), null);
  assert.deepEqual(sketch([1, 2], ["NaN", "NaN"], 10, 10).marks, [1, 9]);
  assert.equal(sketch([1, 1000], ["NaN", "NaN"], 6, 10).marks.length, 1);
});

test("a curve has words for those who do not see it", () => {
  assert.equal(sketchWords("loss", [1, 9], [2.3456, 0.5]), "loss from 2.35 to 0.5 in 9 steps");
  assert.equal(sketchWords("loss", [1, 9], [2, "NaN"]), "loss from 2 to not a finite number in 9 steps, not finite at times");
  assert.equal(sketchWords("loss", [], []), "No loss");
});

test("states are shown with what the stored state does not say", () => {
  assert.equal(shownState({ state: "running", stop_requested: true, stale: true }), "stopping");
  assert.equal(shownState({ state: "completed", stale: true }), "completed");
  assert.equal(stateLabel("failed", "out_of_memory"), "Failed: out of memory");
  assert.equal(stateLabel("completed"), "Completed");
  assert.equal(stateLabel("failed", "killed"), "Failed: killed");
  assert.deepEqual([stateIcon("failed", "killed"), stateIcon("failed", "lost"), stateIcon("failed", "error"), stateIcon("stale")], ["cause-killed", "cause-lost", "state-failed", "state-stale"]);
  assert.ok(hasEnded({ state: "cancelled" }));
  assert.ok(!hasEnded({ state: "paused" }));
});

test("progress is a fraction of the steps, none where steps do not end the run", () => {
  assert.equal(fractionDone({ progress: { step: 1, steps: 4 } }), 0.25);
  assert.equal(fractionDone({ progress: { step: 9, steps: 4 } }), 1);
  assert.equal(fractionDone({ progress: { step: 9, steps: null } }), null);
});

test("a run can be held back or told to go on, never both, and nothing once it is to end", () => {
  const can = (more) => [mayPause, mayGoOn, mayBeAdjusted].map((may) => may(run("1", more)));
  assert.deepEqual(can({ state: "queued" }), [true, false, true]);
  assert.deepEqual(can({ state: "running" }), [true, false, true]);
  assert.deepEqual(can({ state: "running", pause_requested: true }), [false, true, true]);
  assert.deepEqual(can({ state: "paused", pause_requested: true }), [false, true, true]);
  assert.deepEqual(can({ state: "paused", pause_requested: false }), [true, false, true]);
  assert.deepEqual(can({ state: "running", stop_requested: true }), [false, false, false]);
  assert.deepEqual(can({ state: "completed" }), [false, false, false]);
  assert.equal(shownState({ state: "running", pause_requested: true }), "pausing");
});
