import assert from "node:assert/strict";
import { test } from "node:test";

import { evidenceText, healthOf } from "../../web/hessianfree_web/static/lib/health.js";
import { stateSentence } from "../../web/hessianfree_web/static/lib/states.js";
import { restAfter } from "../../web/hessianfree_web/static/lib/throttle.js";

const found = (...severities) => severities.map((severity) => ({ severity }));

test("a run's health is said in a few words, the worst first", () => {
  const going = { step: 50, ended: false };
  assert.deepEqual(healthOf([], going), { text: "Healthy so far", severity: "good" });
  assert.deepEqual(healthOf(found("note", "note"), going), { text: "Healthy so far", severity: "good" });
  assert.deepEqual(healthOf(found("note"), { step: 50, ended: true }), { text: "Healthy", severity: "good" });
  assert.deepEqual(healthOf(found("warning", "warning", "note"), going), { text: "2 warnings", severity: "warning" });
  assert.deepEqual(healthOf(found("problem", "warning"), going), { text: "1 problem, 1 warning", severity: "problem" });
});

test("nothing is said too early", () => {
  assert.deepEqual(healthOf([], { step: 0, ended: false }), { text: "No steps yet", severity: "none" });
  assert.deepEqual(healthOf([], { step: 0, ended: true }), { text: "No steps were made", severity: "none" });
  assert.deepEqual(healthOf([], { step: 3, ended: false }), { text: "Too early to tell", severity: "none" });
  assert.equal(healthOf(found("problem"), { step: 3, ended: false }).text, "1 problem");
});

test("evidence is named by its figure and steps", () => {
  assert.equal(evidenceText("Damping", 3, 7), "Damping, steps 3 to 7");
  assert.equal(evidenceText("Ritz values", 7, 7), "Ritz values, step 7");
});

test("what takes long to answer is asked seldom", () => {
  assert.equal(restAfter(10), 5000);
  assert.equal(restAfter(2000), 40_000);
  assert.equal(restAfter(20_000), 60_000);
});

test("states that look alike are told apart in a sentence", () => {
  const job = { kind: "job", attempt: 2, cause: null, error: null };
  const failed = (cause, error = "E: no\n\nTraceback") => stateSentence({ ...job, state: "failed", cause, error });
  const sentences = [
    ...["diverged", "out_of_memory", "killed", "lost", "invalid", "error"].map((cause) => failed(cause)),
    stateSentence({ ...job, state: "queued", attempt: 0 }),
    stateSentence({ ...job, state: "queued" }),
    stateSentence({ ...job, state: "running", stale: true }),
    stateSentence({ kind: "script", state: "running", stale: true }),
    stateSentence({ ...job, state: "running", stop_requested: true }),
    stateSentence({ ...job, state: "running", pause_requested: true }),
    stateSentence({ ...job, state: "paused" }),
    stateSentence({ ...job, state: "cancelled" }),
  ];
  assert.equal(new Set(sentences).size, sentences.length);
  for (const sentence of sentences) assert.match(sentence, /^[A-Z].*\.$/);
  assert.match(failed("killed"), /killed from outside/);
  assert.match(failed("lost"), /attempt 2 was the last/);
  assert.equal(stateSentence({ ...job, state: "running" }), "");
  assert.equal(stateSentence({ ...job, state: "completed" }), "");
});
