import assert from "node:assert/strict";
import { test } from "node:test";

import { Backlog } from "../../web/hessianfree_web/static/lib/backlog.js";
import { CROWDED, FigureFeed } from "../../web/hessianfree_web/static/lib/figures.js";

const row = (step, metrics) => ({ step, seconds: step / 10, wall_time: `2026-03-01T00:00:${String(step).padStart(2, "0")}Z`, metrics });
const trace = (meta, more = {}) => ({ x: [], y: [], customdata: [], ...more, meta: { run: "a", metric: "loss", x: "step", attempt: 1, ...meta } });
const figure = (seen, data) => ({ data, layout: { meta: { metrics: ["loss", "eval_loss", "cg_stop"], seen } } });

test("rows grow the traces of their run, lines and marks alike, and no other", () => {
  const data = [{ x: [0] }, trace({}, { x: [9], y: [8], customdata: [0] }), trace({ marks: true }), trace({ run: "b" })];
  const feed = new FigureFeed(figure(["loss"], data));
  assert.ok(feed.draws("a") && feed.draws("b") && !feed.draws("c"));
  assert.equal(feed.take("a", [row(1, { loss: 1 }), row(2, { loss: "NaN" })]), true);
  assert.deepEqual([data[1].x, data[1].y, data[1].customdata], [[9, 1, 2], [8, 1, null], [0, 1, 2]]);
  assert.deepEqual([data[2].x, data[2].text], [[2], ["NaN"]]);
  assert.deepEqual([data[0].x, data[3].x], [[0], []]);
  assert.equal(feed.take("a", [row(2, { loss: 1 })]), false);
});

test("columns that were handed out before stay as they were: they may be in use", () => {
  const [line] = [trace({}, { x: [1], y: [1], customdata: [1] })];
  const before = line.x;
  new FigureFeed(figure(["loss"], [line])).take("a", [row(2, { loss: 1 })]);
  assert.deepEqual([before, line.x], [[1], [1, 2]]);
});

test("a trace of the latest point keeps one", () => {
  const [head] = [trace({ latest: true }, { x: [0], y: [5], customdata: [0] })];
  new FigureFeed(figure([], [head])).take("a", [row(1, { loss: 1 }), row(2, { loss: 2 })]);
  assert.deepEqual([head.x, head.y, head.customdata], [[2], [2], [2]]);
});

test("beyond the part that was fetched nothing is added, up to its end everything", () => {
  const [line] = [trace({})];
  const feed = new FigureFeed(figure(["loss"], [line]), 2);
  assert.equal(feed.take("a", [row(1, { loss: 1 }), row(2, { loss: 2 }), row(3, { loss: 3 })]), true);
  assert.equal(feed.take("a", [row(4, { loss: 4 })]), false);
  assert.deepEqual(line.x, [1, 2]);
  const [timed] = [trace({ x: "wall_time" })];
  new FigureFeed(figure(["loss"], [timed]), "2026-03-01T00:00:01.500Z").take("a", [row(1, { loss: 1 }), row(2, { loss: 2 })]);
  assert.deepEqual(timed.x, ["2026-03-01T00:00:01Z"]);
});

test("time since the first step goes on from where the run began", () => {
  const [known, unknown] = [trace({ x: "elapsed", origin: Date.parse("2026-03-01T00:00:00Z") / 1000, step: 3 }), trace({ x: "elapsed" })];
  const feed = new FigureFeed(figure(["loss"], [known, unknown]));
  feed.take("a", [row(3, {}), row(5, { loss: 1 })]);
  assert.deepEqual([known.x, unknown.x], [[5], [2]]);
});

test("a newer attempt, a metric or a value without a trace call for a new figure; other runs do not", () => {
  const feed = new FigureFeed(figure(["loss", "cg_stop=Divergence"], [trace({})]));
  assert.equal(feed.outdated("a", 1, [row(1, { loss: 1, cg_stop: "Divergence", damping: 3 })]), false);
  assert.equal(feed.outdated("a", 1, [row(1, { loss: "NaN" })]), false);
  assert.equal(feed.outdated("a", 2, [row(1, { loss: 1 })]), true);
  assert.equal(feed.outdated("a", 1, [row(1, { eval_loss: 1 })]), true);
  assert.equal(feed.outdated("a", 1, [row(1, { cg_stop: "Number of iterations" })]), true);
  assert.equal(feed.outdated("other", 7, [row(1, { eval_loss: 1 })]), false);
});

test("a trace that has grown long asks to be sampled, one that came long does not", () => {
  const feed = new FigureFeed(figure(["loss"], [trace({}, { x: new Array(3 * CROWDED).fill(0) })]));
  const rows = Array.from({ length: CROWDED }, (_, index) => row(index + 1, { loss: 1 }));
  feed.take("a", rows);
  assert.equal(feed.crowded, false);
  feed.take("a", [row(CROWDED + 1, { loss: 1 })]);
  assert.equal(feed.crowded, true);
});

test("a control that is newer than the marks calls for a fresh figure, an older one or another run's does not", () => {
  const feed = new FigureFeed(figure(["loss"], [trace({ run: "a", controls: 2 })]));
  assert.ok(feed.unmarked({ id: "a", controls_version: 3 }));
  assert.ok(!feed.unmarked({ id: "a", controls_version: 2 }));
  assert.ok(!feed.unmarked({ id: "b", controls_version: 3 }));
});

test("rows wait in order until they are taken, and beyond thousands of them a new figure is wanted instead", () => {
  const waiting = new Backlog();
  const batch = (number) => ({ run: "a", attempt: 1, rows: Array.from({ length: number }, (_, index) => row(index, {})) });
  assert.ok(waiting.isEmpty);
  const batches = [batch(2), batch(3)];
  batches.forEach((each) => waiting.add(each));
  assert.deepEqual(waiting.take(), batches);
  assert.deepEqual([waiting.isEmpty, waiting.take()], [true, []]);
  for (let times = 0; times < 6; times += 1) waiting.add(batch(1000));
  assert.equal(waiting.isEmpty, false);
  assert.equal(waiting.take(), null);
  assert.ok(waiting.isEmpty);
  waiting.overflow();
  assert.equal(waiting.take(), null);
});
