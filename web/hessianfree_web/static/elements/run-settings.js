// <run-settings>: gives a running job other settings. A button [data-part="open"] and a dialog with a form of the fields
// that the run's optimizer takes while it runs, as they are in force.

import { ApiError, get, post } from "../api.js";
import { effective } from "../lib/history.js";
import { nest, pick } from "../lib/forms.js";
import { fieldsOf } from "../lib/schema.js";
import { setText, show } from "./dom.js";
import { FormField } from "./form-field.js";
import { pageData } from "./page-data.js";

class RunSettings extends HTMLElement {
  #fields = [];
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    this.#part("open").addEventListener("click", () => this.#open(), { signal });
    this.#part("close").addEventListener("click", () => this.#dialog.close(), { signal });
    this.querySelector("form").addEventListener("submit", (event) => this.#submit(event), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get #dialog() {
    return this.querySelector("dialog");
  }

  async #open() {
    this.#complain("");
    try {
      const { run, budget_schema: budget } = pageData();
      const [optimizers, controls] = await Promise.all([get("/optimizers"), get(`/runs/${run.id}/controls`)]);
      this.#fill(optimizers.items.find(({ name }) => name === run.spec.optimizer), budget, effective(run.spec, controls.items));
    } catch (error) {
      this.#fields = [];
      this.#complain(error.message);
    }
    show(this.#part("save"), this.#fields.length > 0);
    this.#dialog.showModal();
  }

  #fill(optimizer, budget, values) {
    const params = fieldsOf(optimizer?.params_schema ?? {}).filter(({ path }) => optimizer.settable.includes(path));
    this.#fields = [...params, ...fieldsOf(budget, "budget")].map((field) => {
      const value = pick(values, field.path) ?? null;
      return { value, control: new FormField(field, value, { alone: true }) };
    });
    this.#part("fields").replaceChildren(...this.#fields.map(({ control }) => control.element));
  }

  async #submit(event) {
    event.preventDefault();
    const read = this.#fields.map(({ control, value }) => ({ path: control.field.path, before: value, ...control.check() }));
    if (read.some(({ error }) => error)) return;
    const changed = read.filter(({ value, before }) => JSON.stringify(value ?? null) !== JSON.stringify(before));
    if (changed.length === 0) {
      this.#dialog.close();
      return;
    }
    try {
      await post(`/jobs/${pageData().run.id}/set`, nest(changed.map(({ path, value }) => [path, value])));
      this.#dialog.close();
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error) {
    const errors = error instanceof ApiError ? error.errors : [];
    const rest = errors.filter(({ path, message }) => {
      const found = this.#fields.find(({ control }) => path.endsWith(control.field.path));
      found?.control.complain(message);
      return !found;
    });
    if (errors.length === 0 || rest.length > 0) this.#complain(rest[0]?.message ?? error.message);
  }

  #complain(text) {
    setText(this.#part("complaint"), text);
    show(this.#part("complaint"), text !== "");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("run-settings", RunSettings);
