import assert from "node:assert/strict";
import { test } from "node:test";

import { arrange, choices, matches, nextSort, problemOf, searchOf, viewFrom } from "../../web/hessianfree_web/static/lib/runs.js";
import { fractionDone, hasEnded, mayBeAdjusted, mayGoOn, mayPause, shownState, stateLabel } from "../../web/hessianfree_web/static/lib/states.js";

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
const loss = (last) => ({ summary: { loss: { last, min: last } } });
const view = (more) => ({ ...viewFrom(""), ...more });
const ids = (runs) => runs.map(({ id }) => id);

test("every word must occur somewhere; letters' case does not matter", () => {
  const digits = run("01", { name: "Digits, Hessian-free", tags: ["paper"] });
  assert.ok(matches(digits, view({ q: "hessian  DIGITS" })));
  assert.ok(matches(digits, view({ q: "paper adam" })));
  assert.ok(!matches(digits, view({ q: "digits sgd" })));
});

test("filters by the state that is shown, problem and optimizer", () => {
  const stale = run("01", { state: "running", stale: true });
  assert.ok(matches(stale, view({ state: "stale" })));
  assert.ok(!matches(stale, view({ state: "running" })));
  assert.ok(!matches(stale, view({ problem: "beale" })));
  assert.ok(matches(stale, view({ optimizer: "adam" })));
});

test("runs without a finite loss come last either way, equals youngest first", () => {
  const runs = [run("1", loss(2)), run("2", loss("NaN")), run("3"), run("4", loss(1)), run("5", loss(2))];
  assert.deepEqual(ids(arrange(runs, view({ sort: "loss" }))), ["4", "5", "1", "3", "2"]);
  assert.deepEqual(ids(arrange(runs, view({ sort: "-loss" }))), ["5", "1", "4", "3", "2"]);
});

test("age sorts the youngest first, and a second click turns the order round", () => {
  const runs = [run("1"), run("2", { created_at: "2026-03-02T00:00:00Z" })];
  assert.deepEqual(ids(arrange(runs, view({ sort: "age" }))), ["2", "1"]);
  assert.equal(nextSort("age", "loss"), "loss");
  assert.equal(nextSort("loss", "loss"), "-loss");
  assert.equal(nextSort("-loss", "loss"), "loss");
});

test("the address holds what differs from the default, and nonsense in it is ignored", () => {
  assert.equal(searchOf(viewFrom("")), "");
  const asked = viewFrom("?q=a%20b&state=failed&sort=-best&unknown=1");
  assert.deepEqual([asked.q, asked.state, asked.sort], ["a b", "failed", "-best"]);
  assert.deepEqual(viewFrom(searchOf(asked)), asked);
  assert.equal(viewFrom("?sort=__proto__").sort, "age");
});

test("a filter offers what is there, once", () => {
  assert.deepEqual(choices([run("1"), run("2"), run("3", { spec: { problem: "beale" } }), run("4", { spec: {} })], problemOf), ["beale", "rosenbrock"]);
});

test("states are shown with what the stored state does not say", () => {
  assert.equal(shownState({ state: "running", stop_requested: true, stale: true }), "stopping");
  assert.equal(shownState({ state: "completed", stale: true }), "completed");
  assert.equal(stateLabel("failed", "out_of_memory"), "Failed: out of memory");
  assert.equal(stateLabel("completed"), "Completed");
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
