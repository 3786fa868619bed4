// The choice of a problem or an optimizer: a short list that can be searched, and beside it what is told of the chosen one.

import { foundOffers, orderedOffers } from "../lib/offers.js";
import { arrange, make, setText, show } from "./dom.js";

const FEW = 6; // are seen at once, and need no search

/** Binds the part `root` of a form; `offers` are the records that workers announced, `first` the names that stand before the others. */
export class OfferChoice {
  #root;
  #offers;
  #rows = new Map(); // name -> {row, button}
  #usual; // the rows, and captions between them, in the order of no search

  constructor(root, name, offers, { first, chosen }) {
    this.#root = root;
    this.#offers = offers;
    for (const info of offers) this.#rows.set(info.name, this.#makeRow(name, info));
    const isLong = offers.length > FEW;
    root.toggleAttribute("data-long", isLong);
    show(this.#part("search"), isLong);
    this.#usual = this.#inOrder(orderedOffers(offers, first), isLong);
    this.#part("list").append(...this.#usual);
    this.#part("list").addEventListener("input", () => this.#tell());
    this.#find.addEventListener("input", (event) => this.#search(event));
    this.#find.addEventListener("keydown", (event) => this.#key(event));
    (this.#rows.get(chosen) ?? this.#rows.get(offers[0].name)).button.checked = true;
    this.#tell();
  }

  /** The record of the chosen one. */
  get info() {
    return this.#offers.find((info) => this.#rows.get(info.name).button.checked);
  }

  /** Whether there is such an offer; it is the chosen one then. */
  choose(name) {
    const known = this.#rows.get(name);
    if (!known) return false;
    known.button.checked = true;
    this.#find.value = "";
    this.#list();
    this.#tell();
    return true;
  }

  get #find() {
    return this.#part("find");
  }

  #makeRow(name, info) {
    const id = `${name}-${info.name}`;
    const named = { "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` };
    const button = make("input", { type: "radio", name, value: info.name, required: true, ...named });
    const row = make("label", { class: "choice" }, button, make("span", { class: "choice-title", id: `${id}-title` }, info.title || info.name));
    if (info.missing) row.append(make("span", { class: "choice-mark" }, "not ready"));
    row.append(make("span", { id: `${id}-text`, hidden: true }, [info.missing && "Not ready.", info.description].filter(Boolean).join(" ")));
    return { row, button };
  }

  #inOrder({ leading, others }, isLong) {
    const rows = (infos) => infos.map(({ name }) => this.#rows.get(name).row);
    // With nothing before the others, or nothing after, there is nothing to tell apart.
    if (!isLong || leading.length === 0 || others.length === 0) return rows([...leading, ...others]);
    return [captioned("To begin with"), ...rows(leading), captioned("All others"), ...rows(others)];
  }

  #search(event) {
    event.stopPropagation(); // nothing of the job was changed
    this.#list();
  }

  /** Enter takes the first that is found, and arrows lead to the list; neither sends the form. */
  #key(event) {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const [first] = this.#found;
    if (!first) return;
    const { button } = this.#rows.get(first.name);
    if (event.key === "ArrowDown") button.focus();
    button.click();
    if (event.key === "Enter") this.#find.select();
  }

  get #found() {
    return foundOffers(this.#offers, this.#find.value);
  }

  /** Show what is found. The chosen one stays, last where it is not found: the keyboard reaches a list through it. */
  #list() {
    const isSearch = this.#find.value.trim() !== "";
    const found = this.#found;
    const shown = isSearch ? [...new Set([...found, this.info])].map(({ name }) => this.#rows.get(name).row) : this.#usual;
    for (const each of this.#usual) show(each, shown.includes(each));
    arrange(this.#part("list"), [...new Set([...shown, ...this.#usual])]);
    setText(this.#part("found"), isSearch ? `${found.length} of ${this.#offers.length}` : "");
    this.#part("list").scrollTop = 0;
  }

  #tell() {
    const { name, title, description, missing } = this.info;
    setText(this.#part("title"), title || name);
    setText(this.#part("name"), name);
    setText(this.#part("description"), description);
    setText(this.#part("missing"), missing ? `No worker can train this yet. ${missing}` : "");
    show(this.#part("missing"), Boolean(missing));
    this.#reveal(this.#rows.get(name).row);
  }

  /** Scroll the list alone, not the page. */
  #reveal(row) {
    const list = this.#part("list");
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }
}

function captioned(text) {
  return make("p", { class: "choices-caption", "aria-hidden": "true" }, text);
}
