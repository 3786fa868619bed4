// <figure-menu>: what a reader may do with the figure around it: enlarge it, see its data, take it along, link to it.

import { IMAGE, fileName, pictureOf } from "../lib/figure-image.js";
import { csvOf, tableOf } from "../lib/figure-table.js";
import { currentTheme } from "./figure-theme.js";
import { enlarge } from "./figure-dialog.js";
import { DataTable } from "./data-table.js";
import { Menu } from "./menu.js";
import { announce } from "./announcer.js";
import { pageData } from "./page-data.js";
import { plotly } from "./plotly.js";

class FigureMenu extends HTMLElement {
  #figure;
  #table;
  #bound = null;

  connectedCallback() {
    this.#bound = new AbortController();
    this.#figure = this.closest("live-figure");
    this.#table = new DataTable(this.#figure, () => this.#figure.drawn);
    new Menu(this.querySelector("button"), this.querySelector("[role=menu]"), () => this.#items(), this.#bound.signal);
  }

  disconnectedCallback() {
    this.#bound.abort();
    this.#table.close();
  }

  get #title() {
    return this.#figure.querySelector('[data-part="title"]').textContent;
  }

  /** The one run whose figure this is, by name; "" where there are several. */
  get #of() {
    return pageData()?.run?.name ?? "";
  }

  #items() {
    const nested = this.#figure.closest("dialog") !== null;
    const always = [
      { text: "Copy link to this view", icon: "link", act: () => this.#copyLink() },
    ];
    if (!this.#figure.figure) return [...always, { text: "Try to load it again", icon: "refresh", act: () => this.#figure.reload() }];
    const runs = this.#runs();
    return [
      ...(nested ? [] : [{ text: "Enlarge", icon: "enlarge", act: () => enlarge(this.#figure) }]),
      { text: this.#table.isOpen ? "Show the plot" : "Show data table", icon: "table", act: () => this.#table.toggle() },
      { text: "Download PNG", icon: "download", act: () => this.#saveImage("png") },
      { text: "Download SVG", icon: "download", act: () => this.#saveImage("svg") },
      { text: "Download data as CSV", icon: "download", act: () => this.#saveData() },
      ...(runs.length === 1 ? [{ text: "All rows of the run as CSV", icon: "download", href: `/api/v1/runs/${runs[0]}/metrics.csv`, download: true }] : []),
      ...always,
    ];
  }

  #runs() {
    const src = new URL(this.#figure.getAttribute("src"), location.href);
    return (src.searchParams.get("runs") ?? "").split(",").filter(Boolean);
  }

  async #saveImage(format) {
    const theme = currentTheme();
    const Plotly = await plotly();
    const picture = pictureOf(this.#figure.plot, { title: this.#title, of: this.#of, theme });
    const address = await Plotly.toImage(picture, { format, ...IMAGE, scale: format === "svg" ? 1 : IMAGE.scale });
    this.#save(address, format);
  }

  #saveData() {
    const text = csvOf(tableOf(this.#figure.drawn));
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    this.#save(address, "csv");
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  #save(address, suffix) {
    const link = document.createElement("a");
    link.href = address;
    link.download = `${fileName(this.#title, this.#of)}.${suffix}`;
    link.click();
    announce(`Saved as ${link.download}`);
  }

  async #copyLink() {
    const link = new URL(location.href);
    link.hash = this.closest("live-figure[id]").id; // an enlarged one's is that of the one on the page
    try {
      await navigator.clipboard.writeText(link.href);
      announce("Link copied");
    } catch {
      history.replaceState(history.state, "", link);
      announce("The link is in the address bar now");
    }
  }
}

customElements.define("figure-menu", FigureMenu);
