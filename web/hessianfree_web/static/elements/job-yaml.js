// <job-yaml>: a job as text, which can be edited, copied, downloaded, opened and dropped here.

import { complaintsAbout, fileNameOf, placed, placeOf } from "../lib/document.js";
import { make, setText, show } from "./dom.js";

const MOST_BYTES = 1_000_000; // what the server takes
const SHOWN = 5;

/** Says `yaml:typed` when its text was changed by hand; `write` changes it without. */
class JobYaml extends HTMLElement {
  #before = null; // a text with comments that was written over
  #hasComments = false;
  #listening = new AbortController();

  connectedCallback() {
    const { signal } = this.#listening;
    this.#text.addEventListener("input", () => this.#typed(), { signal });
    this.#part("download").addEventListener("click", () => this.#download(), { signal });
    this.#part("open").addEventListener("click", () => this.#part("file").click(), { signal });
    this.#part("file").addEventListener("change", ({ target }) => this.#open(target.files[0]), { signal });
    this.#part("restore").addEventListener("click", () => this.#restore(), { signal });
    document.addEventListener("dragover", (event) => this.#hover(event), { signal });
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? this.#drop(null), { signal });
    document.addEventListener("drop", (event) => this.#drop(event), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  get value() {
    return this.#text.value;
  }

  /** What the form says: comments that are written over are offered back. */
  write(text) {
    if (this.#hasComments && text !== this.value) {
      this.#before = this.value;
      show(this.#part("lost"), true);
    }
    this.#hasComments = false;
    this.#set(text);
    this.accept();
  }

  /** The text is right; `hasComments`: it has some. */
  accept({ hasComments = false } = {}) {
    this.#hasComments = hasComments;
    this.#text.removeAttribute("aria-invalid");
    this.#part("wrong").replaceChildren();
    show(this.#part("wrong"), false);
  }

  /** The text is wrong: say where, and go there when asked. */
  complain(error) {
    const text = this.value;
    const complaints = complaintsAbout(text, error).slice(0, SHOWN);
    this.#text.setAttribute("aria-invalid", "true");
    this.#part("wrong").replaceChildren(...complaints.map((complaint) => make("p", {}, this.#place(text, complaint))));
    show(this.#part("wrong"), true);
  }

  /** The name of the file that a download makes. */
  set name(name) {
    this.dataset.name = name;
  }

  #place(text, complaint) {
    if (complaint.position === null) return complaint.message;
    const button = make("button", { type: "button", class: "link" }, placed(text, complaint));
    button.addEventListener("click", () => {
      const { end } = placeOf(text, complaint.position);
      this.#text.focus();
      this.#text.setSelectionRange(complaint.position, end);
    });
    return button;
  }

  #set(text) {
    if (this.value !== text) this.#text.value = text;
    this.#text.rows = Math.min(Math.max(text.split("\n").length, 6), 28);
  }

  #typed() {
    show(this.#part("lost"), false);
    this.#set(this.value);
    this.dispatchEvent(new CustomEvent("yaml:typed", { bubbles: true }));
  }

  #restore() {
    this.#set(this.#before);
    this.#typed();
    this.#text.focus();
  }

  #download() {
    const link = make("a", { href: URL.createObjectURL(new Blob([this.value], { type: "application/yaml" })), download: fileNameOf(this.dataset.name ?? "") });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  #hover(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.documentElement.toggleAttribute("data-dropping", true);
  }

  #drop(event) {
    document.documentElement.toggleAttribute("data-dropping", false);
    const file = event?.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    this.#open(file);
  }

  async #open(file) {
    this.#part("file").value = "";
    if (!file) return;
    if (file.size > MOST_BYTES) return this.complain({ message: `${file.name} is too large for a job: at most 1 MB.` });
    this.#set(await file.text());
    this.#typed();
  }

  get #text() {
    return this.querySelector("textarea");
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

customElements.define("job-yaml", JobYaml);
