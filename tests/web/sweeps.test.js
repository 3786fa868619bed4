import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bestFirst,
  compareAddress,
  describeBase,
  describeObjective,
  describePruning,
  describeSearch,
  endedOf,
  formatParam,
  isBeyondForm,
  nextOrder,
  parts,
  searchOfView,
  shortName,
  viewOf,
} from "../../web/hessianfree_web/static/lib/sweeps.js";
import { Throttle } from "../../web/hessianfree_web/static/lib/throttle.js";

const DAMPING = "optimizer_params.damping";
const ROUNDS = "optimizer_params.cg_max_iter";
const STEPS = "budget.steps";
const spec = (more = {}) => ({
  search: { method: "tpe", space: { [DAMPING]: {}, [ROUNDS]: {}, [STEPS]: {} } },
  objective: { metric: "loss", goal: "minimize", at: "last", target: null },
  seeds: null,
  ...more,
});

test("a search and what it wants are told in words", () => {
  assert.equal(describeSearch({ total: 40, spec: spec() }), "TPE, 40 trials");
  assert.equal(describeSearch({ total: 1, spec: spec({ seeds: [1, 2] }) }), "TPE, 1 trial with 2 seeds each");
  assert.equal(describeObjective(spec().objective), "minimize the last loss");
  const until = { metric: "accuracy", goal: "maximize", at: "best", target: 0.99 };
  assert.equal(describeObjective(until), "maximize the best accuracy, until 0.9900");
});

test("what is trained, and where a trial was pruned, is told in words; a form of one job says no conditions", () => {
  const pruning = { after: 10, factor: 3, of: "steps" };
  const space = { optimizer: { choices: ["adam", "sgd"] }, adam_lr: { path: "optimizer_params.lr", when: { optimizer: ["adam"] } } };
  const rivals = { ...spec({ search: { method: "tpe", space, pruning } }), base: { problem: "bowl", optimizer: "adam" } };
  assert.equal(describeBase(rivals), "adam, sgd on bowl");
  assert.equal(describeBase({ ...spec(), base: rivals.base }), "adam on bowl");
  assert.equal(describeSearch({ total: 40, spec: rivals }), "TPE, 40 trials, pruned from 10 steps on");
  const rungs = [{ at: 10, value: 3 }, { at: 30, value: 0.5 }];
  assert.equal(describePruning({ state: "pruned", rungs }, rivals), "at 30 steps with 0.5000");
  assert.equal(describePruning({ state: "completed", rungs }, rivals), "");
  assert.ok(isBeyondForm(rivals));
  assert.ok(!isBeyondForm(spec()));
  assert.ok(isBeyondForm(spec({ search: { space: { [DAMPING]: { when: { dtype: ["float32"] } } } } })));
});

test("parameters and values are written as short as they can be read", () => {
  assert.deepEqual(["round", null, true].map(formatParam), ["round", "null", "true"]);
  assert.deepEqual([0.1, 0.10204, 1e-7, 120, 1.5e9, undefined].map(formatParam), ["0.1", "0.102", "1e−7", "120", "1.5e9", "–"]);
  assert.equal(shortName(DAMPING, [DAMPING, ROUNDS]), "damping");
  assert.equal(shortName("a.size", ["a.size", "b.size"]), "a.size");
});

test("the parts of a sweep add up to all there will be; what is not asked for yet is to come", () => {
  const sweep = { total: 10, trials: { queued: 1, running: 1, completed: 3, pruned: 1, failed: 1, cancelled: 0 } };
  const found = parts(sweep);
  assert.deepEqual(found.map(({ state, count }) => [state, count]), [["completed", 3], ["pruned", 1], ["failed", 1], ["cancelled", 0], ["running", 1], ["queued", 4]]);
  assert.ok(Math.abs(found.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-12);
  assert.equal(endedOf(sweep), 5);
  assert.ok(parts({ total: 0, trials: {} }).every(({ share }) => share === 0));
});

test("the best come first, and a second click turns an order round", () => {
  assert.equal(bestFirst(spec()), "value");
  assert.equal(bestFirst(spec({ objective: { goal: "maximize" } })), "-value");
  assert.equal(nextOrder("value", "value"), "-value");
  assert.equal(nextOrder("-value", "value"), "value");
  assert.equal(nextOrder("value", DAMPING), DAMPING);
});

test("the address keeps a view, and only what is not so anyway", () => {
  const usual = viewOf("", spec());
  assert.deepEqual(usual, { sort: "value", x: DAMPING, y: ROUNDS, logs: {} });
  assert.equal(searchOfView(usual, spec()), "");
  const view = { sort: `-${STEPS}`, x: STEPS, y: ROUNDS, logs: { "slice-2": true, history: false } };
  const address = searchOfView(view, spec());
  assert.ok(address.endsWith("&scale=slice-2,-history"));
  assert.deepEqual(viewOf(address, spec()), view);
  assert.equal(searchOfView({ ...usual, x: ROUNDS, y: DAMPING }, spec()), `?x=${encodeURIComponent(ROUNDS)}`);
  assert.deepEqual(viewOf("?sort=colour&x=nothing&y=<b>&scale=map,-,slice-x", spec()), usual);
});

test("a sweep of one parameter has no second axis to choose", () => {
  const one = spec({ search: { method: "grid", space: { [DAMPING]: {} } } });
  assert.deepEqual(viewOf("", one), { sort: "value", x: DAMPING, y: DAMPING, logs: {} });
});

test("trials lead to their runs, at most as many as can be compared", () => {
  const trials = Array.from({ length: 60 }, (_, n) => ({ runs: [{ id: `a${n}` }, { id: `b${n}` }] }));
  assert.equal(compareAddress(trials.slice(0, 2)), "/compare?runs=a0,b0,a1,b1");
  assert.equal(compareAddress(trials).split(",").length, 100);
});

test("what is asked for often is done now and then, once more after the last time, and never twice at once", async () => {
  const done = [];
  let under = 0;
  const throttle = new Throttle(async () => {
    under += 1;
    done.push(under);
    await new Promise((end) => setTimeout(end, 15));
    under -= 1;
  }, 5);
  for (let n = 0; n < 10; n += 1) throttle.ask();
  await new Promise((end) => setTimeout(end, 8));
  throttle.ask();
  throttle.ask();
  await new Promise((end) => setTimeout(end, 120));
  assert.deepEqual(done, [1, 1]);
  throttle.ask();
  throttle.stop();
  await new Promise((end) => setTimeout(end, 30));
  assert.equal(done.length, 2);
});
