// Text of a log, searched.

/** `text` cut where `query` stands in it, whatever its case: `[{text, hit}]`. */
export function pieces(text, query) {
  if (!query) return [{ text, hit: false }];
  const where = folded(text);
  const wanted = folded(query);
  const found = [];
  let from = 0;
  for (let at = where.indexOf(wanted); at >= 0; at = where.indexOf(wanted, from)) {
    if (at > from) found.push({ text: text.slice(from, at), hit: false });
    from = at + query.length;
    found.push({ text: text.slice(at, from), hit: true });
  }
  if (from < text.length) found.push({ text: text.slice(from), hit: false });
  return found;
}

/** Whether `query` stands in `text`, whatever its case. */
export function contains(text, query) {
  return folded(text).includes(folded(query));
}

/** What is said of `total` matching lines when number `place` (from 0) is the one shown. */
export function matchText(place, total) {
  if (total === 0) return "No match";
  return `${place + 1} of ${total}`;
}

/** What is said of a log of `total` lines. */
export function countText(total) {
  return total === 1 ? "1 line" : `${String(total).replace(/\B(?=(\d{3})+$)/g, "\u202f")} lines`;
}

// Lower case may be longer than its letter ("İ"): only what keeps its length is folded, so that places stay places.
function folded(text) {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
