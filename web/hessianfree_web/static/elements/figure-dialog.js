// A figure over the whole window: one like it, drawn anew there, as live and as sharp as the one on the page.

import { icon, make } from "./dom.js";

/**
 * Open a dialog with a figure like `figure`. Escape closes it. The dialog is a part of the figure: what its reader does there
 * is heard, and what the page shows is shown there too.
 */
export function enlarge(figure) {
  const copy = figure.cloneNode(true);
  copy.removeAttribute("id");
  copy.removeAttribute("legend"); // the page's own legend lies below
  copy.dress = figure.dress;
  copy.classList.remove("card");
  copy.querySelector(".plot").replaceChildren();
  copy.querySelector(".plot").className = "plot";
  for (const part of copy.querySelectorAll('.data-table, [data-action="close"]')) part.remove();
  const title = figure.querySelector('[data-part="title"]').textContent;
  const close = make("button", { type: "button", class: "button quiet small square", title: "Close" }, icon("close"), make("span", { class: "visually-hidden" }, "Close"));
  copy.querySelector(".figure-tools").append(close);
  const dialog = make("dialog", { class: "figure-dialog", "aria-label": title }, copy);
  close.addEventListener("click", () => dialog.close());
  // The ground behind the dialog belongs to the element: a click on it is a click on the dialog itself.
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  figure.append(dialog);
  dialog.showModal();
}
