import assert from "node:assert/strict";
import { test } from "node:test";

import { RunningTotals } from "../../web/hessianfree_web/static/lib/running-totals.js";

const row = (step, examples = 10) => ({ step, metrics: { examples } });
const batch = (attempt, ...steps) => ({ run: "a", attempt, steps });
const counted = (step, examples) => [{ run: "a", step, examples, gradient_equivalents: null }];

function begun(step, examples) {
  const totals = new RunningTotals();
  totals.ask();
  totals.take(counted(step, examples));
  return totals;
}

test("a row is counted once: by the server, or here", () => {
  const totals = new RunningTotals();
  totals.ask();
  assert.equal(totals.add(batch(1, row(2), row(3))), false); // the answer may have them, or not
  totals.take(counted(2, 20));
  assert.equal(totals.of("a").examples, 30);
  assert.equal(totals.add(batch(1, row(3), row(4))), false);
  assert.equal(totals.of("a").examples, 40);
});

test("what was never measured begins with its first value, and what is no number adds nothing", () => {
  const totals = begun(0, null);
  totals.add(batch(1, row(1, "NaN"), row(2, 5), row(3, "Infinity")));
  assert.equal(totals.of("a").examples, 5);
  assert.equal(totals.of("a").gradient_equivalents, null);
});

test("another attempt takes steps back: the server is asked again, once", () => {
  const totals = begun(9, 90);
  assert.equal(totals.add(batch(2, row(4))), true);
  totals.ask();
  assert.equal(totals.add(batch(2, row(5))), false);
  totals.take(counted(4, 40));
  assert.equal(totals.of("a").examples, 50);
});

test("an answer that does not come leaves what is known, and loses no row", () => {
  const totals = begun(1, 10);
  totals.ask();
  totals.add(batch(1, row(2)));
  totals.take([]);
  assert.equal(totals.of("a").examples, 20);
});

test("of a run that nobody has counted nothing is known", () => {
  assert.deepEqual(new RunningTotals().of("a"), {});
});
