import assert from "node:assert/strict";
import { test } from "node:test";

import { edgeOf, TraceFeed } from "../../web/hessianfree_web/static/lib/feed.js";

const row = (step, metrics, seconds = step / 10) => ({ step, seconds, wall_time: `2026-03-01T00:00:${String(step).padStart(2, "0")}Z`, metrics });

test("rows append (x, metric), and a step that is drawn is not drawn again", () => {
  const feed = new TraceFeed({ run: "a", metric: "loss", x: "step", step: 2 });
  assert.deepEqual(feed.take([row(2, { loss: 9 }), row(3, { loss: 8 }), row(4, {})]), { x: [3], y: [8], customdata: [3] });
  assert.deepEqual(feed.take([row(3, { loss: 8 }), row(5, { loss: 7 })]).x, [5]);
});

test("seconds and wall time are taken from the row", () => {
  const rows = [row(1, { loss: 1 }, 0.25)];
  assert.deepEqual(new TraceFeed({ metric: "loss", x: "seconds" }).take(rows).x, [0.25]);
  assert.deepEqual(new TraceFeed({ metric: "loss", x: "wall_time" }).take(rows).x, ["2026-03-01T00:00:01Z"]);
});

test("a running total counts every new row once, measured or not", () => {
  const feed = new TraceFeed({ metric: "eval_loss", x: "gradient_equivalents", total: 10, step: 1 });
  const rows = [row(1, { gradient_equivalents: 99 }), row(2, { gradient_equivalents: 4 }), row(3, { gradient_equivalents: 5, eval_loss: 0.5 })];
  assert.deepEqual(feed.take(rows), { x: [19], y: [0.5], customdata: [3] });
  assert.deepEqual(feed.take([row(4, { gradient_equivalents: 1, eval_loss: 0.4 })]).x, [20]);
  assert.deepEqual(feed.take([row(5, { gradient_equivalents: "NaN", eval_loss: 0.4 }), row(6, { gradient_equivalents: 1, eval_loss: 0.4 })]).x, [20, 21]);
});

test("a path takes both coordinates as they are and leaves out what is nowhere", () => {
  const feed = new TraceFeed({ metric: "y", x: "x" });
  const rows = [row(1, { x: -1.2, y: 1 }), row(2, { x: "NaN", y: 2 }), row(3, { x: -1, y: 0.9 })];
  assert.deepEqual(feed.take(rows).x, [-1.2, -1]);
});

test("what no line goes through leaves a gap in the line and a mark at the edge", () => {
  const rows = [row(1, { loss: "NaN" }), row(2, { loss: "-Infinity" }), row(3, { loss: 1 })];
  const line = new TraceFeed({ metric: "loss", x: "step" }).take(rows);
  assert.deepEqual(line.y, [null, null, 1]);
  const marks = new TraceFeed({ metric: "loss", x: "step", marks: true }).take(rows);
  assert.deepEqual(marks, { x: [1, 2], y: [1, 0], customdata: [1, 2], text: ["NaN", "-Infinity"] });
});

test("limits turn far values into marks", () => {
  const limits = { low: -1, high: 2 };
  assert.equal(edgeOf(2.5, limits), 1);
  assert.equal(edgeOf(-7, limits), 0);
  assert.equal(edgeOf(2, limits), null);
});

test("a condition keeps the rows of its value alone; flags count as 0 and 1", () => {
  const where = { metric: "cg_stop", value: "Divergence" };
  const feed = new TraceFeed({ metric: "cg_iterations", x: "step", where });
  assert.deepEqual(feed.take([row(1, { cg_iterations: 3, cg_stop: "Divergence" }), row(2, { cg_iterations: 4, cg_stop: "Number of iterations" })]).x, [1]);
  assert.deepEqual(new TraceFeed({ metric: "accepted", x: "step" }).take([row(1, { accepted: true })]).y, [1]);
});
