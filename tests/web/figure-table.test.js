import assert from "node:assert/strict";
import { test } from "node:test";

import { moved } from "../../web/hessianfree_web/static/lib/choice.js";
import { fileName, pictureOf } from "../../web/hessianfree_web/static/lib/figure-image.js";
import { csvOf, tableOf } from "../../web/hessianfree_web/static/lib/figure-table.js";

const layout = { meta: { x: "step" }, xaxis: { title: { text: "Step" } }, yaxis: { title: { text: "Loss" } } };
const line = (name, x, y, more = {}) => ({ name, x, y, ...more });

test("lines over the same x stand beside each other, in order of x", () => {
  const data = [line("Loss", [1, 2, 3], [4, 2, 1]), line("Held-out loss", [3, 1], [1.5, 4.5])];
  assert.deepEqual(tableOf({ data, layout }), {
    columns: ["Step", "Loss", "Held-out loss"],
    rows: [[1, 4, 4.5], [2, 2, null], [3, 1, 1.5]],
  });
});

test("lines whose x differ stand below each other", () => {
  const data = [line("a", [0.2, 0.1], [1, 2]), line("b", [0.3, 0.4], [3, 4]), line("c", [0.5], [5])];
  const { columns, rows } = tableOf({ data, layout });
  assert.deepEqual(columns, ["Curve", "Step", "Loss"]);
  assert.deepEqual(rows, [["a", 0.1, 2], ["a", 0.2, 1], ["b", 0.3, 3], ["b", 0.4, 4], ["c", 0.5, 5]]);
});

test("a gap of the line is what its mark at the edge says", () => {
  const meta = { run: "r", metric: "loss" };
  const data = [
    line("Loss", [1, 2, 3], [4, null, 1], { meta }),
    line("Loss", [2], [1], { meta: { ...meta, marks: true }, text: ["NaN"] }),
    line("marks", [3], [0], { text: ["damping set to 1<br>from step 3 on"] }),
  ];
  assert.deepEqual(tableOf({ data, layout }), {
    columns: ["Step", "Loss", "What happened"],
    rows: [[1, 4, null], [2, "NaN", null], [3, 1, "damping set to 1 from step 3 on"]].map((row) => row.map((value) => (value === "NaN" ? NaN : value))),
  });
});

test("two runs of one name keep a column each", () => {
  const data = [line("same", [1], [4], { meta: { run: "a" } }), line("same", [1], [5], { meta: { run: "b" } })];
  assert.deepEqual(tableOf({ data, layout }).rows, [[1, 4, 5]]);
});

test("a heat map is a row a cell, bars that lie down are turned", () => {
  const field = { type: "heatmap", x: [1, 2], y: [10], z: [[0.5, "NaN"]], colorbar: { title: { text: "Residual" } } };
  assert.deepEqual(tableOf({ data: [field], layout }), { columns: ["Step", "Loss", "Residual"], rows: [[1, 10, 0.5], [2, 10, NaN]] });
  const bars = { type: "bar", orientation: "h", name: "share", x: [0.7, 0.3], y: ["lr", "damping"] };
  assert.deepEqual(tableOf({ data: [bars], layout }).rows, [["lr", 0.7], ["damping", 0.3]]);
});

test("a figure's own table goes before what it draws", () => {
  const table = { columns: ["Trial", "damping", "loss"], rows: [[0, 0.1, 4], [1, 0.1, null], [2, 10, "Infinity"]] };
  const drawn = { data: [line("others", [0, 0], [1, 1])], layout: { ...layout, meta: { x: "step", table } } };
  assert.deepEqual(tableOf(drawn), { columns: table.columns, rows: [[0, 0.1, 4], [1, 0.1, null], [2, 10, Infinity]] });
});

test("nothing drawn is an empty table", () => {
  assert.deepEqual(tableOf({ data: [line("Loss", [], [])], layout }), { columns: ["Step"], rows: [] });
});

test("CSV quotes what needs it and leaves out what is not there", () => {
  const table = { columns: ["Step", 'say "hi", you'], rows: [[1, null], [2, NaN], [3, "two\nlines"]] };
  assert.equal(csvOf(table), 'Step,"say ""hi"", you"\r\n1,\r\n2,NaN\r\n3,"two\nlines"\r\n');
});

test("an image has its title, its run and the page's paper in it", () => {
  const theme = { paper: "#123456", strong: "#ffffff" };
  const { data, layout: picture } = pictureOf({ data: [1], layout: { ...layout, paper_bgcolor: "rgba(0,0,0,0)" } }, { title: "Loss", of: "a <b>run</b>", theme });
  assert.deepEqual(data, [1]);
  assert.equal(picture.title.text, "Loss · a &lt;b&gt;run&lt;/b&gt;");
  assert.deepEqual([picture.paper_bgcolor, picture.plot_bgcolor, picture.xaxis], ["#123456", "#123456", layout.xaxis]);
});

test("an image of several runs says which line is whose, also where the page has one legend for many figures", () => {
  const hidden = { data: [], layout: { showlegend: false } };
  const theme = { paper: "#123456", strong: "#ffffff" };
  assert.equal(pictureOf(hidden, { title: "Loss", of: "", theme }).layout.showlegend, true);
  assert.equal(pictureOf(hidden, { title: "Loss", of: "a run", theme }).layout.showlegend, false);
});

test("files of figures have names that every system takes", () => {
  assert.equal(fileName("Loss", "Größe: 1/2"), "loss-of-gro-e-1-2");
  assert.equal(fileName("损失", ""), "figure");
  assert.ok(fileName("x".repeat(300), "").length <= 80);
});

test("arrows go round, Home and End to the ends, other keys nowhere", () => {
  assert.deepEqual(["ArrowDown", "ArrowUp", "Home", "End", "a"].map((key) => moved(key, 2, 3)), [0, 1, 0, 2, null]);
  assert.deepEqual(["ArrowDown", "ArrowUp"].map((key) => moved(key, -1, 3)), [0, 2]);
  assert.equal(moved("ArrowDown", -1, 0), null);
});
