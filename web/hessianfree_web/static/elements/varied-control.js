// What stands in a field's place while a sweep varies it: values, a range, or some of its choices.

import { choicesOf, readDimension, suggested, typedOf } from "../lib/vary.js";
import { make, show } from "./dom.js";

const MODES = [["values", "Values"], ["range", "Range"], ["log", "Range of ratios"]];
const PARTS = [["values", "Values"], ["low", "Lowest"], ["high", "Highest"], ["step", "Step"]];

/** Controls for a dimension of `field`; `element` goes into the page. */
export class VariedControl {
  #field;
  #id;
  #mode;
  #inputs = {};
  #labels = {};
  #boxes = [];

  constructor(field, id, { dimension, value }) {
    this.#field = field;
    this.#id = id;
    const choices = choicesOf(field);
    this.element = choices.length > 0 ? this.#makeBoxes(choices, dimension) : this.#makeInputs(dimension ?? suggested(field, value));
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", `What to try of ${field.title}`);
  }

  /** What is typed, as `{dimension}` or `{error}`. */
  read() {
    if (this.#boxes.length > 0) {
      const dimension = this.#boxes.filter(([box]) => box.checked).map(([, value]) => value);
      return dimension.length > 1 ? { dimension } : { error: "Choose at least two." };
    }
    const { values, low, high, step } = this.#inputs;
    return readDimension(this.#field, { mode: this.#mode.value, values: values.value, low: low.value, high: high.value, step: step.value });
  }

  focus() {
    (this.#boxes[0]?.[0] ?? (this.#mode.value === "values" ? this.#inputs.values : this.#inputs.low)).focus();
  }

  #makeBoxes(choices, dimension) {
    const chosen = dimension?.choices ?? dimension ?? choices;
    this.#boxes = choices.map((value) => {
      const box = make("input", { type: "checkbox" });
      box.checked = chosen.includes(value);
      return [box, value];
    });
    const words = (value) => (value === null ? "none" : this.#field.kind === "boolean" ? (value ? "on" : "off") : String(value));
    return make("div", { class: "varied varied-choices" }, ...this.#boxes.map(([box, value]) => make("label", { class: "check" }, box, words(value))));
  }

  #makeInputs(dimension) {
    const typed = typedOf(this.#field, dimension);
    this.#mode = make("select", { "aria-label": "How" }, ...MODES.map(([value, text]) => make("option", { value }, text)));
    this.#mode.value = typed.mode;
    for (const [name, label] of PARTS) {
      const attributes = { type: "text", autocomplete: "off", spellcheck: "false", placeholder: name === "values" ? "0.1, 1, 10" : undefined };
      this.#inputs[name] = make("input", { ...attributes, "aria-describedby": `${this.#id}-error` });
      this.#inputs[name].value = typed[name];
      this.#labels[name] = make("label", { class: "varied-part" }, make("span", {}, label), this.#inputs[name]);
    }
    this.#mode.addEventListener("change", () => {
      this.#widen();
      this.#showMode();
    });
    const element = make("div", { class: "varied" }, this.#mode, ...Object.values(this.#labels));
    this.#showMode();
    return element;
  }

  /** A range that is still empty begins as wide as the values that were listed. */
  #widen() {
    const { values, low, high } = this.#inputs;
    const numbers = values.value.split(/[,\s]+/).filter((text) => text !== "" && Number.isFinite(Number(text)));
    if (this.#mode.value === "values" || low.value || high.value || numbers.length < 2) return;
    numbers.sort((a, b) => a - b);
    [low.value, high.value] = [numbers[0], numbers.at(-1)];
  }

  #showMode() {
    const mode = this.#mode.value;
    const { values, low, high, step } = this.#labels;
    show(values, mode === "values");
    for (const label of [low, high]) show(label, mode !== "values");
    show(step, mode === "range");
  }
}
