import assert from "node:assert/strict";
import { test } from "node:test";

import { onLogAxis } from "../../web/hessianfree_web/static/lib/log-axis.js";
import {
  boundsOf,
  isCovered,
  rangeOf,
  runsOf,
  scaleOf,
  shareOf,
  stepAlong,
  wholeBounds,
  xAtShare,
  xNameOf,
  zoomFrom,
  zoomText,
  zoomedAddress,
} from "../../web/hessianfree_web/static/lib/zoom.js";

test("ranges of Plotly's and bounds in x's own units are two ways to say one thing", () => {
  for (const [scale, range, bounds] of [
    ["linear", [10, 250], [10, 250]],
    ["log", [1, 3], [10, 1000]],
    ["date", ["2026-03-01 12:00:00.000", "2026-03-01 12:30:00.500"], ["2026-03-01T12:00:00.000Z", "2026-03-01T12:30:00.500Z"]],
  ]) {
    assert.deepEqual(boundsOf(range, scale), bounds);
    assert.deepEqual(boundsOf([...range].reverse(), scale), bounds);
    assert.deepEqual(rangeOf(bounds, scale), range);
  }
  assert.equal(rangeOf([0, 10], "log"), null);
  assert.deepEqual(boundsOf(["2026-03-01", "2026-03-02 06:00"], "date"), ["2026-03-01T00:00:00.000Z", "2026-03-02T06:00:00.000Z"]);
  assert.deepEqual([scaleOf("wall_time", true), scaleOf("step", true), scaleOf("step", false)], ["date", "log", "linear"]);
});

test("a zoom goes through an address unchanged, with as many digits as it needs", () => {
  assert.equal(zoomText([1234.56789, 99876.54321]), "1235,99877");
  assert.equal(zoomText([0.123456789, 0.123556789]), "0.12345679,0.12355679");
  assert.equal(zoomText(null), null);
  assert.deepEqual(zoomFrom("1235,99877", "step"), [1235, 99877]);
  const times = "2026-03-01T12:00:00.000Z,2026-03-01T12:30:00.500Z";
  assert.deepEqual(zoomFrom(times, "wall_time"), times.split(","));
  assert.equal(zoomText(zoomFrom(times, "wall_time")), times);
  for (const none of [null, "", "5", "5,", "9,3", "a,b", "1,2,3", "NaN,3"]) assert.equal(zoomFrom(none, "step"), null, none);
});

test("the address of a figure says what it shows, and takes the bounds of a part", () => {
  const src = "/api/v1/figures/loss?runs=a,b&x=seconds";
  assert.deepEqual([xNameOf(src), xNameOf("/f?runs=a"), runsOf(src), xNameOf(null)], ["seconds", "step", ["a", "b"], "step"]);
  assert.equal(zoomedAddress(src, null), src);
  const asked = new URLSearchParams(zoomedAddress(src, [1.5, 2]).split("?")[1]);
  assert.deepEqual(Object.fromEntries(asked), { runs: "a,b", x: "seconds", start: "1.5", stop: "2" });
});

test("a part need not be fetched where every row of it is there", () => {
  const all = { part: null, sampled: false };
  const part = { part: [10, 20], sampled: false };
  assert.ok(isCovered([5, 6], all, "linear") && isCovered(null, all, "linear"));
  assert.ok(isCovered([10, 15], part, "linear"));
  assert.ok(!isCovered([9, 15], part, "linear") && !isCovered(null, part, "linear"));
  assert.ok(!isCovered([12, 13], { ...part, sampled: true }, "linear") && !isCovered(null, { part: null, sampled: true }, "linear"));
});

test("places along an axis, linear, logarithmic and of times", () => {
  assert.equal(shareOf(15, [10, 20], "linear"), 0.5);
  assert.equal(shareOf(10, [1, 100], "log"), 0.5);
  const times = ["2026-03-01T00:00:00.000Z", "2026-03-01T01:00:00.000Z"];
  assert.equal(shareOf("2026-03-01T00:15:00Z", times, "date"), 0.25);
  assert.equal(xAtShare(0.5, [1, 100], "log"), 10);
  assert.equal(xAtShare(0.25, times, "date"), "2026-03-01T00:15:00.000Z");
});

test("a step's place is that of its row, or of the next one that a trace of a run has", () => {
  const traces = [
    { x: [1, 2], customdata: [1, 2] },
    { meta: { run: "a" }, x: [0.5, 2.5, 7], customdata: [1, 5, 9] },
    { meta: { run: "a" }, x: [3], customdata: [6] },
  ];
  const along = (x) => ({ data: traces, layout: { meta: x && { x } } });
  assert.deepEqual([5, 6, 7, 10].map((step) => stepAlong(step, along("seconds"))), [2.5, 3, 7, null]);
  assert.equal(stepAlong(5, along("step")), 5);
  assert.equal(stepAlong(5, along(null)), null);
});

test("what a logarithmic axis has no place for is marked at its lower edge", () => {
  const line = { x: [1, 2, 3, 4], y: [5, 0, null, -2.5], customdata: [1, 2, 3, 4] };
  const marks = { x: [3], y: [1], text: ["NaN"], customdata: [3], yaxis: "y2", meta: { marks: true } };
  const other = { x: [1], y: [-1], yaxis: "y3" };
  const [drawn, marked, same] = onLogAxis([line, marks, other]);
  assert.deepEqual(drawn.y, [5, null, null, null]);
  assert.deepEqual([marked.x, marked.y, marked.text, marked.customdata], [[3, 2, 4], [1, 0, 0], ["NaN", "0", "-2.5"], [3, 2, 4]]);
  assert.deepEqual([line.y, marks.x, same], [[5, 0, null, -2.5], [3], other]);
});

test("figures of the same steps have the same bounds, whatever they are drawn with", () => {
  const line = { x: [10, 50, 110], mode: "lines" };
  const marks = { x: [20, null, 90], mode: "markers" };
  assert.deepEqual(wholeBounds([line, marks], "linear"), [8.5, 111.5]);
  assert.deepEqual(wholeBounds([line, { x: [400], visible: "legendonly" }], "linear"), [8.5, 111.5]);
  const [from, to] = wholeBounds([{ x: [0, 1, 100] }], "log"); // where 0 has no place
  assert.ok(from > 0.9 && from < 1 && to > 100 && to < 110);
  assert.deepEqual(wholeBounds([{ x: ["2026-03-01T00:00:00Z", "2026-03-01T01:40:00Z"] }], "date"), ["2026-02-28 23:58:30.000", "2026-03-01 01:41:30.000"]);
  assert.equal(wholeBounds([{ x: [7] }, {}], "linear"), null);
});
