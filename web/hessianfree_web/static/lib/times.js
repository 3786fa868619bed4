// Durations and moments.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const TO_THE_SECOND = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
};

/** A duration in its two largest units: "0.8 s", "42 s", "3 min 5 s", "2 h 4 min", "3 d 1 h". */
export function formatDuration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, seconds);
  if (whole < 9.95) return `${whole.toFixed(1)} s`;
  const rounded = Math.round(whole);
  if (rounded < MINUTE) return `${rounded} s`;
  if (rounded < HOUR) return pair(rounded, MINUTE, "min", 1, "s");
  if (rounded < DAY) return pair(rounded, HOUR, "h", MINUTE, "min");
  return pair(rounded, DAY, "d", HOUR, "h");
}

/** A duration in its largest unit, for what is only an estimate: "40 s", "32 min", "3 h". */
export function formatRoughly(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "–";
  for (const [unit, name] of [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]]) {
    if (seconds >= 1.5 * unit) return `${Math.round(seconds / unit)} ${name}`;
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

/** How long ago `moment` (RFC 3339) was, in one unit. */
export function formatAge(moment, now = Date.now()) {
  const seconds = (now - Date.parse(moment)) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 5) return "now";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  return `${Math.floor(seconds / DAY)} d ago`;
}

/** Seconds from `start` to `end` (RFC 3339), or to now where there is no end yet; null before the start. */
export function secondsBetween(start, end, now = Date.now()) {
  if (!start) return null;
  return Math.max(0, ((end ? Date.parse(end) : now) - Date.parse(start)) / 1000);
}

/** A moment to the second in a time zone (the reader's own), which is named: "2026-03-01 14:05:09 GMT+1". */
export function formatMoment(moment, zone = undefined) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return "–";
  const { year, month, day, hour, minute, second, timeZoneName } = partsOf(date, zone);
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZoneName}`;
}

/** The reader's time zone, with how far it is from UTC at `moment`: "Europe/Berlin (GMT+1)", "UTC". */
export function nameOfZone(moment = Date.now(), zone = Intl.DateTimeFormat().resolvedOptions().timeZone) {
  const offset = partsOf(new Date(moment), zone).timeZoneName;
  return offset === zone ? zone : `${zone} (${offset})`;
}

const formatters = new Map();

function partsOf(date, zone) {
  const known = formatters.get(zone);
  const formatter = known ?? new Intl.DateTimeFormat("en-US", { ...TO_THE_SECOND, timeZone: zone });
  if (!known) formatters.set(zone, formatter);
  return Object.fromEntries(formatter.formatToParts(date).map(({ type, value }) => [type, value]));
}

function pair(seconds, large, largeName, small, smallName) {
  const first = Math.floor(seconds / large);
  const second = Math.floor((seconds % large) / small);
  return second === 0 ? `${first} ${largeName}` : `${first} ${largeName} ${second} ${smallName}`;
}
