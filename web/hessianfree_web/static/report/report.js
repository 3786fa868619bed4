// The script of a report's file. The server joins it behind lib/theme.js and lib/times.js into one module: a file on a disk
// cannot import.

const TOKENS = { ink: "--text-2", strong: "--text-1", faint: "--text-3", grid: "--grid", line: "--line-2", raised: "--surface-raised", accent: "--accent", font: "--font" };
const CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"] };

function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (token) => style.getPropertyValue(token).trim();
  const numbered = (token, length) => Array.from({ length }, (_, number) => read(`--${token}-${number}`));
  return { ...Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, read(token)])), series: numbered("series", 8), contour: numbered("contour", 4) };
}

function draw() {
  const colours = theme();
  for (const card of document.querySelectorAll(".figure")) {
    const { data, layout } = JSON.parse(card.querySelector("script").textContent);
    const themed = { ...themedLayout(layout, colours), margin: { l: 8, r: 14, t: 10, b: 8 }, autosize: true };
    Plotly.react(card.querySelector(".plot"), themedTraces(data, colours), themed, CONFIG);
  }
}

for (const time of document.querySelectorAll("time")) {
  time.title = time.textContent;
  time.textContent = formatMoment(time.dateTime);
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
matchMedia("print").addEventListener("change", draw);
