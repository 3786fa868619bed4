// The form's side of a job: choices of problem and optimizer, a field for each setting, and what has no field.

import { isDefault, nest, pick } from "../lib/forms.js";
import { unknownTo } from "../lib/document.js";
import { fieldsOf, foldedOf, groupsOf } from "../lib/schema.js";
import { make, show } from "./dom.js";
import { FormField } from "./form-field.js";
import { OfferChoice } from "./offer-choice.js";

const GENERAL = ["name", "budget.steps", "budget.seconds", "budget.target_loss", "seed", "dtype", "device", "tags"];
const FURTHER = ["priority", "max_attempts", "checkpoint_every", "record.spectrum", "record.spectrum_of", "record.slices", "resources.gpus", "resources.processes", "notes"];
const TITLES = { "budget.steps": "Steps", "budget.seconds": "Seconds", "budget.target_loss": "Target loss", dtype: "Precision", "record.spectrum": "Steps between spectra", "record.slices": "Steps between slices" };
const PATHS = ["problem", "optimizer"];

/** Binds the fields of the form `root`; `data` has what workers announced, and the schema of a job. */
export class JobFields {
  #root;
  #choices = {}; // problem, optimizer: OfferChoice
  #groups = new Map(); // name -> FormFields
  #extras = new Map(); // path -> {value, row}

  constructor(root, data) {
    this.#root = root;
    const { problem, optimizer } = data.first;
    this.#offer("problem", data.problems, { first: problem, chosen: problem[0] });
    this.#offer("optimizer", data.optimizers, { first: optimizer, chosen: data.job_schema.properties.optimizer.default });
    this.#part("devices").append(...["auto", ...data.devices].map((value) => make("option", { value })));
    const known = new Map(fieldsOf(data.job_schema).map((field) => [field.path, field]));
    for (const [group, paths] of [["general", GENERAL], ["further", FURTHER]]) {
      this.#place(group, paths.map((path) => ({ ...known.get(path), title: TITLES[path] ?? known.get(path).title })));
    }
  }

  /** The problem's and the optimizer's announced record. */
  get problem() {
    return this.#choices.problem.info;
  }

  get optimizer() {
    return this.#choices.optimizer.info;
  }

  /** What the form says: `job` (what differs from the defaults), `space` (what a sweep tries), `wrong` (a field that cannot be read). */
  read() {
    const pairs = PATHS.map((name) => [name, this.#choices[name].info.name]);
    const space = {};
    let wrong = null;
    for (const each of this.#all) {
      const read = each.check();
      if (read.error) wrong ??= each;
      else if (read.dimension) space[each.field.path] = read.dimension;
      else if (!isDefault(each.field, read.value)) pairs.push([each.field.path, read.value]);
    }
    for (const [path, { value }] of this.#extras) pairs.push([path, value]);
    return { job: nest(pairs), space, wrong };
  }

  /** Show a job (what is not given has its default) and what a sweep tries of it. Names of problems unknown here come back. */
  show(job, space = {}) {
    const unknown = PATHS.filter((name) => job[name] !== undefined && !this.#choose(name, job[name]));
    for (const each of this.#all) {
      each.set(pick(job, each.field.path));
      if (space[each.field.path] !== undefined) each.vary(space[each.field.path]);
    }
    const paths = [...PATHS, ...this.#all.map(({ field }) => field.path)];
    this.#showExtras(unknownTo(paths, job));
    // What differs from its default is not hidden.
    for (const fold of this.#root.querySelectorAll("details")) fold.open ||= fold.querySelector("[data-changed], [data-varied]") !== null;
    return unknown;
  }

  /** Another problem or optimizer was chosen: its parameters, with their defaults. */
  chosen(name) {
    this.#fillParams(name);
  }

  /** Show faults `[{path, message}]` beside their fields: the first field with one, and the messages of no field. */
  complain(faults) {
    const elsewhere = [];
    let first = null;
    for (const { path, message } of faults) {
      const plain = path.replace(/^(?:base|search\.space)\./, "");
      const field = this.#all.find((each) => each.field.path === plain || plain.startsWith(`${each.field.path}.`));
      if (field) field.complain(message);
      else if (!this.#complainOfExtra(plain, message)) elsewhere.push(message);
      first ??= field ?? null;
    }
    return { first, elsewhere };
  }

  /** Bring a field before the reader's eyes. */
  reveal(field) {
    const details = field.element.closest("details");
    if (details) details.open = true;
    field.focus();
  }

  get #all() {
    return [...this.#groups.values()].flat();
  }

  #offer(name, offers, order) {
    this.#choices[name] = new OfferChoice(this.#part(name), name, offers, order);
    this.#fillParams(name);
  }

  /** Whether there is such a choice; its parameters are shown. */
  #choose(name, value) {
    if (this.#choices[name].info.name === value) return true;
    if (!this.#choices[name].choose(value)) return false;
    this.#fillParams(name);
    return true;
  }

  #fillParams(name) {
    const group = `${name}_params`;
    const fields = fieldsOf(this.#choices[name].info.params_schema, group);
    this.#place(group, fields);
    show(this.#part(`${group}-none`), fields.length === 0);
  }

  #place(group, fields) {
    const { first, rest } = foldedOf(fields);
    const [shown, folded] = [sectionsOf(first), sectionsOf(rest)];
    this.#groups.set(group, [...shown, ...folded].flatMap(({ members }) => members));
    this.#part(group).replaceChildren(...elementsOf(shown));
    if (rest.length === 0) return;
    const more = make("summary", {}, `${rest.length} more settings`);
    this.#part(group).append(make("details", { class: "wide" }, more, make("div", { class: "fields" }, ...elementsOf(folded))));
  }

  #showExtras(pairs) {
    this.#extras.clear();
    this.#part("extras").replaceChildren(...pairs.map(([path, value]) => this.#extra(path, value)));
    show(this.#part("extras-card"), pairs.length > 0);
  }

  #extra(path, value) {
    const button = make("button", { type: "button", class: "button small", "aria-label": `Remove ${path}` }, "Remove");
    const complaint = make("p", { class: "field-error", hidden: true });
    const row = make("li", {}, make("code", {}, path), make("code", { class: "extra-value" }, JSON.stringify(value)), button, complaint);
    this.#extras.set(path, { value, complaint });
    button.addEventListener("click", () => {
      this.#extras.delete(path);
      row.remove();
      show(this.#part("extras-card"), this.#extras.size > 0);
      this.#root.dispatchEvent(new Event("input", { bubbles: true }));
    });
    return row;
  }

  #complainOfExtra(path, message) {
    const extra = this.#extras.get(path);
    if (!extra) return false;
    extra.complaint.textContent = message;
    show(extra.complaint, true);
    return true;
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }
}

function sectionsOf(fields) {
  return groupsOf(fields).map(({ title, fields: members }) => ({ title, members: members.map((field) => new FormField(field)) }));
}

function elementsOf(sections) {
  return sections.flatMap(({ title, members }) => [...(title ? [make("h3", { class: "wide" }, title)] : []), ...members.map(({ element }) => element)]);
}
