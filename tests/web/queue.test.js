import assert from "node:assert/strict";
import { test } from "node:test";

import { heatText, memoryShare, moveBetween, moved, rangeText, startText } from "../../web/hessianfree_web/static/lib/queue.js";

test("when a job starts is told as surely as it is known", () => {
  const told = (seconds, more = {}) => startText({ workers: 1, starts_in_seconds: seconds, is_least: false, ...more });
  assert.equal(told(0), "at once");
  assert.equal(told(720), "in about 12 min");
  assert.equal(told(720, { is_least: true }), "in 12 min or later");
  assert.equal(told(null), "not known");
  assert.equal(told(null, { workers: 0 }), "no worker can");
});

test("a move names the job that it ends before, or the last one", () => {
  const ids = ["a", "b", "c"];
  assert.deepEqual(moveBetween(ids, 2, 0), { before: "a" });
  assert.deepEqual(moveBetween(ids, 0, 2), { before: "c" });
  assert.deepEqual(moveBetween(ids, 0, 3), { after: "c" });
  assert.equal(moveBetween(ids, 1, 1), null);
  assert.equal(moveBetween(ids, 1, 2), null);
});

test("the order after a move is the one that was asked for", () => {
  const ids = ["a", "b", "c", "d"];
  assert.deepEqual(moved(ids, 3, 0), ["d", "a", "b", "c"]);
  assert.deepEqual(moved(ids, 0, 4), ["b", "c", "d", "a"]);
  assert.deepEqual(moved(ids, 1, 3), ["a", "c", "b", "d"]);
});

test("places are counted from one, and an empty page says so", () => {
  assert.equal(rangeText(1, 50, 10_000), "1–50 of 10\u202f000");
  assert.equal(rangeText(51, 0, 20), "none from 51 on, of 20");
  assert.equal(rangeText(1, 0, 0), "");
});

test("heat and power are told as far as they are known", () => {
  const told = (more) => heatText({ temperature_celsius: 61.4, power_watts: 412.5, power_limit_watts: 700, ...more });
  assert.equal(told({}), "61 °C, 413 of 700 W");
  assert.equal(told({ power_limit_watts: null }), "61 °C, 413 W");
  assert.equal(told({ temperature_celsius: null }), "413 of 700 W");
  assert.equal(told({ power_watts: null }), "61 °C");
  assert.equal(told({ temperature_celsius: null, power_watts: null }), "");
});

test("memory is a share where both of its numbers are known", () => {
  assert.equal(memoryShare({ memory_used_bytes: 2, memory_total_bytes: 8 }), 0.25);
  assert.equal(memoryShare({ memory_used_bytes: null, memory_total_bytes: 8 }), null);
  assert.equal(memoryShare({ memory_used_bytes: 9, memory_total_bytes: 8 }), 1);
  assert.equal(memoryShare({ memory_used_bytes: 2, memory_total_bytes: null }), null);
});
