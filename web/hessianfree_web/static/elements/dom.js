// Small helpers to make and fill elements without any HTML in strings.

/** An element with attributes (undefined and false: left out; true: empty) and children (text or nodes). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const ICONS = new URL("../icons.svg", import.meta.url).pathname;

/** An icon of the sprite, hidden from assistive technology: text stands beside it. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** Set text only where it differs: live pages must not disturb selections and screen readers. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Show or hide. */
export function show(element, shown) {
  if (element) element.hidden = !shown;
}

/** Have `parent` hold these children in this order. Those that stay in their order are not touched: a press or a focus outlives it. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  children.forEach((child, place) => parent.children[place] === child || parent.insertBefore(child, parent.children[place] ?? null));
  if (focused !== document.activeElement) focused?.focus({ preventScroll: true });
}

/** Give an attribute a value; null: none. One that has it already is left alone. */
export function assign(element, name, value) {
  const text = value === null || value === undefined ? null : String(value);
  if (element.getAttribute(name) === text) return;
  if (text === null) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

/** Say of a button that switches something whether it is on. */
export function press(button, pressed) {
  button?.setAttribute("aria-pressed", String(pressed));
}

/** The options `[[value, text]]` of a select; those that are there already stay, and what is chosen. */
export function fillChoices(select, options) {
  const known = [...select.options].map(({ value, text }) => `${value} ${text}`);
  if (known.join("\n") === options.map(([value, text]) => `${value} ${text}`).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
