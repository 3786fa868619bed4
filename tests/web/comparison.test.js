import assert from "node:assert/strict";
import { test } from "node:test";

import { assign, colourOf, dashOf, LOOKS } from "../../web/hessianfree_web/static/lib/colours.js";
import * as comparison from "../../web/hessianfree_web/static/lib/comparison.js";
import { differences, flatten, formatValue, settingsOf } from "../../web/hessianfree_web/static/lib/config.js";
import { TraceFeed } from "../../web/hessianfree_web/static/lib/feed.js";
import { findQuery } from "../../web/hessianfree_web/static/lib/finding.js";
import { arranged, bestOf, columnsOf, nextSort, summaryRows, summaryTable } from "../../web/hessianfree_web/static/lib/summary.js";
import { costColumns, fastest, targetRows } from "../../web/hessianfree_web/static/lib/targets.js";
import { themedLayout, themedTraces } from "../../web/hessianfree_web/static/lib/theme.js";

const { comparisonFrom, comparisonSearch } = comparison;
const address = (search) => comparisonSearch(comparisonFrom(search));

test("the address holds the view, and only what was chosen", () => {
  assert.equal(address("?runs=a"), "?runs=a");
  const full =
    "?runs=a,b,c&metrics=loss,damping&x=seconds&middle=median&band=range&relation=ratio&cost=step&zoom=1,50&group=config.lr&baseline=b" +
    "&goal=eval_loss&across=config.lr&up=loss.last&sort=-loss.min&logx=1&log=damping,-loss&smooth=0.9&target=0.5&settings=all&hide=c";
  assert.equal(address(full), full);
  const view = comparisonFrom(full);
  assert.deepEqual([view.logs, view.smooth, view.target, view.hidden, view.metrics], [{ damping: true, loss: false }, 0.9, 0.5, ["c"], ["loss", "damping"]]);
});

test("nonsense in an address is what one gets unasked", () => {
  const view = comparisonFrom("?x=nonsense&middle=mode&smooth=2&target=much&logx=maybe");
  assert.deepEqual([view.x, view.middle, view.smooth, view.target, view.logx], ["step", "mean", 0, null, false]);
  assert.equal(comparisonSearch(view), "?runs=");
  assert.deepEqual(comparisonFrom("?metric=damping").metrics, ["damping"]);
});

test("the fewer are named: those that are hidden, or those that are not", () => {
  assert.equal(address("?runs=a,b,c,d&hide=a"), "?runs=a,b,c,d&hide=a");
  assert.equal(address("?runs=a,b,c,d&hide=a,b,c"), "?runs=a,b,c,d&only=d");
  assert.deepEqual(comparisonFrom("?runs=a,b,c,d&only=d").hidden, ["a", "b", "c"]);
  assert.equal(address("?runs=a,b&group=optimizer&hide=adam,sgd"), "?runs=a,b&group=optimizer&hide=adam,sgd");
});

test("names in an address cannot add to it", () => {
  const view = { ...comparisonFrom("?runs=a"), runs: ["a&x=1"] };
  assert.equal(comparison.metricAddress(view, "loss&runs=b"), "/api/v1/figures/metric?runs=a%26x%3D1&x=step&metric=loss%26runs%3Db");
  const odd = { ...comparisonFrom("?runs=a,b"), hidden: ["lr 1,5", "100 %"], metrics: ["a,b"] };
  assert.deepEqual(comparisonFrom(comparisonSearch(odd)).hidden, ["lr 1,5", "100 %"]);
  assert.deepEqual(comparisonFrom(comparisonSearch(odd)).metrics, ["a,b"]);
});

test("a chart is asked for with what is chosen for all", () => {
  const view = comparisonFrom("?runs=a,b&x=seconds&smooth=0.9&group=optimizer&middle=median&baseline=b");
  const query = new URL(comparison.metricAddress(view, "loss"), "http://x").searchParams;
  const asked = { runs: "a,b", x: "seconds", metric: "loss", smooth: "0.9", group: "optimizer", middle: "median", band: "quantiles", baseline: "b", relation: "difference" };
  assert.deepEqual(Object.fromEntries(query), asked);
  assert.equal(comparison.metricAddress(comparisonFrom("?runs=a&baseline=gone"), "loss"), "/api/v1/figures/metric?runs=a&x=step&metric=loss");
  assert.equal(comparison.scatterAddress(view), "/api/v1/figures/scatter?runs=a,b&x=seconds&metric=loss.min&group=optimizer");
  assert.equal(comparison.profileAddress(comparisonFrom("?runs=a&target=2")), "/api/v1/figures/performance-profile?runs=a&x=gradient_equivalents&metric=loss&target=2");
});

test("unasked the first four charts of interest are drawn", () => {
  const view = comparisonFrom("?runs=a");
  assert.deepEqual(comparison.chartsOf(view, ["loss", "damping", "zeta", "eval_loss", "eval_error", "gradient_norm"]), ["loss", "eval_loss", "gradient_norm", "damping"]);
  assert.deepEqual(comparison.chartsOf(view, ["zeta", "eta"]), ["zeta"]);
  assert.deepEqual(comparison.chartsOf(comparisonFrom("?metrics="), ["loss"]), []);
});

