// From a JSON Schema to the fields of a form.

const ABBREVIATIONS = { cg: "CG", lr: "learning rate", gpus: "GPUs", lbfgs: "L-BFGS" };
const MANY = 10; // fields that are better read in groups
const SHARED = 3;
const ALTERNATIVES = /^\^\((\w+(?:\|\w+)*)\)\$$/;

/**
 * The fields of an object schema, in its order, nested objects as dotted paths:
 * `{path, name, title, description, kind, nullable, required, initial, choices, low, lowOpen, high, highOpen, items, length, first}`.
 * `kind`: integer, number, boolean, choice, text, list or json; `initial` is the default, undefined where there is none. `first`: chosen before
 * the others ("x-first" of its schema).
 */
export function fieldsOf(schema, prefix = "", root = schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const path = prefix ? `${prefix}.${name}` : name;
    const property = resolve(given, root);
    if (property.properties) return fieldsOf(property, path, root);
    return [field(path, property, required.has(name), root)];
  });
}

/** Of many fields those that are chosen first, and the rest; of few, or where none is, all are first. */
export function foldedOf(fields) {
  const first = fields.filter((each) => each.first);
  if (fields.length < MANY || first.length === 0) return { first: fields, rest: [] };
  return { first, rest: fields.filter((each) => !each.first) };
}

/**
 * The fields in groups, as `{title, fields}`: those whose names share a word that at least three have, under that word, after
 * the others, which have no title. Few fields are one group.
 */
export function groupsOf(fields) {
  if (fields.length < MANY) return [{ title: "", fields }];
  const counts = new Map();
  for (const { name } of fields) for (const word of new Set(name.split("_"))) counts.set(word, (counts.get(word) ?? 0) + 1);
  const wordOf = ({ name }) => name.split("_").filter((word) => counts.get(word) >= SHARED).sort((a, b) => counts.get(b) - counts.get(a))[0] ?? "";
  const groups = new Map([["", []]]);
  for (const each of fields) groups.set(wordOf(each), [...(groups.get(wordOf(each)) ?? []), each]);
  return [...groups].map(([word, members]) => ({ title: word && capital(ABBREVIATIONS[word] ?? word), fields: members })).filter((group) => group.fields.length > 0);
}

function field(path, property, required, root) {
  const name = path.split(".").at(-1);
  const { schema, nullable } = withoutNull(property, root);
  const choices = choicesOf(schema);
  return {
    path,
    name,
    title: titleOf(name, property.title ?? schema.title),
    description: property.description ?? schema.description ?? "",
    kind: kindOf(schema, choices),
    nullable,
    required,
    initial: property.default,
    first: property["x-first"] === true,
    choices,
    low: schema.minimum ?? schema.exclusiveMinimum ?? null,
    lowOpen: schema.minimum === undefined && schema.exclusiveMinimum !== undefined,
    high: schema.maximum ?? schema.exclusiveMaximum ?? null,
    highOpen: schema.maximum === undefined && schema.exclusiveMaximum !== undefined,
    items: schema.items ? resolve(schema.items, root).type ?? "string" : null,
    length: { min: schema.minItems ?? schema.minLength ?? null, max: schema.maxItems ?? schema.maxLength ?? null },
  };
}

function resolve(schema, root) {
  if (!schema.$ref) return schema;
  const target = schema.$ref.replace(/^#\//, "").split("/").reduce((node, key) => node?.[key], root) ?? {};
  return { ...target, ...schema };
}

function withoutNull(property, root) {
  const options = (property.anyOf ?? property.oneOf)?.map((option) => resolve(option, root));
  if (options) {
    const rest = options.filter((option) => option.type !== "null");
    const schema = rest.length === 1 ? rest[0] : { enum: rest.every((option) => "const" in option) ? rest.map((option) => option.const) : undefined };
    return { schema, nullable: rest.length < options.length };
  }
  if (Array.isArray(property.type)) {
    const rest = property.type.filter((type) => type !== "null");
    return { schema: { ...property, type: rest.length === 1 ? rest[0] : undefined }, nullable: rest.length < property.type.length };
  }
  if (property.enum?.includes(null)) return { schema: { ...property, enum: property.enum.filter((value) => value !== null) }, nullable: true };
  return { schema: property, nullable: false };
}

function choicesOf(schema) {
  if (schema.enum) return schema.enum;
  if ("const" in schema) return [schema.const];
  return ALTERNATIVES.exec(schema.pattern ?? "")?.[1].split("|") ?? null;
}

function kindOf(schema, choices) {
  if (choices) return "choice";
  if (["integer", "number", "boolean"].includes(schema.type)) return schema.type;
  if (schema.type === "array") return "list";
  return schema.type === "string" ? "text" : "json";
}

/** A title that somebody gave; in place of one that a library made of the name, the name in words. */
function titleOf(name, given) {
  const words = name.split("_").map((word) => ABBREVIATIONS[word] ?? word);
  const made = name.split("_").map(capital).join(" ");
  if (given && given !== made) return given;
  return name.length === 1 ? name : capital(words.join(" "));
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
