// What happened to a run beside its training, in words: attempts that began and ended, and what its user asked for.

const VERBS = { pause: "Pause", resume: "Resume" };
const ENDS = {
  completed: "completed",
  failed: "failed",
  cancelled: "was cancelled",
  interrupted: "was interrupted",
  lost: "was lost",
};

/** `[{at, text, detail, step}]`, the earliest first; `step` is the first one made under it, null where there is none. */
export function historyOf(attempts, controls) {
  const entries = [...attempts.flatMap(ofAttempt), ...controls.map(ofControl)];
  return entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Settings with dotted names, as a sentence names them: "damping = 0.5, budget.steps = 50". */
export function settingsText(settings) {
  return flat(settings).map(([path, value]) => `${path} = ${value === null ? "none" : value}`).join(", ");
}

/** What is in force: a job's spec with everything asked for since laid over it; what was refused is left out. */
export function effective(spec, controls) {
  const params = { ...spec.optimizer_params };
  const budget = { ...spec.budget };
  for (const { kind, settings, error } of controls) {
    if (kind !== "set" || error) continue;
    const { budget: limits = {}, ...rest } = settings;
    Object.assign(params, rest);
    Object.assign(budget, limits);
  }
  return { ...params, budget };
}

function ofAttempt({ number, started_at, ended_at, outcome, cause, error, first_step, resumed_from }) {
  const from = resumed_from ? `, on from its checkpoint after step ${resumed_from}` : number > 1 && first_step ? ", from scratch" : "";
  const began = { at: started_at, text: `Attempt ${number} began${from}`, detail: "", step: first_step === null ? null : (resumed_from ?? 0) + 1 };
  if (!ended_at) return [began];
  const why = outcome === "completed" ? "" : (error ?? "").split("\n")[0];
  return [began, { at: ended_at, text: `Attempt ${number} ${cause === "killed" ? "was killed" : cause === "device" ? "lost its GPU" : (ENDS[outcome] ?? `ended: ${outcome}`)}`, detail: why, step: null }];
}

function ofControl({ kind, settings, requested_at, requested_by, step, applied_at, error }) {
  const what = kind === "set" ? settingsText(settings) : VERBS[kind];
  const by = requested_by ? `, asked by ${requested_by}` : "";
  const detail = error ? `Not done: ${error}` : applied_at ? "" : "Waiting for the job";
  return { at: requested_at, text: `${what}${by}`, detail, step: applied_at && !error && step !== null ? step + 1 : null };
}

function flat(settings, prefix = "") {
  return Object.entries(settings).flatMap(([key, value]) =>
    value !== null && typeof value === "object" ? flat(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value]],
  );
}
