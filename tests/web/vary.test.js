import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf } from "../../web/hessianfree_web/static/lib/schema.js";
import { choicesOf, mayVary, readDimension, suggested, typedOf } from "../../web/hessianfree_web/static/lib/vary.js";

const properties = {
  damping: { type: "number", exclusiveMinimum: 0, maximum: 1000, default: 1 },
  steps: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: 100 },
  stop: { enum: ["a", "b"], default: "a" },
  start: { anyOf: [{ enum: ["a", "b"] }, { type: "null" }], default: null },
  adapt: { type: "boolean", default: true },
  note: { type: "string" },
};
const { damping, steps, stop, start, adapt, note } = Object.fromEntries(fieldsOf({ properties }, "optimizer_params").map((field) => [field.name, field]));
const typed = { mode: "values", values: "", low: "", high: "", step: "" };

test("numbers, choices and switches of a job's parameters, budget and precision can be varied, nothing else", () => {
  assert.deepEqual([damping, steps, stop, adapt, note].map(mayVary), [true, true, true, true, false]);
  const [seed] = fieldsOf({ properties: { seed: { type: "integer" } } });
  assert.equal(mayVary(seed), false);
  const [dtype] = fieldsOf({ properties: { dtype: { enum: ["float32", "float64"] } } });
  assert.equal(mayVary(dtype), true);
});

test("values are read one by one, within the field's bounds", () => {
  const read = (values, field = damping) => readDimension(field, { ...typed, values });
  assert.deepEqual(read("0.1, 1 10"), { dimension: [0.1, 1, 10] });
  assert.deepEqual(read("1, none", steps), { dimension: [1, null] });
  assert.match(read("1").error, /at least two/);
  assert.match(read("1, 0").error, /above 0, at most 1/);
  assert.match(read("1, much").error, /much is not a number/);
  assert.match(read("1, 2, 1").error, /1 stands there twice/);
  assert.match(read("1, 2.5", steps).error, /whole number/);
});

test("ranges need both ends in order, ratios lie above zero, steps fit", () => {
  const read = (range, field = damping) => readDimension(field, { ...typed, mode: "range", ...range });
  assert.deepEqual(read({ low: "0.5", high: "2" }), { dimension: { low: 0.5, high: 2 } });
  assert.deepEqual(read({ low: "1", high: "9", step: "2" }, steps), { dimension: { low: 1, high: 9, step: 2 } });
  assert.deepEqual(read({ mode: "log", low: "1e-3", high: "1" }), { dimension: { low: 1e-3, high: 1, log: true } });
  assert.match(read({ low: "1" }).error, /lowest and its highest/);
  assert.match(read({ low: "2", high: "1" }).error, /2, must be below the highest, 1/);
  assert.match(read({ low: "1", high: "5000" }).error, /at most 1/);
  assert.match(read({ low: "1", high: "2", step: "5" }).error, /at most 1; this is 5/);
  assert.match(read({ low: "1", high: "9", step: "0.5" }, steps).error, /whole number is needed as step/);
});

test("what the server tells of a dimension is what was typed", () => {
  for (const dimension of [[0.1, 10], { low: 0.5, high: 2 }, { low: 1, high: 3, step: 0.5 }, { low: 0.1, high: 1, log: true }]) {
    assert.deepEqual(readDimension(damping, typedOf(damping, dimension)), { dimension });
  }
  const told = { low: null, high: null, log: false, step: null, choices: [1, null] };
  assert.deepEqual(readDimension(steps, typedOf(steps, told)), { dimension: [1, null] });
});

test("choices come from the schema, and suggestions stay within its bounds", () => {
  assert.deepEqual(choicesOf(stop), ["a", "b"]);
  assert.deepEqual(choicesOf(start), ["a", "b", null]);
  assert.deepEqual(choicesOf(adapt), [true, false]);
  assert.deepEqual(choicesOf(damping), []);
  assert.deepEqual(suggested(damping, 1), [0.1, 1, 10]);
  assert.deepEqual(suggested(damping, 500), [50, 500]);
  assert.deepEqual(suggested(damping, 0.3), [0.03, 0.3, 3]);
  assert.deepEqual(suggested(steps, 1), [1, 10]);
});
