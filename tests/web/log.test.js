import assert from "node:assert/strict";
import { test } from "node:test";

import { contains, countText, matchText, pieces } from "../../web/hessianfree_web/static/lib/log.js";

const hits = (text, query) => pieces(text, query).filter(({ hit }) => hit).map(({ text: part }) => part);

test("a text is cut where the query stands in it, whatever its case", () => {
  assert.deepEqual(pieces("Loss is NaN, loss!", "loss"), [
    { text: "Loss", hit: true },
    { text: " is NaN, ", hit: false },
    { text: "loss", hit: true },
    { text: "!", hit: false },
  ]);
  assert.deepEqual(pieces("plain", ""), [{ text: "plain", hit: false }]);
  assert.deepEqual(pieces("plain", "x"), [{ text: "plain", hit: false }]);
  assert.deepEqual(pieces("", "x"), []);
  assert.deepEqual(hits("aaa", "aa"), ["aa"]);
});

test("what means something in a pattern means itself, and nothing is lost", () => {
  for (const [text, query] of [["50 % of [it] <b>&", "[it]"], ["a.b*c", ".b*"], ["İİx LOSS", "loss"], ["ß Straße", "straße"]]) {
    assert.equal(pieces(text, query).map(({ text: part }) => part).join(""), text);
    assert.equal(hits(text, query).length, 1, text);
    assert.ok(contains(text, query));
  }
  assert.ok(!contains("loss", "gain"));
});

test("matches and lines are counted in words", () => {
  assert.equal(matchText(0, 0), "No match");
  assert.equal(matchText(2, 120), "3 of 120");
  assert.equal(countText(1), "1 line");
  assert.equal(countText(12_345), "12\u202f345 lines");
});
