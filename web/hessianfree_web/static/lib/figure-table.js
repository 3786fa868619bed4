// What a figure draws as a table: for readers who cannot see it, and as CSV.

import { decode } from "./numbers.js";

/** The rows and columns behind a drawn figure: `{columns: [title], rows: [[value]]}`; null where nothing was measured there.
 *
 * A figure that draws something else than what was measured brings its table along (`layout.meta.table`).
 * Cells of a heat map are a row each, and so are places that runs came to (a path, two values of each run). Lines over the
 * same x stand beside each other, a column each; lines whose x differ, below each other with their names.
 */
export function tableOf({ data, layout }) {
  const { table } = layout.meta ?? {};
  if (table) return { columns: table.columns, rows: table.rows.map((row) => row.map(decode)) };
  const drawn = data.filter((trace) => trace.visible !== false && trace.hoverinfo !== "none");
  const places = layout.meta?.x ? [] : drawn.filter(({ meta }) => (meta?.run && !meta.latest) || typeof meta?.of === "string");
  if (places.length > 0) return placeTable(places, layout);
  const fields = drawn.filter((trace) => trace.z);
  if (fields.length > 0) return fieldTable(fields, drawn, layout);
  return curveTable(curvesOf(drawn), titleOf(layout, "xaxis") || "x", titleOf(layout, "yaxis") || "Value");
}

/** The table as CSV (RFC 4180), values in full. */
export function csvOf({ columns, rows }) {
  return [columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Lines and markers, each `{name, points: [[x, value]]}`. Marks at an edge belong to the line whose values they are. */
function curvesOf(traces) {
  const curves = new Map();
  for (const trace of traces) {
    if (trace.fill === "toself") {
      for (const bound of boundsOf(trace)) curves.set(bound.name, bound);
      continue;
    }
    const across = trace.orientation === "h";
    const [x, y] = across ? [trace.y, trace.x] : [trace.x, trace.y];
    if (!x?.length || !y?.length) continue;
    const key = keyOf(trace);
    const curve = curves.get(key) ?? curves.set(key, { name: nameOf(trace), points: [], known: new Map() }).get(key);
    for (let place = 0; place < x.length; place += 1) {
      if (trace.name === "marks") note(curve, x[place], plainText(textAt(trace, place)));
      else add(curve, x[place], trace.meta?.marks ? numberFrom(textAt(trace, place)) : decode(y[place]));
    }
  }
  return [...curves.values()].filter(({ points }) => points.length > 0);
}

/** Traces of one thing: a line and its marks at the edge, a group's line and where it is dotted. */
function keyOf({ uid, name, meta }) {
  if (meta?.group !== undefined) return `group ${meta.group}`;
  return uid ? uid.replace(/ marks$/, "") : `${meta?.run ?? ""} ${name}`;
}

function nameOf({ name, meta }) {
  if (name === "marks") return "What happened";
  return `${plainText(name ?? "Value")}${meta?.smooth ? ", smoothed" : ""}`;
}

/** A gap of the line is where a mark says what was measured, or another part of it goes on; what both have counts once. */
function add({ points, known }, x, value) {
  if (value === null || value === undefined || known.get(x) === value) return;
  points.push([x, value]);
  known.set(x, value);
}

/** Of all that happened at one place one cell tells. */
function note({ points, known }, x, text) {
  const told = known.get(x) ?? [x, null];
  if (!known.has(x)) points.push(told);
  known.set(x, told);
  told[1] = told[1] === null ? text : `${told[1]}; ${text}`;
}

/** A band is drawn along its upper bound and back along its lower one. */
function boundsOf({ name, x, y, meta }) {
  const half = x.length / 2;
  const along = x.slice(0, half);
  const [low, high] = [y.slice(half).reverse(), y.slice(0, half)];
  return [low, high].map((values, bound) => ({
    name: `${plainText(name)}, ${meta.bounds[bound]}`,
    points: along.map((place, row) => [place, decode(values[row])]),
  }));
}

function curveTable(curves, x, y) {
  const places = new Set(curves.flatMap(({ points }) => points.map(([place]) => place)));
  const longest = Math.max(0, ...curves.map(({ points }) => points.length));
  const repeats = curves.some(({ points }) => new Set(points.map(([place]) => place)).size < points.length);
  const inOrder = ([a], [b]) => ascending(a, b);
  if (repeats || (curves.length > 1 && places.size > 2 * longest)) {
    const rows = curves.flatMap(({ name, points }) => points.sort(inOrder).map(([place, value]) => [name, place, value]));
    return { columns: ["Curve", x, y], rows };
  }
  const columns = curves.map(({ points }) => new Map(points));
  const rows = [...places].sort(ascending).map((place) => [place, ...columns.map((column) => column.get(place) ?? null)]);
  return { columns: [x, ...curves.map(({ name }) => name)], rows };
}

/** Where runs came to, in the order of their steps; of what else is a step or a place of a run there is none. */
function placeTable(traces, layout) {
  const steps = traces.some(({ meta }) => meta.run);
  const several = traces.length > 1;
  const rows = traces.flatMap(({ name, x, y, customdata }) =>
    x.map((place, row) => [...(several ? [plainText(name)] : []), ...(steps ? [customdata?.[row] ?? null] : []), decode(place), decode(y[row])]));
  const columns = [...(several ? ["Run"] : []), ...(steps ? ["Step"] : []), titleOf(layout, "xaxis") || "x", titleOf(layout, "yaxis") || "y"];
  return { columns, rows };
}

function fieldTable(fields, drawn, layout) {
  // Cells that hold no number have crosses on them, which say what they hold.
  const words = new Map(drawn.filter(({ z, text }) => !z && text).flatMap(({ x, y, text }) => x.map((place, row) => [`${place} ${y[row]}`, decode(text[row])])));
  const rows = fields.flatMap(({ x, y, z, customdata, yaxis }) => {
    // The colour may be a logarithm: what was measured is beside it then.
    const measured = Array.isArray(customdata?.[0]) ? customdata : z;
    const { tickvals, ticktext } = layout[(yaxis ?? "y").replace("y", "yaxis")] ?? {};
    const named = (place) => ticktext?.[tickvals?.indexOf(place)] ?? place;
    return measured.flatMap((line, row) => [...line].map((value, column) => {
      const [across, up] = [x?.[column] ?? column, y?.[row] ?? row];
      return [across, named(up), decode(value) ?? words.get(`${across} ${up}`) ?? null];
    }));
  });
  const { y, z, colorbar, name } = fields[0];
  const value = colorbar?.title?.text ?? name ?? "Value";
  const up = titleOf(layout, "yaxis") || "y";
  return { columns: [titleOf(layout, "xaxis") || "x", y?.length > z.length ? `${up}, from` : up, plainText(value)], rows };
}

/** What a mark at the edge says was measured. */
function numberFrom(text) {
  return text === "NaN" || Number.isNaN(Number(text)) ? decode(text) : Number(text);
}

function textAt({ text }, place) {
  return (Array.isArray(text) ? text[place] : text) ?? "";
}

function titleOf(layout, axis) {
  return plainText(layout[axis]?.title?.text ?? "");
}

/** Plotly's labels are text with a few tags and entities: a line break, what figures escape of names. */
export function plainText(label) {
  return String(label)
    .replaceAll(/<br\s*\/?>/g, " ")
    .replaceAll("&#37;", "%")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function ascending(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string" && !Number.isNaN(Date.parse(a)) && !Number.isNaN(Date.parse(b))) return Date.parse(a) - Date.parse(b);
  return 0;
}

function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
