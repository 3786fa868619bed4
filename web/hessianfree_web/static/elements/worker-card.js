// A worker's card: what it is, what it has, how busy that is, and what it is doing.

import { formatBytes, formatCount } from "../lib/numbers.js";
import { heatText, memoryShare } from "../lib/queue.js";
import { fractionDone } from "../lib/states.js";
import { icon, make, setText, show } from "./dom.js";

const STATES = { idle: "Idle", busy: "Busy", gone: "Gone" };

/** A card for `worker`; `runOf(id)` is a run that it holds, as far as it is known. */
export function workerCard(worker, runOf) {
  return make(
    "article",
    { class: "card worker", "data-state": worker.state, "data-worker": worker.id },
    make(
      "header",
      {},
      make("h3", {}, worker.name),
      make("span", { class: "worker-state", "data-state": worker.state }, icon(`worker-${worker.state}`), STATES[worker.state]),
    ),
    make("p", { class: "muted" }, `${worker.host}, process ${worker.pid}, ${worker.slots === 1 ? "one job" : `${worker.slots} jobs`} at a time`),
    make("h4", {}, "Doing"),
    doing(worker, runOf),
    make("h4", {}, "Devices"),
    make("ul", { class: "plain" }, ...worker.devices.map((device) => make("li", { "data-device": device.name }, deviceText(device), meters(), ...heatAndNote()))),
    abilities(worker),
    make("footer", {}, "Seen ", make("moment-text", { at: worker.last_seen_at, as: "age" }), ...versions(worker)),
  );
}

/** Put what a worker's devices are busy with onto its card. */
export function showLoad(card, worker) {
  for (const item of card.querySelectorAll("[data-device]")) {
    const load = worker.load.find((each) => each.device === item.dataset.device);
    const share = load ? memoryShare(load) : null;
    const memory = share === null ? "" : `${formatBytes(load.memory_used_bytes)} of ${formatBytes(load.memory_total_bytes)}`;
    fill(item.querySelector('[data-meter="memory"]'), share, memory);
    const busy = load?.utilisation ?? null;
    fill(item.querySelector('[data-meter="load"]'), busy, busy === null ? "" : `${Math.round(busy * 100)} %`);
    say(item.querySelector('[data-part="heat"]'), load ? heatText(load) : "");
    say(item.querySelector('[data-part="note"]'), load?.note ? `No job starts on it: ${load.note}` : "");
  }
}

/** Put a run's name and progress into the item that stands for it. */
export function showHeld(item, run) {
  const [link, bar, count] = item.children;
  const { step, steps } = run.progress;
  const fraction = fractionDone(run);
  setText(link, run.name);
  bar.setAttribute("aria-label", `Progress of ${run.name}`);
  if (fraction === null) bar.removeAttribute("value");
  else bar.value = fraction;
  setText(count, steps ? `${formatCount(step)} / ${formatCount(steps)}` : formatCount(step));
}

function doing(worker, runOf) {
  if (worker.runs.length === 0) return make("p", { class: "muted" }, worker.state === "gone" ? "It has left." : "Waiting for a job.");
  return make(
    "ul",
    { class: "plain" },
    ...worker.runs.map((id) => {
      const item = make("li", { "data-run": id }, make("a", { href: `/runs/${id}` }, id), make("progress"), make("span", { class: "muted number" }));
      const run = runOf(id);
      if (run) showHeld(item, run);
      return item;
    }),
  );
}

function deviceText(device) {
  const title = device.title && device.title !== device.name ? `${device.name}: ${device.title}` : device.name;
  return make("span", device.uuid ? { title: device.uuid } : {}, device.memory_bytes ? `${title}, ${formatBytes(device.memory_bytes)}` : title);
}

/** A meter each for memory and load: there from the beginning, so that nothing moves when their values come. */
function meters() {
  const one = (name, label) => make("div", { class: "device-meter", "data-meter": name }, make("span", {}, label), make("div", { class: "meter", role: "meter", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" }, make("div")), make("span", { class: "number" }));
  return make("div", { class: "device-meters" }, one("memory", "Memory"), one("load", "Load"));
}

/** A GPU's temperature and power, and why it gets no job; hidden where there is nothing to say. */
function heatAndNote() {
  return [make("p", { class: "muted number device-heat", "data-part": "heat", hidden: "" }), make("p", { class: "notice bad", "data-part": "note", hidden: "" })];
}

function say(line, text) {
  setText(line, text);
  show(line, text !== "");
}

function fill(row, share, text) {
  const meter = row.querySelector(".meter");
  const percent = Math.round((share ?? 0) * 100);
  meter.firstElementChild.style.width = `${percent}%`;
  meter.setAttribute("aria-valuenow", String(percent));
  meter.setAttribute("aria-valuetext", text || "not known");
  setText(row.lastElementChild, text || "–");
}

function abilities(worker) {
  const words = `${worker.problems.length} problems with ${worker.optimizers.length} optimizers`;
  return make("details", {}, make("summary", {}, `Can train ${words}`), make("p", {}, `${worker.problems.join(", ") || "nothing"} with ${worker.optimizers.join(", ") || "nothing"}`));
}

function versions(worker) {
  const known = Object.entries(worker.versions).map(([name, version]) => `${name} ${version}`);
  return known.length ? [` · ${known.join(", ")}`] : [];
}
