import assert from "node:assert/strict";
import { test } from "node:test";

import { CROWDED } from "../../web/hessianfree_web/static/lib/figures.js";
import { Growth } from "../../web/hessianfree_web/static/lib/growth.js";

const row = (step, metrics = { loss: step }) => ({ step, seconds: step, metrics });
const rows = (first, last) => Array.from({ length: last - first + 1 }, (_, place) => row(first + place));
const batch = (...steps) => ({ run: "a", attempt: 1, steps });

function figure(step) {
  const meta = { run: "a", metric: "loss", x: "step", step, attempt: 1, controls: 0 };
  return { data: [{ x: [step], y: [step], customdata: [step], meta }], layout: { meta: { metrics: ["loss"], seen: ["loss"] } } };
}

function begun(step = 1) {
  const growth = new Growth();
  const drawn = figure(step);
  growth.ask();
  growth.begin(drawn, null);
  return { growth, drawn };
}

test("rows append in order, those of other runs do not wait", () => {
  const { growth, drawn } = begun();
  growth.receive({ run: "another", attempt: 1, steps: [row(2)] });
  assert.equal(growth.isDue, false);
  growth.receive(batch(row(2)));
  growth.receive(batch(row(3)));
  assert.equal(growth.isDue, true);
  assert.deepEqual(growth.grow(), { grown: true, outdated: false });
  assert.deepEqual([drawn.data[0].y, growth.isDue], [[1, 2, 3], false]);
});

test("rows that come while the figure is fetched are appended once, also those that it has", () => {
  const growth = new Growth();
  growth.receive(batch(row(1))); // nobody has asked for the figure: it will have them
  assert.equal(growth.isDue, false);
  growth.ask();
  growth.receive(batch(row(2), row(3)));
  const drawn = figure(2);
  growth.begin(drawn, null);
  assert.deepEqual(growth.grow(), { grown: true, outdated: false });
  assert.deepEqual(drawn.data[0].y, [2, 3]);
});

test("a new attempt, a new curve, too many rows and its own time make it outdated", () => {
  for (const happens of [
    (growth) => growth.receive({ run: "a", attempt: 2, steps: [row(1)] }),
    (growth) => growth.receive(batch(row(2, { loss: "unheard of" }))),
    (growth) => growth.receive(batch(...rows(2, 6000))),
    (growth) => growth.outdate(),
  ]) {
    const { growth, drawn } = begun();
    happens(growth);
    assert.equal(growth.isDue, true);
    assert.deepEqual(growth.grow(), { grown: false, outdated: true });
    assert.deepEqual(drawn.data[0].y, [1]);
  }
});

test("a crowded figure has grown, and is then fetched anew", () => {
  const { growth } = begun();
  growth.receive(batch(...rows(2, CROWDED + 2)));
  assert.deepEqual(growth.grow(), { grown: true, outdated: true });
});

test("what has ended grows no longer and holds nothing back", () => {
  const { growth } = begun();
  growth.receive(batch(row(2)));
  growth.end();
  growth.receive(batch(row(3)));
  assert.deepEqual([growth.hasBegun, growth.isDue, growth.unmarked({ id: "a", controls_version: 5 })], [false, false, false]);
});
