// A drawn figure as an image of its own: what the page says around it (title, run, paper) goes into it.

import { plainText } from "./figure-table.js";

export const IMAGE = { width: 1200, height: 720, scale: 2 };

/** `{data, layout}` for Plotly.toImage, from what is drawn. `title`: the card's; `of`: whose it is, "" where a legend says so. */
export function pictureOf({ data, layout }, { title, of, theme }) {
  const heading = [title, of].filter(Boolean).map(escape).join(" · ");
  const picture = {
    ...layout,
    width: IMAGE.width,
    height: IMAGE.height,
    autosize: false,
    paper_bgcolor: theme.paper,
    plot_bgcolor: theme.paper,
    title: { text: heading, x: 0, xref: "paper", xanchor: "left", y: 0.97, yanchor: "top", font: { size: 20, color: theme.strong } },
    font: { ...layout.font, size: 15 },
    margin: { l: 72, r: 32, t: 96, b: 64 },
  };
  // On the page one legend may stand for several figures; an image stands alone.
  return { data, layout: of ? picture : { ...picture, showlegend: true } };
}

/** A name for a file of the figure: "damping-of-my-run". */
export function fileName(title, of) {
  const words = plainText([title, of].filter(Boolean).join(" of ")).normalize("NFKD").toLowerCase();
  return words.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 80) || "figure";
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
