import assert from "node:assert/strict";
import { test } from "node:test";

import { Shortcuts } from "../../web/hessianfree_web/static/lib/shortcuts.js";

function pad() {
  const known = new Shortcuts();
  const done = [];
  const add = (keys, group) => known.add({ keys, says: `do ${keys}`, group, act: () => done.push(keys) });
  const type = (...presses) => {
    for (const [key, at] of presses) known.press(key, at)?.();
    return done.splice(0);
  };
  return { known, add, type };
}

test("a key acts at once, two in turn act together, others do nothing", () => {
  const { add, type } = pad();
  add("?");
  add("g r");
  assert.deepEqual(type(["?", 0]), ["?"]);
  assert.deepEqual(type(["g", 0], ["r", 300]), ["g r"]);
  assert.deepEqual(type(["r", 0], ["x", 10], ["g", 20], ["x", 30], ["r", 40]), []);
});

test("the second of two keys must come soon, and a new first key begins anew", () => {
  const { add, type } = pad();
  add("g r");
  add("g c");
  assert.deepEqual(type(["g", 0], ["r", 5000]), []);
  assert.deepEqual(type(["g", 0], ["g", 5000], ["c", 5100]), ["g c"]);
  assert.deepEqual(type(["g", 0], ["r", 10], ["r", 20]), ["g r"]);
});

test("what was taken back acts no more, and a later owner of its keys stays", () => {
  const { known, add, type } = pad();
  const takeBack = add("n");
  const later = known.add({ keys: "n", says: "another", act: () => {} });
  takeBack();
  assert.equal(known.groups[0].entries[0].says, "another");
  later();
  assert.deepEqual([known.groups, type(["n", 0])], [[], []]);
});

test("the help lists keys under their headings", () => {
  const { known, add } = pad();
  add("/", "Everywhere");
  add("l", undefined);
  add("?", "Everywhere");
  assert.deepEqual(
    known.groups.map(({ group, entries }) => [group, entries.map(({ keys }) => keys)]),
    [["Everywhere", ["/", "?"]], ["On this page", ["l"]]],
  );
});
