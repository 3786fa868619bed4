// One field of a generated form: label, control, what is allowed, and what is wrong.

import { hintText, readField, textOf } from "../lib/forms.js";
import { make, setText, show } from "./dom.js";

/** Builds the controls for a field of lib/schema.js and reads them. */
export class FormField {
  #control;
  #error;

  constructor(field, value) {
    this.field = field;
    const id = `field-${field.path.replaceAll(".", "-")}`;
    const start = value === undefined ? field.initial : value;
    this.#control = this.#makeControl(id, start);
    this.#error = make("p", { class: "field-error", id: `${id}-error`, hidden: true });
    this.element = this.#assemble(id);
    this.#control.addEventListener("change", () => this.check());
    this.#control.addEventListener("input", () => !this.#error.hidden && this.check());
  }

  /** What stands in the control, as `{value}` or `{error}`; the error is shown beside it. */
  check() {
    const { kind } = this.field;
    const read = readField(this.field, kind === "boolean" ? this.#control.checked : this.#control.value);
    this.complain(read.error ?? "");
    return read;
  }

  /** Show a sentence about what is wrong, or take it away. */
  complain(text) {
    setText(this.#error, text);
    show(this.#error, text !== "");
    if (text) this.#control.setAttribute("aria-invalid", "true");
    else this.#control.removeAttribute("aria-invalid");
  }

  focus() {
    this.#control.focus();
  }

  #makeControl(id, start) {
    const { field } = this;
    const text = textOf(field, start);
    const common = { id, name: field.path, "aria-describedby": `${id}-hint ${id}-error` };
    if (field.kind === "boolean") {
      const box = make("input", { ...common, type: "checkbox" });
      box.checked = text;
      return box;
    }
    if (field.kind === "choice") return this.#select(common, text);
    if (field.path === "notes") return make("textarea", { ...common, rows: "3" });
    const numeric = field.kind === "number" || field.kind === "integer";
    const input = make("input", {
      ...common,
      type: "text",
      inputmode: numeric ? (field.kind === "integer" ? "numeric" : "decimal") : undefined,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: field.nullable && numeric ? "none" : undefined,
      list: field.path === "device" ? "devices" : undefined,
      maxlength: field.kind === "text" && field.length.max ? String(field.length.max) : undefined,
    });
    input.value = text;
    return input;
  }

  #select(common, text) {
    const { field } = this;
    const options = field.choices.map((choice) => make("option", { value: String(choice) }, String(choice)));
    if (field.nullable) options.unshift(make("option", { value: "" }, "none"));
    const select = make("select", common, ...options);
    select.value = text;
    return select;
  }

  #assemble(id) {
    const { field } = this;
    const hint = make("p", { class: "field-hint", id: `${id}-hint` }, hintText(field));
    const label = make("label", { for: id }, field.title);
    // Files and the command line know the field by its name; where the title does not tell it, it stands beside.
    if (field.title.toLowerCase() !== field.name.replaceAll("_", " ").toLowerCase()) label.append(" ", make("code", {}, field.name));
    const wide = field.path === "notes" || field.path === "name" || field.path === "tags";
    if (field.kind === "boolean") {
      return make("div", { class: "field field-check" }, make("div", { class: "check" }, this.#control, label), hint, this.#error);
    }
    return make("div", { class: wide ? "field wide" : "field" }, label, this.#control, hint, this.#error);
  }
}
