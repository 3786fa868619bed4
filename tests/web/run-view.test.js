import assert from "node:assert/strict";
import { test } from "node:test";

import { around, asking, movedBy, searchOf, viewOf } from "../../web/hessianfree_web/static/lib/run-view.js";

test("an address and the view it tells of are one and the same", () => {
  const view = { step: 12, x: "seconds", zooms: { loss: ["1.5", "40"], damping: ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"] }, logs: { "ritz-extremes": true, loss: false } };
  const search = searchOf(view);
  assert.equal(search, "?step=12&x=seconds&zoom=loss~1.5,40;damping~2026-03-01T00:00:00Z,2026-03-02T00:00:00Z&scale=ritz-extremes,-loss");
  assert.deepEqual(viewOf(search), view);
});

test("what is as usual needs no mention, and what others keep in the address stays", () => {
  assert.equal(searchOf({ step: null, x: "step", zooms: {}, logs: {} }), "");
  assert.equal(searchOf({ step: null, x: "step", zooms: {}, logs: {} }, "?log=nan&step=3&x=seconds&zoom=loss~1,2&scale=loss"), "?log=nan");
  assert.deepEqual(viewOf("?log=nan"), { step: null, x: "step", zooms: {}, logs: {} });
});

test("an address that makes no sense shows what is usual", () => {
  for (const step of ["0", "-3", "1.5", "x", ""]) assert.equal(viewOf(`?step=${step}`).step, null, step);
  assert.deepEqual(viewOf("?zoom=loss").zooms, {});
  assert.deepEqual(viewOf("?zoom=loss~1;<b>~1,2;damping~3,4").zooms, { damping: ["3", "4"] });
});

test("a figure is asked with another parameter, or without it", () => {
  assert.equal(asking("/api/v1/figures/loss?runs=a,b", "x", "seconds"), "/api/v1/figures/loss?runs=a,b&x=seconds");
  assert.equal(asking("/api/v1/figures/loss?runs=a&x=seconds", "x", null), "/api/v1/figures/loss?runs=a");
});

test("steps are moved through from the latest, and not beyond the ends", () => {
  assert.equal(movedBy(null, -1, 40), 39);
  assert.equal(movedBy(null, -10, 40), 30);
  assert.equal(movedBy(null, 1, 40), null);
  assert.equal(movedBy(5, -10, 40), 1);
  assert.equal(movedBy(5, 10, 40), 15);
  assert.equal(movedBy(39, 1, 40), 40);
  assert.equal(movedBy(40, 1, 40), null);
});

test("there is room around the steps that show something", () => {
  assert.deepEqual(around(10, 10), ["6", "14"]);
  assert.deepEqual(around(100, 500), ["0", "600"]);
});
