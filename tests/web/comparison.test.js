import assert from "node:assert/strict";
import { test } from "node:test";

import { colourOf } from "../../web/hessianfree_web/static/lib/colours.js";
import { comparisonFrom, comparisonSearch, figureAddress } from "../../web/hessianfree_web/static/lib/comparison.js";
import { differences, flatten, formatValue } from "../../web/hessianfree_web/static/lib/config.js";
import { themedLayout, themedTraces } from "../../web/hessianfree_web/static/lib/theme.js";

test("the address holds the view and gives it back", () => {
  const view = { runs: ["a", "b"], x: "seconds", metric: "eval_loss", log: false };
  assert.equal(comparisonSearch(view), "?runs=a,b&x=seconds&metric=eval_loss&log=0");
  assert.deepEqual(comparisonFrom(comparisonSearch(view)), view);
  assert.equal(comparisonSearch(comparisonFrom("?runs=a")), "?runs=a");
  assert.deepEqual(comparisonFrom("?x=nonsense&log=maybe"), { runs: [], x: "step", metric: "loss", log: null });
});

test("names in an address cannot add to it", () => {
  const address = figureAddress({ runs: ["a&x=1"], x: "step", metric: "loss&runs=b" });
  assert.equal(address, "/api/v1/figures/metric?runs=a%26x%3D1&x=step&metric=loss%26runs%3Db");
});

test("a run's place decides its colour", () => {
  assert.deepEqual([0, 7, 8].map(colourOf), [0, 7, 0]);
});

test("only what differs is listed, what several runs have first", () => {
  const specs = [
    { name: "one", optimizer: "adam", optimizer_params: { lr: 1, betas: [0.9, 0.99] }, seed: 0 },
    { name: "two", optimizer: "sgd", optimizer_params: { lr: 1, momentum: null }, seed: 1 },
  ];
  assert.deepEqual(differences(specs), [
    { path: "optimizer", values: ["adam", "sgd"], shared: true },
    { path: "seed", values: [0, 1], shared: true },
    { path: "optimizer_params.betas", values: [[0.9, 0.99], undefined], shared: false },
    { path: "optimizer_params.momentum", values: [undefined, null], shared: false },
  ]);
  assert.deepEqual(differences([specs[0]]), []);
  assert.equal(flatten(specs[0]).get("optimizer_params.lr"), 1);
});

test("values of a configuration read as words", () => {
  assert.deepEqual([undefined, null, true, false, "x", 0.5, [1, 2]].map(formatValue), ["–", "none", "yes", "no", "x", "0.5", "[1,2]"]);
});

const theme = { ink: "ink", grid: "grid", line: "line", raised: "raised", strong: "strong", faint: "faint", accent: "accent", font: "font", series: ["s0", "s1"], contour: ["low", "high"] };

test("a figure takes the theme's colours and leaves its title to the page", () => {
  const layout = themedLayout({ title: { text: "Loss" }, xaxis: { type: "log", gridcolor: "white" }, yaxis2: {}, font: { size: 12 } }, theme);
  assert.equal(layout.title, undefined);
  assert.deepEqual(layout.xaxis, { type: "log", gridcolor: "grid", linecolor: "line" });
  assert.deepEqual(layout.font, { size: 12, color: "ink", family: "font" });
});

test("traces are painted by number, marks in their lines, contours along the theme's scale", () => {
  const [line, marks, plain, contour] = themedTraces(
    [
      { meta: { colour: 3 }, line: { width: 2, color: "red" } },
      { meta: { colour: 0, marks: true }, marker: { symbol: "x-thin", line: { width: 2 } } },
      { line: { color: "red" } },
      { type: "contour", colorscale: "Blues" },
    ],
    theme,
  );
  assert.deepEqual(line.line, { width: 2, color: "s1" });
  assert.deepEqual(marks.marker, { symbol: "x-thin", color: "s0", line: { width: 2, color: "s0" } });
  assert.deepEqual(plain.line, { color: "red" });
  assert.deepEqual(contour.colorscale, [[0, "low"], [1, "high"]]);
});
