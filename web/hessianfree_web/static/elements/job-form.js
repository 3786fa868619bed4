// <job-form>: a job, or a sweep, from the schemas that workers announced to the server's answer; as fields and as YAML.

import { ApiError, post, postText } from "../api.js";
import { listen } from "../events.js";
import { withoutBlanks } from "../lib/document.js";
import { formatCount } from "../lib/numbers.js";
import { isBeyondForm } from "../lib/sweeps.js";
import { setText, show } from "./dom.js";
import { JobFields } from "./job-fields.js";
import { JobSweep } from "./job-sweep.js";
import "./job-yaml.js";
import { pageData } from "./page-data.js";

const PAUSE_MILLISECONDS = 200; // in typing, before the server is asked
const YAML = "application/yaml";
const UNUSABLE = "The YAML cannot be used as it stands; the form shows the last version that could.";
const BEYOND = "This sweep has conditions, or several optimizers: it can be sent as it is, and changed as YAML alone.";

class JobForm extends HTMLElement {
  #data = pageData();
  #fields = null;
  #sweep = null;
  #side = "form"; // which of the two was typed in last: the other follows
  #isSweep = false;
  #key = newKey();
  #timer = null;
  #asking = null;
  #listening = new AbortController();

  connectedCallback() {
    const ready = this.#data.problems.length > 0 && this.#data.optimizers.length > 0;
    show(this.#part("nobody"), !ready);
    show(this.#form, ready);
    const { signal } = this.#listening;
    if (!ready) {
      listen("workers", () => location.reload(), signal);
      return;
    }
    this.#fields = new JobFields(this.#form, this.#data);
    this.#sweep = new JobSweep(this.#part("sweep"), this.#data.sweep_schema);
    this.#begin();
    this.#form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.#form.addEventListener("input", (event) => this.#yaml.contains(event.target) || this.#changed(event.target), { signal });
    this.addEventListener("yaml:typed", () => this.#typed(), { signal });
    this.#part("use-form").addEventListener("click", () => this.#fromForm(), { signal });
    listen("workers", () => this.#askSoon(), signal);
    this.#fromForm();
  }

  disconnectedCallback() {
    this.#giveUp();
    this.#listening.abort();
  }

  get #form() {
    return this.querySelector("form");
  }

  get #yaml() {
    return this.querySelector("job-yaml");
  }

  /** The run that the page was asked to begin with. */
  #begin() {
    if (!this.#data.start) return;
    const start = withoutBlanks(this.#data.start);
    const [unknown] = this.#fields.show(start);
    if (!unknown) return;
    setText(this.#part("note"), `No worker here knows the ${unknown} ${start[unknown]}: choose another, or start a worker that does.`);
    show(this.#part("note"), true);
  }

  #changed(control) {
    if (control.name === "problem" || control.name === "optimizer") this.#fields.chosen(control.name);
    this.#fromForm();
  }

  #typed() {
    this.#side = "yaml";
    this.#key = newKey();
    this.#askSoon();
  }

  #fromForm() {
    this.#side = "form";
    this.#key = newKey(); // another job than the one that may already have been sent
    this.#lock(false);
    this.#complain("");
    this.#askSoon();
  }

  /** What the form says: `{document, wrong}`. */
  #read() {
    const { job, space, wrong } = this.#fields.read();
    const isVaried = this.querySelector("[data-varied]") !== null;
    this.#name(isVaried);
    if (!isVaried) return { document: job, wrong };
    const sweep = this.#sweep.read(job, space);
    return { document: sweep.document, wrong: wrong ?? sweep.wrong };
  }

  #askSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MILLISECONDS);
  }

