// Numbers on the wire and on the page.

const WIRE = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity]]);
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** The number behind a wire value: NaN and the infinities travel as strings. Anything else is returned as it is. */
export function decode(value) {
  return typeof value === "string" && WIRE.has(value) ? WIRE.get(value) : value;
}

/** True for a number one can draw a line through. */
export function isFiniteNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** A measurement for reading: four significant digits, powers of ten outside 1e-4 .. 1e6, a dash where there is none. */
export function formatNumber(value, digits = 4) {
  const number = decode(value);
  if (number === null || number === undefined) return "–";
  if (typeof number !== "number") return String(number);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  if (number === 0) return "0";
  // What it is once it is rounded decides how it is written: 9999.6 has five digits then.
  const size = Math.abs(Number.isInteger(number) ? number : Number(number.toPrecision(digits)));
  if (size < 1e-4 || size >= 1e6) return number.toExponential(digits - 1).replace("e+", "e").replaceAll("-", "−");
  if (Number.isInteger(number) || size >= 10 ** digits) return minus(String(Math.round(number)));
  return minus(number.toPrecision(digits));
}

/** A count with its thousands set apart; what is not finite as a measurement is. */
export function formatCount(value) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(Number(value))) return formatNumber(value);
  return minus(String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f"));
}

/** Bytes in binary units. */
export function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Number(size.toPrecision(3))} ${UNITS[unit]}`;
}

function minus(text) {
  return text.replace(/^-/, "−");
}
