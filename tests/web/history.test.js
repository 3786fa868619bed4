import assert from "node:assert/strict";
import { test } from "node:test";

import { effective, historyOf, settingsText } from "../../web/hessianfree_web/static/lib/history.js";

const attempt = (number, more = {}) => ({
  number,
  started_at: `2026-03-01T00:0${number}:00Z`,
  ended_at: null,
  outcome: null,
  error: null,
  first_step: 1,
  resumed_from: null,
  ...more,
});
const control = (number, more = {}) => ({
  number,
  kind: "set",
  settings: { damping: 0.5 },
  requested_at: `2026-03-01T00:0${number}:30Z`,
  requested_by: null,
  step: null,
  applied_at: null,
  error: null,
  ...more,
});
const texts = (entries) => entries.map(({ text }) => text);

test("attempts and controls stand in the order of time", () => {
  const lost = attempt(1, { ended_at: "2026-03-01T00:01:50Z", outcome: "lost", error: "Nothing was heard.\nTraceback" });
  const killed = attempt(1, { ended_at: "2026-03-01T00:01:50Z", outcome: "interrupted", cause: "killed" });
  assert.equal(historyOf([killed], [])[1].text, "Attempt 1 was killed");
  const entries = historyOf([lost, attempt(2, { resumed_from: 20 })], [control(1, { step: 7, applied_at: "2026-03-01T00:01:31Z" })]);
  assert.deepEqual(texts(entries), ["Attempt 1 began", "damping = 0.5", "Attempt 1 was lost", "Attempt 2 began, on from its checkpoint after step 20"]);
  assert.deepEqual(entries.map(({ step }) => step), [1, 8, null, 21]);
  assert.equal(entries[2].detail, "Nothing was heard.");
});

test("a later attempt without a checkpoint begins from scratch, one that has recorded nothing has no step", () => {
  const [again, idle] = historyOf([attempt(2), attempt(3, { first_step: null })], []);
  assert.deepEqual([again.text, again.step], ["Attempt 2 began, from scratch", 1]);
  assert.deepEqual([idle.text, idle.step], ["Attempt 3 began", null]);
});

test("what was asked says by whom, and whether it was done", () => {
  const entries = historyOf([], [control(1, { requested_by: "anna" }), control(2, { error: "No such option." }), control(3, { kind: "pause", settings: {} })]);
  assert.deepEqual(texts(entries), ["damping = 0.5, asked by anna", "damping = 0.5", "Pause"]);
  assert.deepEqual(entries.map(({ detail }) => detail), ["Waiting for the job", "Not done: No such option.", "Waiting for the job"]);
});

test("settings are named with dots, and a limit that was lifted as none", () => {
  assert.equal(settingsText({ lr: 1, budget: { steps: 50, seconds: null } }), "lr = 1, budget.steps = 50, budget.seconds = none");
});

test("what is in force is the spec with everything but refusals over it", () => {
  const spec = { optimizer_params: { damping: 1, lr: 1 }, budget: { steps: 10, seconds: 5 } };
  const controls = [control(1), control(2, { settings: { lr: 9 }, error: "no" }), control(3, { settings: { budget: { steps: 20 } } })];
  assert.deepEqual(effective(spec, controls), { damping: 0.5, lr: 1, budget: { steps: 20, seconds: 5 } });
  assert.deepEqual(spec.budget, { steps: 10, seconds: 5 });
});
