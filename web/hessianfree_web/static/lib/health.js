// A run's health in words.

const SEVERITIES = ["problem", "warning", "note"];
const PLURALS = { problem: "problems", warning: "warnings" };
const EARLY_STEPS = 5;

/** `{text, severity}` of all findings together; severity "good" where there is nothing to worry about. */
export function healthOf(findings, { step, ended }) {
  const counts = SEVERITIES.map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length]);
  const bad = counts.filter(([severity, count]) => count > 0 && severity in PLURALS);
  if (bad.length > 0) {
    const text = bad.map(([severity, count]) => `${count} ${count === 1 ? severity : PLURALS[severity]}`).join(", ");
    return { text, severity: bad[0][0] };
  }
  if (step === 0) return { text: ended ? "No steps were made" : "No steps yet", severity: "none" };
  if (step < EARLY_STEPS && !ended) return { text: "Too early to tell", severity: "none" };
  return { text: ended ? "Healthy" : "Healthy so far", severity: "good" };
}

/** What a link to a finding's evidence says: "Damping, steps 3 to 7". */
export function evidenceText(title, first, last) {
  return first === last ? `${title}, step ${first}` : `${title}, steps ${first} to ${last}`;
}
