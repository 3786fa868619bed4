// A figure in the page's colours. Figures arrive drawn for white paper; `meta.colour` numbers the theme's own colours.

const BEHIND = "2e"; // the share of colour, in hexadecimal, of an area behind a line

/** `layout` with the theme's paper, ink and grid, without the title, which the page shows in its own type. */
export function themedLayout(layout, theme) {
  const themed = {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...layout.font, color: theme.ink, family: theme.font },
    hoverlabel: { bgcolor: theme.raised, bordercolor: theme.line, font: { color: theme.strong, family: theme.font } },
    legend: { ...layout.legend, bgcolor: "rgba(0,0,0,0)" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.faint, activecolor: theme.accent },
  };
  delete themed.title;
  // Notes with paper of their own stand over lines.
  if (layout.annotations) themed.annotations = layout.annotations.map((note) => (note.bgcolor ? { ...note, bgcolor: theme.paper } : note));
  for (const key of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(key)) themed[key] = { ...layout[key], gridcolor: theme.grid, linecolor: theme.line };
  }
  return themed;
}

/** `traces` with the theme's colour in line and markers wherever `meta.colour` asks for one, and on contours. */
export function themedTraces(traces, theme) {
  return traces.map((trace) => {
    if (trace.type === "contour") return { ...trace, colorscale: scale(theme.contour), reversescale: false };
    const number = trace.meta?.colour;
    if (number === undefined) return trace;
    const colour = theme.series[number % theme.series.length];
    const painted = { ...trace };
    if (trace.line) painted.line = { ...trace.line, color: colour };
    if (trace.marker) painted.marker = { ...trace.marker, color: colour };
    if (trace.fillcolor) painted.fillcolor = `${colour}${BEHIND}`;
    if (trace.meta.marks) painted.marker = { ...painted.marker, line: { ...trace.marker?.line, color: colour } };
    return painted;
  });
}

function scale(colours) {
  return colours.map((colour, place) => [place / (colours.length - 1), colour]);
}
