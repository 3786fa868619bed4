import assert from "node:assert/strict";
import { test } from "node:test";

import { complaintsAbout, fileNameOf, placeOf, placed, positionOf, unknownTo, withoutBlanks } from "../../web/hessianfree_web/static/lib/document.js";

const text = "problem: bowl\nbudget:\n  steps: 0\n";

test("a position is told as line and column, and back", () => {
  const position = text.indexOf("steps");
  assert.deepEqual(placeOf(text, position), { line: 3, column: 3, start: 22, end: 32 });
  assert.equal(positionOf(text, 3, 3), position);
  assert.deepEqual(placeOf(text, 0), { line: 1, column: 1, start: 0, end: 13 });
  assert.equal(positionOf(text, 9, 1), text.length);
});

test("faults with positions and texts that cannot be read are both told with their place", () => {
  const [fault, other] = complaintsAbout(text, { errors: [{ path: "budget.steps", message: "It is 0.", position: 24 }, { path: "x", message: "Missing." }] });
  assert.equal(placed(text, fault), "Line 3, column 3: It is 0.");
  assert.equal(placed(text, other), "Missing.");
  const [unread] = complaintsAbout(text, { message: "Not YAML.", line: 2, column: 1 });
  assert.equal(placed(text, unread), "Line 2, column 1: Not YAML.");
  assert.deepEqual(complaintsAbout(text, { message: "Away." }), [{ message: "Away.", position: null }]);
});

test("what no field shows is told by its path", () => {
  const job = { problem: "bowl", budget: { steps: 3 }, optimizer_params: { damping: 1, odd: [1], deep: { x: 1 }, empty: {} } };
  const known = ["problem", "budget.steps", "optimizer_params.damping"];
  assert.deepEqual(unknownTo(known, job), [["optimizer_params.odd", [1]], ["optimizer_params.deep.x", 1], ["optimizer_params.empty", {}]]);
  assert.deepEqual(unknownTo([...known, "optimizer_params.odd", "optimizer_params.deep", "optimizer_params.empty"], job), []);
  assert.deepEqual(unknownTo(known, { problem_params: {} }), []);
});

test("blanks at the top are left to the server, null in a budget is kept", () => {
  const spec = { name: null, notes: "", tags: [], problem_params: {}, seed: 0, budget: { steps: null } };
  assert.deepEqual(withoutBlanks(spec), { seed: 0, budget: { steps: null } });
});

test("a file is named after its job in letters that every system takes", () => {
  assert.equal(fileNameOf("Digits, wide / 2"), "Digits-wide-2.yaml");
  assert.equal(fileNameOf("../../etc"), "etc.yaml");
  assert.equal(fileNameOf("…"), "job.yaml");
});
