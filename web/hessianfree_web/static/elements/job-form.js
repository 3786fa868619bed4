// <job-form>: a job, from the schemas that workers announced to the server's answer.

import { ApiError, post } from "../api.js";
import { listen } from "../events.js";
import { isDefault, nest, pick } from "../lib/forms.js";
import { fieldsOf } from "../lib/schema.js";
import { make, setText, show } from "./dom.js";
import { FormField } from "./form-field.js";
import { pageData } from "./page-data.js";

const GENERAL = ["name", "budget.steps", "budget.seconds", "budget.target_loss", "seed", "dtype", "device", "tags"];
const FURTHER = ["priority", "max_attempts", "checkpoint_every", "record.spectrum", "record.spectrum_of", "record.slices", "resources.gpus", "resources.processes", "notes"];
const TITLES = { "budget.steps": "Steps", "budget.seconds": "Seconds", "budget.target_loss": "Target loss", dtype: "Precision", "record.spectrum": "Steps between spectra", "record.slices": "Steps between slices" };

class JobForm extends HTMLElement {
  #data = pageData();
  #fields = new Map(); // group -> FormFields
  #key = newKey();
  #listening = new AbortController();

  connectedCallback() {
    const ready = this.#data.problems.length > 0 && this.#data.optimizers.length > 0;
    show(this.querySelector('[data-part="nobody"]'), !ready);
    show(this.#form, ready);
    const { signal } = this.#listening;
    if (!ready) {
      listen("workers", () => location.reload(), signal);
      return;
    }
    this.#form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.#form.addEventListener("input", (event) => this.#changed(event.target), { signal });
    this.#fillChoices("problem", this.#data.problems);
    this.#fillChoices("optimizer", this.#data.optimizers, this.#data.job_schema.properties.optimizer.default);
    this.#part("devices").append(...["auto", ...this.#data.devices].map((value) => make("option", { value })));
    this.#fillGeneral();
    this.#preview();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #form() {
    return this.querySelector("form");
  }

  #changed(control) {
    this.#key = newKey(); // another job than the one that may already have been sent
    if (control.name === "problem" || control.name === "optimizer") this.#fillParams(control.name);
    this.#preview();
  }

  #fillChoices(name, infos, preferred = null) {
    const start = this.#data.start?.[name] ?? preferred;
    const chosen = infos.some((info) => info.name === start) ? start : infos[0].name;
    this.#part(name).replaceChildren(...infos.map((info) => this.#choice(name, info, info.name === chosen)));
    this.#fillParams(name);
  }

  #choice(name, info, checked) {
    const id = `${name}-${info.name}`;
    const named = { "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` };
    return make(
      "label",
      { class: "choice" },
      make("input", { type: "radio", name, value: info.name, checked, required: true, ...named }),
      make("span", { class: "choice-title", id: `${id}-title` }, info.title || info.name),
      make("span", { class: "choice-text", id: `${id}-text` }, info.description),
    );
  }

  #chosen(name) {
    return this.#form.elements.namedItem(name).value;
  }

  #fillParams(name) {
    const infos = name === "problem" ? this.#data.problems : this.#data.optimizers;
    const info = infos.find((each) => each.name === this.#chosen(name));
    const group = `${name}_params`;
    const start = this.#data.start?.[name] === info.name ? this.#data.start : null;
    const fields = fieldsOf(info.params_schema, group).map((field) => new FormField(field, start ? pick(start, field.path) : undefined));
    this.#place(group, fields);
    show(this.#part(`${group}-none`), fields.length === 0);
  }

  #fillGeneral() {
    const known = new Map(fieldsOf(this.#data.job_schema).map((field) => [field.path, field]));
    for (const [group, paths] of [["general", GENERAL], ["further", FURTHER]]) {
      const fields = paths.map((path) => ({ ...known.get(path), title: TITLES[path] ?? known.get(path).title }));
      this.#place(group, fields.map((field) => new FormField(field, this.#data.start ? pick(this.#data.start, field.path) : undefined)));
    }
  }

  #place(group, fields) {
    this.#fields.set(group, fields);
    this.#part(group).replaceChildren(...fields.map((field) => field.element));
  }

  get #all() {
    return [...this.#fields.values()].flat();
  }

  /** The job as it stands: what differs from the defaults; null when a field cannot be read. */
  #job() {
    const pairs = [["problem", this.#chosen("problem")], ["optimizer", this.#chosen("optimizer")]];
    let wrong = null;
    for (const field of this.#all) {
      const read = field.check();
      if (read.error) wrong ??= field;
      else if (!isDefault(field.field, read.value)) pairs.push([field.field.path, read.value]);
    }
    return { job: wrong ? null : nest(pairs), wrong };
  }

  #preview() {
    const { job } = this.#job();
    if (job) setText(this.#part("preview"), JSON.stringify(job, null, 2));
  }

  async #submit(event) {
    event.preventDefault();
    const { job, wrong } = this.#job();
    if (wrong) {
      this.#complain("Some values cannot be used; each says why.");
      this.#reveal(wrong);
      return;
    }
    const button = this.#part("submit");
    button.disabled = true;
    this.#complain("");
    try {
      // The key makes a second click, or a retry after a lost answer, the same job.
      const run = await post("/jobs", job, { "Idempotency-Key": this.#key });
      location.assign(`/runs/${run.id}`);
    } catch (error) {
      button.disabled = false;
      this.#refused(error);
    }
  }

  #refused(error) {
    const elsewhere = [];
    let first = null;
    for (const { path, message } of error instanceof ApiError ? error.errors : []) {
      const field = this.#all.find((each) => each.field.path === path || path.startsWith(`${each.field.path}.`));
      if (field) field.complain(message);
      else elsewhere.push(message);
      first ??= field;
    }
    this.#complain(elsewhere.join(" ") || (first ? "The server refused some values; each says why." : error.message));
    if (first) this.#reveal(first);
  }

  #reveal(field) {
    const details = field.element.closest("details");
    if (details) details.open = true;
    field.focus();
  }

  #complain(text) {
    setText(this.#part("complaint"), text);
    show(this.#part("complaint"), text !== "");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

/** An Idempotency-Key. (crypto.randomUUID is missing where a page does not come over https or from localhost.) */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

customElements.define("job-form", JobForm);