test("one is isolated, and all are shown again", () => {
  const all = ["a", "b", "c"];
  assert.deepEqual(comparison.isolated([], all, "b"), ["a", "c"]);
  assert.deepEqual(comparison.isolated(["a", "c"], all, "b"), []);
  assert.deepEqual(comparison.isolated(["a", "c"], all, "a"), ["b", "c"]);
  assert.deepEqual(comparison.toggled(["a"], "a"), []);
  assert.deepEqual(comparison.toggled(["a"], "b"), ["a", "b"]);
  assert.equal(comparison.isHidden({ run: "a" }, ["a"]), true);
  assert.equal(comparison.isHidden({ of: "a" }, ["a"]), true);
  assert.equal(comparison.isHidden({ group: "g", of: ["a"] }, ["a"]), false);
  assert.equal(comparison.isHidden({ group: "g", of: ["a"] }, ["g"]), true);
});

test("the slider of smoothing is fine near one and comes back to its place", () => {
  assert.deepEqual([0, 40, 80, 100].map(comparison.weightAt), [0, 0.9, 0.99, 0.997]);
  for (const place of [0, 10, 40, 60, 80]) assert.equal(comparison.placeOf(comparison.weightAt(place)), place);
});

test("a run keeps its colour unless an earlier one has it", () => {
  assert.deepEqual(assign([3, 8, 3, 4, 31, 31]), [3, 8, 4, 5, 31, 0]);
  const many = Array.from({ length: 100 }, (_, place) => (place * 7) % LOOKS);
  const given = assign(many);
  assert.equal(new Set(given.slice(0, LOOKS)).size, LOOKS);
  for (const length of [1, 5, 32, 33, 64, 99]) assert.deepEqual(assign(many.slice(0, length)), given.slice(0, length));
});

test("colours come again with another dash", () => {
  assert.deepEqual([0, 7, 8, 31].map((index) => [colourOf(index), dashOf(index)]), [[0, "solid"], [7, "solid"], [0, "dash"], [7, "dashdot"]]);
});

test("rows that come later go on with the average, not with the values", () => {
  const feed = new TraceFeed({ run: "a", metric: "loss", x: "step", step: 2, smooth: { weight: 0.5, last: 20 / 3, count: 2 } });
  const rows = [4, "NaN", 2].map((loss, place) => ({ step: place + 2, metrics: { loss } })).concat({ step: 5, metrics: { loss: 4 } });
  const added = feed.take(rows);
  assert.deepEqual([added.x, added.customdata], [[4, 5], [4, 5]]);
  const expected = [(8 * 0.25 + 6 * 0.5 + 2) / 1.75, (8 * 0.125 + 6 * 0.25 + 2 * 0.5 + 4) / 1.875];
  added.y.forEach((y, place) => assert.ok(Math.abs(y - expected[place]) < 1e-12));
});

const run = (id, loss, more = {}) => ({ id, state: "completed", spec: {}, progress: { step: 3, seconds: 1 }, summary: loss === null ? {} : { loss: { min: loss, last: loss } }, ...more });

test("the summary has the columns that any run has, in any order", () => {
  const known = new Map([["a", { gradient_equivalents: 5 }]]);
  const totals = { of: (id) => known.get(id) ?? {} };
  const rows = summaryRows([run("a", 2), run("b", null), run("c", "Infinity")], [{ name: "A" }, { name: "B" }, { name: "C" }], totals);
  assert.deepEqual(columnsOf(rows).map(([key]) => key), ["name", "state", "step", "loss.min", "loss.last", "seconds", "gradient_equivalents"]);
  const order = (sort) => arranged(rows, sort).map(({ name }) => name).join("");
  assert.deepEqual(["", "loss.min", "-loss.min", "-name", "nonsense"].map(order), ["ABC", "ACB", "CAB", "CBA", "ABC"]);
  assert.deepEqual([nextSort("", "x"), nextSort("x", "x"), nextSort("-x", "x")], ["x", "-x", ""]);
  assert.deepEqual(bestOf(rows), {});
  assert.equal(bestOf(summaryRows([run("a", 2), run("b", 1)], [{}, {}], totals))["loss.min"], 1);
  assert.deepEqual(summaryTable(rows).rows[0], ["a", "A", "completed", 3, 2, 2, 1, 5]);
});

test("who arrived comes first, who never did last", () => {
  const found = { items: [{ run: "a", target: 1, costs: null }, { run: "b", target: 1, costs: { step: 9, seconds: "Infinity" } }, { run: "c", target: 1, costs: { step: 3, seconds: 4 } }] };
  const rows = targetRows(found, new Map([["a", { name: "A" }], ["b", { name: "B" }], ["c", { name: "C" }]]));
  assert.deepEqual(rows.map(({ name }) => name), ["C", "B", "A"]);
  const columns = costColumns(rows, comparison.COSTS);
  assert.deepEqual(columns.map(([key]) => key), ["step", "seconds"]);
  assert.deepEqual(fastest(rows, columns), { step: 3, seconds: 4 });
  assert.deepEqual(fastest(rows.slice(0, 1), columns), {});
});

test("words are looked for, comparisons are a filter", () => {
  assert.equal(findQuery(" digits hf ", 5), "q=digits+hf&limit=5");
  assert.equal(findQuery("loss.min < 0.1", 5), "filter=loss.min+%3C+0.1&limit=5");
  assert.equal(findQuery("", 5), "limit=5");
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
  assert.deepEqual(settingsOf(specs).map(({ path }) => path).slice(0, 3), ["optimizer", "optimizer_params.lr", "seed"]);
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

test("the area behind a line has the line's colour, thinner", () => {
  const [area] = themedTraces([{ meta: { colour: 1 }, line: { width: 0 }, fillcolor: "rgba(1,2,3,0.1)" }], { ...theme, series: ["#000000", "#0072b2"] });
  assert.deepEqual([area.fillcolor, area.line.color], ["#0072b22e", "#0072b2"]);
});
