import assert from "node:assert/strict";
import { test } from "node:test";

import { CurveQueue } from "../../web/hessianfree_web/static/lib/curve-queue.js";

test("curves that are not drawn yet are asked for soon, whatever else rests", () => {
  const queue = new CurveQueue(80);
  assert.equal(queue.due, Infinity);
  queue.want("a", { isDrawn: false, now: 1000 });
  queue.want("a", { isDrawn: false, now: 1050 }); // again: it is not put off
  queue.want("b", { isDrawn: false, now: 1060 });
  assert.equal(queue.due, 1080);
  assert.deepEqual(queue.take(1080, 100), ["a", "b"]);
  assert.equal(queue.due, Infinity);
  queue.answered(1100, 20);
  queue.want("c", { isDrawn: false, now: 1200 });
  assert.equal(queue.due, 1280);
});

test("runs that go on are asked for after a rest, the longer the longer an answer takes", () => {
  const queue = new CurveQueue(80);
  queue.want("a", { isDrawn: true, now: 0 });
  assert.equal(queue.due, 0);
  assert.deepEqual(queue.take(0, 100), ["a"]);
  queue.answered(1000, 1000);
  queue.want("a", { isDrawn: true, now: 1001 });
  assert.equal(queue.due, 21_000);
  queue.want("new", { isDrawn: false, now: 2000 });
  assert.deepEqual(queue.take(2080, 100), ["new"]);
  assert.equal(queue.due, 21_000);
  assert.deepEqual(queue.take(21_000, 100), ["a"]);
});

test("what is left over is asked for next, and what is dropped is not", () => {
  const queue = new CurveQueue(80);
  for (const run of ["a", "b", "c"]) queue.want(run, { isDrawn: false, now: 0 });
  queue.drop("b");
  assert.deepEqual(queue.take(80, 1), ["a"]);
  assert.deepEqual(queue.take(80, 1), ["c"]);
});