  #ask() {
    this.#giveUp();
    this.#asking = new AbortController();
    return this.#check(this.#asking.signal);
  }

  #giveUp() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  /** Have the server say what the job is; whether it can be one. */
  async #check(signal) {
    try {
      if (this.#side === "yaml") this.#follow(await postText("/check", this.#yaml.value, YAML, { signal }));
      else {
        const { document, wrong } = this.#read();
        if (wrong) return this.#refuse("Some values cannot be used; each says why.");
        this.#accept(await post("/check", document, {}, { signal }));
      }
      return true;
    } catch (error) {
      if (error.name === "AbortError") return false;
      if (!(error instanceof ApiError)) throw error;
      if (this.#side === "yaml" && error.status !== 0) {
        this.#yaml.complain(error);
        this.#lock(true);
        setText(this.#part("submit"), "Submit");
        return this.#refuse("");
      }
      return this.#refuse(this.#blame(error));
    }
  }

  /** The text was typed: the form shows what it says. */
  #follow(check) {
    const { base = null, name, ...rest } = check.differs;
    const job = base ? { ...base, name } : { ...rest, name };
    const unknown = this.#fields.show(withoutBlanks(job), check.sweep?.search.space);
    if (check.sweep) this.#sweep.show(check.sweep);
    this.#name(check.sweep !== null);
    if (check.sweep && isBeyondForm(check.sweep)) this.#lock(true, BEYOND);
    else this.#lock(unknown.length > 0);
    this.#yaml.accept({ hasComments: check.has_comments });
    this.#tell(check);
  }

  /** The form was changed: the text says so. */
  #accept(check) {
    this.#yaml.write(check.yaml);
    this.#tell(check);
  }

  #tell({ trials, runs, spec, differs, estimate }) {
    this.#complain("");
    this.#yaml.name = differs.name ?? spec.name ?? `${spec.optimizer} on ${spec.problem}`;
    this.#sweep.count(trials, runs);
    if (this.#isSweep) setText(this.#part("submit"), `Start sweep of ${formatCount(runs)} ${runs === 1 ? "run" : "runs"}`);
    setText(this.#part("estimate"), estimate.sentence);
    this.#part("estimate").toggleAttribute("data-bad", estimate.workers === 0);
  }

  #name(isSweep) {
    this.#isSweep = isSweep;
    this.#sweep.offer(isSweep, this.#fields.problem);
    if (!isSweep) setText(this.#part("submit"), "Submit job");
  }

  #refuse(text) {
    this.#sweep.count(null);
    setText(this.#part("estimate"), "");
    this.#complain(text);
    return false;
  }

  /** Nobody works on the form while the text cannot be read: it would be written over. */
  #lock(isLocked, why = UNUSABLE) {
    this.#part("main").inert = isLocked;
    setText(this.#part("locked-why"), why);
    show(this.#part("locked"), isLocked);
  }

  async #submit(event) {
    event.preventDefault();
    const button = this.#part("submit");
    button.disabled = true;
    try {
      // Whatever is asked meanwhile, of workers that came say, does not give this up.
      this.#giveUp();
      if (await this.#check()) await this.#send();
      else this.#revealFirst();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#complain(this.#blame(error));
    } finally {
      button.disabled = false;
    }
  }

  async #send() {
    const path = this.#isSweep ? "/sweeps" : "/jobs";
    // The key makes a second click, or a retry after a lost answer, the same job.
    const headers = { "Idempotency-Key": this.#key };
    const made = this.#side === "yaml" ? await postText(path, this.#yaml.value, YAML, { headers }) : await post(path, this.#read().document, headers);
    location.assign(this.#isSweep ? `/sweeps/${made.id}` : `/runs/${made.id}`);
  }

  /** Put what the server said beside the fields; the sentence for what has none. */
  #blame(error) {
    const { first, rest } = this.#sweep.complain(error.errors);
    const { first: field, elsewhere } = this.#fields.complain(rest);
    return elsewhere.join(" ") || (first || field ? "Some values cannot be used; each says why." : error.message);
  }

  #revealFirst() {
    const wrong = this.querySelector('[aria-invalid="true"]');
    const details = wrong?.closest("details");
    if (details) details.open = true;
    wrong?.focus();
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
