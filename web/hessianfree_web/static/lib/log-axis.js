// Logarithmic axes have no place for zero and below. Such values are gaps with a mark at the lower edge, as values that no line
// can go through are anywhere (figures/points.py): on a logarithmic axis they are as far down as NaN is nowhere.

import { labelOf } from "./feed.js";

/** `traces` as a figure whose y axis is logarithmic can draw them. The trace behind a line takes its marks, if it is one of marks. */
export function onLogAxis(traces) {
  const drawn = [...traces];
  traces.forEach((trace, index) => {
    if ((trace.yaxis ?? "y") !== "y" || !Array.isArray(trace.y) || trace.meta?.marks || !trace.y.some(isBelow)) return;
    drawn[index] = { ...trace, y: trace.y.map((value) => (isBelow(value) ? null : value)) };
    if (traces[index + 1]?.meta?.marks) drawn[index + 1] = marked(traces[index + 1], trace);
  });
  return drawn;
}

function marked(marks, { x, y, customdata }) {
  const rows = [...y.keys()].filter((row) => isBelow(y[row]));
  const of = (column) => rows.map((row) => column?.[row]);
  return {
    ...marks,
    x: [...marks.x, ...of(x)],
    y: [...marks.y, ...rows.map(() => 0)],
    text: [...(marks.text ?? []), ...of(y).map(labelOf)],
    customdata: [...(marks.customdata ?? []), ...of(customdata)],
  };
}

function isBelow(value) {
  return value !== null && value <= 0;
}
