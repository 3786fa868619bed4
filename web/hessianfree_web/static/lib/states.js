// What a person is told of a run's state. The server's table of states is the authority; "stale", "stopping" and "pausing" are shown, never stored.

const ENDED = new Set(["completed", "failed", "cancelled"]);
const LABELS = {
  queued: "Queued",
  running: "Running",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
  stale: "Stale",
  stopping: "Stopping",
  pausing: "Pausing",
};
const CAUSES = {
  error: "error",
  diverged: "diverged",
  out_of_memory: "out of memory",
  lost: "worker lost",
  invalid: "invalid",
};

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
