import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, formatBytes, formatCount, formatNumber } from "../../web/hessianfree_web/static/lib/numbers.js";
import { formatAge, formatDuration, formatMoment, formatRoughly, nameOfZone, secondsBetween } from "../../web/hessianfree_web/static/lib/times.js";

test("wire strings become the numbers they stand for, other strings stay", () => {
  assert.ok(Number.isNaN(decode("NaN")));
  assert.equal(decode("Infinity"), Infinity);
  assert.equal(decode("-Infinity"), -Infinity);
  assert.equal(decode("Divergence"), "Divergence");
  assert.equal(decode(0.5), 0.5);
});

test("measurements keep four digits and say what is not a number", () => {
  const cases = [
    [16.17034, "16.17"],
    [0, "0"],
    [40, "40"],
    [123456.7, "123457"],
    [1234567, "1.235e6"],
    [0.00002, "2.000e−5"],
    [-0.5, "−0.5000"],
    ["NaN", "NaN"],
    ["Infinity", "∞"],
    [-Infinity, "−∞"],
    [null, "–"],
    [undefined, "–"],
  ];
  for (const [value, text] of cases) assert.equal(formatNumber(value), text, String(value));
  const overAPower = [[9999.6, "10000"], [-9999.6, "−10000"], [999999.6, "1.000e6"], [999999, "999999"], [0.000099996, "0.0001000"], [9.99996, "10.00"]];
  for (const [value, text] of overAPower) assert.equal(formatNumber(value), text, String(value));
  assert.equal(formatNumber(99.6, 2), "100");
});

test("counts are grouped, bytes scaled", () => {
  assert.equal(formatCount(1234567), "1\u202f234\u202f567");
  assert.equal(formatCount(-1234), "−1\u202f234");
  assert.equal(formatCount(null), "–");
  assert.equal(formatCount("Infinity"), "∞");
  assert.equal(formatBytes(16 * 2 ** 30), "16 GiB");
  assert.equal(formatBytes(1536), "1.5 KiB");
  assert.equal(formatBytes(12), "12 B");
});

test("durations show their two largest units", () => {
  const cases = [
    [0.04, "0.0 s"],
    [9.94, "9.9 s"],
    [42.4, "42 s"],
    [59.7, "1 min"],
    [185, "3 min 5 s"],
    [7440, "2 h 4 min"],
    [266400, "3 d 2 h"],
    [NaN, "–"],
    [null, "–"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text, String(seconds));
});

test("estimates show one unit", () => {
  const cases = [[0.2, "0 s"], [80, "80 s"], [91, "2 min"], [3700, "62 min"], [7300, "2 h"], [200000, "2 d"], [Infinity, "–"]];
  for (const [seconds, text] of cases) assert.equal(formatRoughly(seconds), text, String(seconds));
});

test("ages show one unit, and a clock that is ahead shows no negative age", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  assert.equal(formatAge("2026-03-01T12:00:03Z", now), "now");
  assert.equal(formatAge("2026-03-01T11:59:30Z", now), "30 s ago");
  assert.equal(formatAge("2026-03-01T11:15:00Z", now), "45 min ago");
  assert.equal(formatAge("2026-02-27T12:00:00Z", now), "2 d ago");
  assert.equal(formatAge("nonsense", now), "–");
});

test("elapsed time runs until the end, or until now", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  assert.equal(secondsBetween("2026-03-01T11:00:00Z", null, now), 3600);
  assert.equal(secondsBetween("2026-03-01T11:00:00Z", "2026-03-01T11:00:05Z", now), 5);
  assert.equal(secondsBetween(null, null, now), null);
  assert.match(formatMoment("2026-03-01T11:00:00Z"), /^2026-0\d-\d\d \d\d:\d\d:00 \S+$/);
});

test("a moment stands in the reader's time zone, summer time and all, and the zone is named", () => {
  assert.equal(formatMoment("2026-03-01T23:30:05Z", "Europe/Berlin"), "2026-03-02 00:30:05 GMT+1");
  assert.equal(formatMoment("2026-07-01T22:30:05Z", "Europe/Berlin"), "2026-07-02 00:30:05 GMT+2");
  assert.equal(formatMoment("2026-07-01T00:00:00Z", "UTC"), "2026-07-01 00:00:00 UTC");
  assert.equal(nameOfZone(Date.parse("2026-07-01T00:00:00Z"), "Asia/Kolkata"), "Asia/Kolkata (GMT+5:30)");
  assert.equal(nameOfZone(Date.parse("2026-07-01T00:00:00Z"), "UTC"), "UTC");
});
