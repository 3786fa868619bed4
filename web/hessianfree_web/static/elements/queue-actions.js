// What can be done to a job from the queue's page.

import { ApiError, post } from "../api.js";
import { setText, show } from "./dom.js";

/** Does it; a cancel asks first. What is refused is said in `root`'s complaint. Whether it was done. */
export async function act(root, action, run) {
  if (action === "cancel" && !(await confirmed(run))) return false;
  return attempt(root, () => post(`/jobs/${run.id}/${action}`));
}

/** Run `work`; say what the server refused. */
export async function attempt(root, work) {
  const complaint = root.querySelector('[data-part="complaint"]');
  try {
    await work();
    show(complaint, false);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    setText(complaint, error.message);
    show(complaint, true);
    return false;
  }
}

function confirmed(run) {
  const dialog = document.querySelector("#cancel-job");
  setText(dialog.querySelector("h2"), `Cancel ${run.name}?`);
  const words = run.state === "queued" ? "It leaves the queue at once. It can be retried later." : "Its worker ends it within seconds. What it has recorded stays, and it can be retried later.";
  setText(dialog.querySelector("p"), words);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "cancel"), { once: true }));
}
