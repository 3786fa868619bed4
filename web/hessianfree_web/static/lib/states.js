// What a person is told of a run's state. The server's table of states is the authority; "stale", "stopping" and "pausing" are shown, never stored; "pruned" are trials of a sweep.

const ENDED = new Set(["completed", "failed", "cancelled"]);
const LABELS = {
  queued: "Queued",
  running: "Running",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
  pruned: "Pruned",
  stale: "Stale",
  stopping: "Stopping",
  pausing: "Pausing",
};
const CAUSES = {
  error: "error",
  diverged: "diverged",
  out_of_memory: "out of memory",
  killed: "killed",
  device: "GPU failed",
  storage: "no access to storage",
  lost: "worker lost",
  invalid: "invalid",
};

const OWN_SIGN = new Set(["diverged", "killed", "lost", "out_of_memory"]);

/** The name of the icon that goes with a state: some causes of a failure have one of their own. */
export function stateIcon(state, cause = null) {
  return state === "failed" && OWN_SIGN.has(cause) ? `cause-${cause}` : `state-${state}`;
}

/** All states as shown, in the order of a run's life. */
export const SHOWN_STATES = Object.keys(LABELS);

/** True when a run will not go on by itself. */
export function hasEnded(run) {
  return ENDED.has(run.state);
}

/** Whether there is something to hold back that is not held back, or about to be. */
export function mayPause({ state, pause_requested: asked, stop_requested: stopping }) {
  return state === "queued" || (state === "running" && !asked && !stopping) || (state === "paused" && !asked);
}

/** Whether there is something held back, or about to be, that is not yet told to go on. */
export function mayGoOn({ state, pause_requested: asked, stop_requested: stopping }) {
  return !stopping && Boolean(asked) && (state === "paused" || state === "running");
}

/** Whether a job takes other settings: its process hears of them, or will when it starts. */
export function mayBeAdjusted(run) {
  return !hasEnded(run) && !run.stop_requested;
}

/** The state to show: the stored one, unless a running run is being stopped or held back, or has fallen silent. */
export function shownState(run) {
  if (run.state === "running" && run.stop_requested) return "stopping";
  if (run.state === "running" && run.pause_requested) return "pausing";
  if (run.state === "running" && run.stale) return "stale";
  return run.state;
}

/** The state in words, a failure with its cause: "Failed: diverged". */
export function stateLabel(state, cause = null) {
  const label = LABELS[state] ?? state;
  return state === "failed" && cause ? `${label}: ${CAUSES[cause] ?? cause}` : label;
}

/** Part of the budget that is done, 0 to 1; null where steps do not end the run. */
export function fractionDone(run) {
  const { step, steps } = run.progress;
  return steps ? Math.min(1, step / steps) : null;
}

/** What a state means for the run, in a sentence; "" where there is nothing to add. */
export function stateSentence(run) {
  const { attempt, kind } = run;
  const job = kind === "job";
  switch (shownState(run)) {
    case "queued":
      return attempt > 0 ? `Attempt ${attempt} ended early: it waits in the queue to go on from its last checkpoint.` : "It waits in the queue for a worker that can train it.";
    case "paused":
      return "Held back by its user. It keeps what it has reached, and goes on when told to.";
    case "pausing":
      return "It is about to be held back.";
    case "stopping":
      return "Told to stop: the step under way is its last.";
    case "stale":
      return job ? "Nothing was heard of its worker for a while. If that does not change, the attempt counts as lost and the job goes back to the queue." : "Nothing was heard of its script for a while: it may be busy, away from the network, or no longer there.";
    case "cancelled":
      return "Ended by its user. What it had recorded until then is below.";
    case "failed":
      return failure(run);
    default:
      return "";
  }
}

function failure({ cause, attempt }) {
  if (cause === "diverged") return "It diverged: the loss is no longer a finite number.";
  if (cause === "out_of_memory") return "It was ended because memory ran out.";
  if (cause === "lost") return `Its worker was lost, and attempt ${attempt} was the last it had.`;
  if (cause === "invalid") return "What it was asked to train cannot be built.";
  if (cause === "device") return `Its GPU failed, and attempt ${attempt} was the last it had.`;
  if (cause === "storage") return "Its worker may not read the checkpoints that it was to go on from. Once it may, a retry goes on from the newest.";
  if (cause === "killed") return "Its process was killed from outside: it did not end by itself.";
  return "Its process ended with an error.";
}
