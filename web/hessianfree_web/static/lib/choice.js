// Moving through a list of choices by keyboard: menus and lists of suggestions.

const MOVES = {
  ArrowDown: (place, count) => (place + 1) % count,
  ArrowUp: (place, count) => (place <= 0 ? count : place) - 1,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** The place that `key` leads to from `place` (-1: none yet) among `count` choices; null where the key is for something else. */
export function moved(key, place, count) {
  const move = MOVES[key];
  return move && count > 0 ? move(place, count) : null;
}
