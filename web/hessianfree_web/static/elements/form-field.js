// One field of a generated form: label, control, what is allowed, and what is wrong.

import { defaultText, hintText, isDefault, readField, textOf } from "../lib/forms.js";
import { mayVary } from "../lib/vary.js";
import { make, setText, show } from "./dom.js";
import { VariedControl } from "./varied-control.js";

const WIDE = ["notes", "name", "tags"];

/** Builds the controls for a field of lib/schema.js and reads them. */
export class FormField {
  #id;
  #control;
  #varied = null;
  #place;
  #error;
  #reset;
  #vary;
  #alone;

  /** `alone`: a form of one job, which no sweep can come of. */
  constructor(field, value, { alone = false } = {}) {
    this.field = field;
    this.#alone = alone;
    this.#id = `field-${field.path.replaceAll(".", "-")}`;
    this.#control = this.#makeControl();
    this.#error = make("p", { class: "field-error", id: `${this.#id}-error`, hidden: true });
    this.element = this.#assemble();
    this.set(value);
    this.element.addEventListener("change", () => this.check());
    this.element.addEventListener("input", () => (this.#error.hidden ? this.#mark() : this.check()));
  }

  /** What stands in the control, as `{value}`, `{dimension}` of a sweep, or `{error}`; the error is shown beside it. */
  check() {
    const read = this.#varied?.read() ?? readField(this.field, this.#typed);
    this.complain(read.error ?? "");
    this.#mark();
    return read;
  }

  /** Show a value; undefined: the default. What a sweep tried of it is forgotten. */
  set(value) {
    this.vary(null);
    const shown = value === undefined ? this.field.initial : value;
    const text = textOf(this.field, shown);
    if (this.field.kind === "boolean") this.#control.checked = text;
    else {
      if (this.field.kind === "choice") this.#keepUnknown(text);
      if (this.#control.value !== text) this.#control.value = text;
    }
    this.complain("");
    this.#mark();
  }

  /** Let a sweep try `dimension`; null: one value again. */
  vary(dimension) {
    const before = this.#varied?.element ?? this.#place;
    const { value } = readField(this.field, this.#typed);
    this.#varied = dimension === null ? null : new VariedControl(this.field, this.#id, { dimension, value });
    const after = this.#varied?.element ?? this.#place;
    if (after !== before) before.replaceWith(after);
    this.element.toggleAttribute("data-varied", this.#varied !== null);
    this.#vary?.setAttribute("aria-pressed", String(this.#varied !== null));
    this.complain("");
    this.#mark();
  }

  /** Show a sentence about what is wrong, or take it away. */
  complain(text) {
    setText(this.#error, text);
    show(this.#error, text !== "");
    if (text) this.#control.setAttribute("aria-invalid", "true");
    else this.#control.removeAttribute("aria-invalid");
  }

  focus() {
    (this.#varied ?? this.#control).focus();
  }

  get #typed() {
    return this.field.kind === "boolean" ? this.#control.checked : this.#control.value;
  }

  #mark() {
    const read = readField(this.field, this.#typed);
    const changed = this.#varied !== null || read.error !== undefined || !isDefault(this.field, read.value);
    this.element.toggleAttribute("data-changed", changed);
    if (this.#reset) this.#reset.disabled = !changed;
  }

  #makeControl() {
    const { field } = this;
    const common = { id: this.#id, name: field.path, "aria-describedby": `${this.#id}-hint ${this.#id}-error` };
    if (field.kind === "boolean") return make("input", { ...common, type: "checkbox" });
    if (field.kind === "choice") return this.#makeSelect(common);
    if (field.path === "notes") return make("textarea", { ...common, rows: "3" });
    const numeric = field.kind === "number" || field.kind === "integer";
    return make("input", {
      ...common,
      type: "text",
      inputmode: numeric ? (field.kind === "integer" ? "numeric" : "decimal") : undefined,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: field.nullable && numeric ? "none" : undefined,
      list: { device: "devices", "objective.metric": "metrics" }[field.path],
      maxlength: field.kind === "text" && field.length.max ? String(field.length.max) : undefined,
    });
  }

  #makeSelect(common) {
    const { field } = this;
    const options = field.choices.map((choice) => make("option", { value: String(choice) }, String(choice)));
    if (field.nullable) options.unshift(make("option", { value: "" }, "none"));
    return make("select", common, ...options);
  }

  /** A value that is no choice any more is shown nevertheless: it is what the job says. */
  #keepUnknown(text) {
    for (const option of this.#control.querySelectorAll("[data-unknown]")) option.remove();
    if ([...this.#control.options].every((option) => option.value !== text)) {
      this.#control.append(make("option", { value: text, "data-unknown": true }, `${text} (not known here)`));
    }
  }

  #assemble() {
    const { field } = this;
    const label = make("label", { for: this.#id }, field.title);
    // Files and the command line know the field by its name; where the title does not tell it, it stands beside.
    if (field.title.toLowerCase() !== field.name.replaceAll("_", " ").toLowerCase()) label.append(" ", make("code", {}, field.name));
    this.#place = field.kind === "boolean" ? make("div", { class: "check-place" }, this.#control, make("span", { "aria-hidden": "true" })) : this.#control;
    const head = make("div", { class: "field-head" }, label);
    if (mayVary(field) && !this.#alone) head.append(this.#makeVary());
    return make("div", { class: WIDE.includes(field.path) ? "field wide" : "field" }, head, this.#place, this.#makeHint(), this.#error);
  }

  #makeHint() {
    const hint = make("p", { class: "field-hint", id: `${this.#id}-hint` }, hintText(this.field));
    const usual = defaultText(this.field);
    if (usual) {
      this.#reset = make("button", { type: "button", class: "field-default", title: "Set it back" }, `Default ${usual}`);
      this.#reset.addEventListener("click", () => {
        this.set(undefined);
        this.#tell();
      });
      hint.append(" ", this.#reset);
    }
    return hint;
  }

  #makeVary() {
    const { title } = this.field;
    this.#vary = make("button", { type: "button", class: "field-vary", "aria-pressed": "false", "aria-label": `Vary ${title}`, title: "Try several values: a sweep" }, "Vary");
    this.#vary.addEventListener("click", () => {
      this.vary(this.#varied ? null : undefined);
      this.focus();
      this.#tell();
    });
    return this.#vary;
  }

  #tell() {
    this.element.dispatchEvent(new Event("change", { bubbles: true }));
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
