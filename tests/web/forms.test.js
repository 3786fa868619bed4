import assert from "node:assert/strict";
import { test } from "node:test";

import { boundsText, defaultText, hintText, isDefault, nest, pick, readField, textOf } from "../../web/hessianfree_web/static/lib/forms.js";
import { fieldsOf, foldedOf, groupsOf } from "../../web/hessianfree_web/static/lib/schema.js";

const schema = {
  $defs: {
    Activation: { enum: ["tanh", "relu"], type: "string" },
    Budget: { type: "object", properties: { steps: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: 100, title: "Steps" } } },
  },
  type: "object",
  required: ["problem"],
  properties: {
    problem: { type: "string", minLength: 1, maxLength: 5, title: "Problem" },
    cg_max_iter: { type: "integer", minimum: 1, maximum: 1000, default: 250, title: "Cg Max Iter", description: "Most iterations." },
    lr: { type: "number", exclusiveMinimum: 0, default: 1, title: "Lr" },
    adapt: { type: "boolean", default: true },
    activation: { $ref: "#/$defs/Activation", default: "tanh", description: "Of the layers." },
    dtype: { type: "string", pattern: "^(float32|float64)$", default: "float32" },
    budget: { $ref: "#/$defs/Budget" },
    betas: { type: "array", items: { type: "number" }, default: [0.9, 0.999] },
    tags: { type: "array", items: { type: "string" } },
    code: { type: ["integer", "null"], default: null },
    extra: { type: "object", additionalProperties: true, default: {} },
    x: { type: "number", default: -1.2, title: "X" },
  },
};
const fields = Object.fromEntries(fieldsOf(schema, "params").map((field) => [field.path.replace("params.", ""), field]));

test("kinds follow from types, enums, patterns, references and alternatives with null", () => {
  const kinds = Object.fromEntries(Object.entries(fields).map(([path, field]) => [path, field.kind]));
  assert.deepEqual(kinds, {
    problem: "text",
    cg_max_iter: "integer",
    lr: "number",
    adapt: "boolean",
    activation: "choice",
    dtype: "choice",
    "budget.steps": "integer",
    betas: "list",
    tags: "list",
    code: "integer",
    extra: "json",
    x: "number",
  });
  assert.deepEqual(fields.activation.choices, ["tanh", "relu"]);
  assert.deepEqual(fields.dtype.choices, ["float32", "float64"]);
  assert.equal(fields["budget.steps"].nullable, true);
  assert.equal(fields.code.nullable, true);
  assert.equal(fields.lr.nullable, false);
  assert.equal(fields.problem.required, true);
});

test("titles that a library made of the name become words, given ones stay", () => {
  assert.equal(fields.cg_max_iter.title, "CG max iter");
  assert.equal(fields.lr.title, "Learning rate");
  assert.equal(fields.x.title, "x");
  const [given] = fieldsOf({ properties: { lr: { type: "number", title: "Step size" } } });
  assert.equal(given.title, "Step size");
});

test("bounds in words", () => {
  assert.equal(boundsText(fields.cg_max_iter), "between 1 and 1\u202f000");
  assert.equal(boundsText(fields.lr), "above 0");
  assert.equal(boundsText(fields.adapt), "");
  assert.equal(hintText(fields.betas), "Separated by commas.");
  assert.equal(hintText(fields.cg_max_iter), "Most iterations. Between 1 and 1\u202f000.");
});

