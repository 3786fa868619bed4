// A metric in the size of a word: one line, gaps where nothing can be drawn, marks where it left the numbers.

import { decode } from "./numbers.js";

/** Largest over least value from which a line of positive values is drawn on a logarithmic scale. */
const LOG_FROM = 30;
const BETWEEN_MARKS = 6; // pixels: closer ones would be a smear

/**
 * `{path, marks, isLog}` within `width` x `height`: `path` as SVG has it, `marks` the x of every value that is NaN or infinite. Null where
 * there is nothing to draw.
 */
export function sketch(steps, wire, width, height) {
  const values = wire.map(decode);
  const finite = values.filter((value) => typeof value === "number" && Number.isFinite(value));
  const odd = values.some((value) => typeof value === "number" && !Number.isFinite(value));
  if (finite.length === 0 && !odd) return null;
  const isLog = finite.length > 0 && Math.min(...finite) > 0 && Math.max(...finite) / Math.min(...finite) >= LOG_FROM;
  const level = isLog ? Math.log : Number;
  const low = level(Math.min(...finite));
  const high = level(Math.max(...finite));
  const first = steps[0];
  const span = steps[steps.length - 1] - first || 1;
  const x = (step) => round(1 + ((step - first) / span) * (width - 2));
  const y = (value) => round(high === low ? height / 2 : height - 2 - ((level(value) - low) / (high - low)) * (height - 4));
  const marks = [];
  let path = "";
  let isDown = false;
  values.forEach((value, index) => {
    if (typeof value === "number" && Number.isFinite(value)) {
      path += `${isDown ? "L" : "M"}${x(steps[index])} ${y(value)}`;
      isDown = true;
    } else if (typeof value === "number") {
      const at = x(steps[index]);
      if (!(at - marks.at(-1) < BETWEEN_MARKS)) marks.push(at);
      isDown = false;
    }
  });
  // A line of one point has no length: a round end makes a dot of it.
  return { path: path.includes("L") ? path : path && `${path}h0.01`, marks, isLog };
}

/** The curve in words, for those who do not see it. */
export function sketchWords(metric, steps, wire) {
  const values = wire.map(decode).filter((value) => typeof value === "number");
  if (values.length === 0) return `No ${metric}`;
  const odd = values.filter((value) => !Number.isFinite(value)).length;
  const show = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "not a finite number");
  return `${metric} from ${show(values[0])} to ${show(values.at(-1))} in ${steps.at(-1)} steps${odd ? ", not finite at times" : ""}`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
