// What workers offer to choose from, problems or optimizers: in which order they stand, and which of them a search finds.

/** The offers in two lists: those of the names `first`, in that order, and all others as they came. */
export function orderedOffers(infos, first) {
  const leading = first.flatMap((name) => infos.filter((info) => info.name === name));
  return { leading, others: infos.filter((info) => !leading.includes(info)) };
}

/** The offers that have every word of `text`: those whose name or title have them before those that only speak of them. */
export function foundOffers(infos, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (...texts) => words.every((word) => texts.join(" ").toLowerCase().includes(word));
  const found = infos.filter(({ name, title, description }) => holds(name, title, description));
  const named = found.filter(({ name, title }) => holds(name, title));
  return [...named, ...found.filter((info) => !named.includes(info))];
}
