// The form's side of a sweep: how settings that are varied are searched, and for what.

import { isDefault, nest, pick } from "../lib/forms.js";
import { formatCount } from "../lib/numbers.js";
import { fieldsOf } from "../lib/schema.js";
import { make, setText, show } from "./dom.js";
import { FormField } from "./form-field.js";

const PATHS = ["search.method", "search.trials", "search.startup_trials", "search.seed", "search.pruning.after", "search.pruning.factor", "search.pruning.of", "objective.metric", "objective.goal", "objective.at", "objective.target", "seeds", "parallel"];
const TITLES = { "search.method": "Method", "search.trials": "Trials", "search.startup_trials": "Random at first", "search.seed": "Sampler's seed", "search.pruning.after": "Prune after", "search.pruning.factor": "Keep one of", "search.pruning.of": "Pruning counts", "objective.metric": "Metric", "objective.goal": "Goal", "objective.at": "Value that counts", "objective.target": "Target", seeds: "Seeds", parallel: "At a time" };
// A grid is what most people mean who list a few values; without the first rung nothing is pruned.
const FIRST = { "search.method": { initial: "grid" }, "search.pruning.after": { required: false, nullable: true } };
const ALWAYS = ["search.method"];

/** Binds the section of a sweep's settings; `schema` is a sweep's. */
export class JobSweep {
  #section;
  #fields;

  constructor(section, schema) {
    this.#section = section;
    const fields = [...fieldsOf(schema), ...fieldsOf(schema.$defs.Pruning, "search.pruning", schema)];
    const known = new Map(fields.map((field) => [field.path, field]));
    this.#fields = PATHS.map((path) => new FormField({ ...known.get(path), ...FIRST[path], title: TITLES[path] }));
    section.querySelector('[data-part="sweep-fields"]').replaceChildren(...this.#fields.map((each) => each.element));
  }

  /** Whether there is anything to search; `problem` says which metrics there may be. */
  offer(isOffered, problem) {
    show(this.#section, isOffered);
    const metrics = new Set(["loss", "eval_loss", "eval_error", ...Object.keys(problem.metrics ?? {})]);
    this.#section.querySelector("datalist").replaceChildren(...[...metrics].map((value) => make("option", { value })));
  }

  /** The sweep of a job over a space: `{document, wrong}`. */
  read({ name, ...base }, space) {
    const pairs = name === undefined ? [] : [["name", name]];
    pairs.push(["base", base]);
    let wrong = null;
    for (const each of this.#fields) {
      const read = each.check();
      if (read.error) wrong ??= each;
      else if (ALWAYS.includes(each.field.path) || !isDefault(each.field, read.value)) pairs.push([each.field.path, read.value]);
    }
    const document = nest(pairs);
    return { document: { ...document, search: { ...document.search, space } }, wrong };
  }

  /** Show a sweep that the server has checked. */
  show(sweep) {
    for (const each of this.#fields) each.set(pick(sweep, each.field.path) ?? undefined);
  }

  /** Show faults beside their fields; those that have none come back, with the first field that has one. */
  complain(faults) {
    const of = ({ path }) => this.#fields.find((each) => path === each.field.path || path.startsWith(`${each.field.path}.`));
    for (const fault of faults) of(fault)?.complain(fault.message);
    return { first: faults.map(of).find(Boolean) ?? null, rest: faults.filter((fault) => !of(fault)) };
  }

  /** Say how many runs there will be; null: it is not known. */
  count(trials, runs) {
    const words = trials === null ? "" : `${formatCount(trials)} ${trials === 1 ? "trial" : "trials"}${runs > trials ? `, ${formatCount(runs)} runs` : ""}`;
    setText(this.#section.querySelector('[data-part="count"]'), words);
  }
}