test("what was typed is read as its kind, or answered with a sentence", () => {
  assert.deepEqual(readField(fields.cg_max_iter, " 12 "), { value: 12 });
  assert.deepEqual(readField(fields.lr, "1e-3"), { value: 0.001 });
  assert.deepEqual(readField(fields.activation, "relu"), { value: "relu" });
  assert.deepEqual(readField(fields.adapt, false), { value: false });
  assert.deepEqual(readField(fields.code, ""), { value: null });
  assert.deepEqual(readField(fields.betas, "0.8, 0.99"), { value: [0.8, 0.99] });
  assert.deepEqual(readField(fields.tags, "a b, c"), { value: ["a b", "c"] });
  assert.deepEqual(readField(fields.extra, '{"a": 1}'), { value: { a: 1 } });
  const faults = [
    [fields.cg_max_iter, "0", /between 1 and 1\u202f000; this is 0/],
    [fields.cg_max_iter, "2.5", /whole number/],
    [fields.cg_max_iter, "", /value is needed/],
    [fields.lr, "0", /above 0; this is 0/],
    [fields.lr, "fast", /fast is not a number/],
    [fields.betas, "0.9, x", /x is not a number/],
    [fields.extra, "{", /not valid JSON/],
    [fields.problem, "too long", /At most 5 characters/],
  ];
  for (const [field, typed, sentence] of faults) assert.match(readField(field, typed).error, sentence);
});

test("a field starts with its default and knows when it still holds it", () => {
  assert.equal(textOf(fields.cg_max_iter, 250), "250");
  assert.equal(textOf(fields.betas, [0.9, 0.999]), "0.9, 0.999");
  assert.equal(textOf(fields.adapt, true), true);
  assert.equal(textOf(fields.code, null), "");
  assert.ok(isDefault(fields.betas, readField(fields.betas, "0.9, 0.999").value));
  assert.ok(isDefault(fields.tags, []));
  assert.ok(!isDefault(fields.lr, 2));
  assert.ok(!isDefault(fields["budget.steps"], null));
});

test("dotted paths nest and are found again", () => {
  const job = nest([["problem", "beale"], ["budget.steps", 3], ["budget.seconds", null]]);
  assert.deepEqual(job, { problem: "beale", budget: { steps: 3, seconds: null } });
  assert.equal(pick(job, "budget.steps"), 3);
  assert.equal(pick(job, "budget.steps.deeper.still"), undefined);
  assert.equal(pick(job, "nothing.there"), undefined);
});

test("defaults are told in words, and only where there is one to tell of", () => {
  assert.equal(defaultText(fields.cg_max_iter), "250");
  assert.equal(defaultText(fields.adapt), "on");
  assert.equal(defaultText(fields.code), "none");
  assert.equal(defaultText(fields.betas), "0.9, 0.999");
  assert.equal(defaultText(fields.problem), "");
  assert.equal(defaultText(fields.extra), "");
});

test("many fields are grouped by the words that their names share, few are not", () => {
  const named = (...names) => names.map((name) => ({ name }));
  const few = named("damping", "damping_least", "damping_every");
  assert.deepEqual(groupsOf(few), [{ title: "", fields: few }]);
  const many = named("damping", "cg_stop", "lr", "damping_least", "adapt_damping", "cg_start", "use_cg", "verbose", "seed", "cg_damping");
  const told = groupsOf(many).map(({ title, fields: members }) => [title, members.map((field) => field.name)]);
  assert.deepEqual(told, [
    ["", ["lr", "verbose", "seed"]],
    ["Damping", ["damping", "damping_least", "adapt_damping"]],
    ["CG", ["cg_stop", "cg_start", "use_cg", "cg_damping"]],
  ]);
});

test("of many settings those that are chosen first stand before the others, of few all do", () => {
  const many = Object.fromEntries(Array.from("abcdefghijkl", (name) => [name, { type: "number", ...(name < "c" && { "x-first": true }) }]));
  const names = (asked) => Object.values(foldedOf(fieldsOf({ properties: asked }))).map((group) => group.map(({ name }) => name).join(""));
  assert.deepEqual(names(many), ["ab", "cdefghijkl"]);
  assert.deepEqual(names({ a: many.a, d: many.d }), ["ad", ""]);
  for (const each of Object.values(many)) delete each["x-first"];
  assert.deepEqual(names(many), ["abcdefghijkl", ""]);
});
