// What the server put into the page for its modules.

/** The page's data, from its one JSON block; null on pages without. */
export function pageData() {
  const block = document.querySelector('script[type="application/json"]#page-data');
  return block ? JSON.parse(block.textContent) : null;
}
