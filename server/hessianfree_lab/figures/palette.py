"""Colours that stay apart for every kind of colour vision [Okabe and Ito 2008], dashes where they run out."""

from collections.abc import Sequence

COLOURS = (
    "#0072B2",  # blue
    "#D55E00",  # vermillion
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#8C6D1F",  # a darkened yellow: the original cannot be read on white
    "#5B5F66",  # grey, for black, which cannot be read on a dark page
)
DASHES = ("solid", "dash", "dot", "dashdot")
LOOKS = len(COLOURS) * len(DASHES)
"""Curves that can be told apart: every colour in every dash."""


def colour(index: int) -> str:
    """Colour of the curve number `index`, from 0; they repeat after eight."""
    return COLOURS[index % len(COLOURS)]


def translucent(index: int) -> str:
    """Colour of the curve number `index` for the area behind it."""
    red, green, blue = (int(colour(index)[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def dash(index: int) -> str:
    """Dash of the curve number `index`: it changes each time the colours repeat."""
    return DASHES[index // len(COLOURS) % len(DASHES)]


def assign(colours: Sequence[int]) -> list[int]:
    """The number under which each of several runs is drawn, so that no two of the first 32 look alike.

    `colours` are the runs' own numbers, in the order in which the runs were chosen. A run keeps its own unless an
    earlier one has it, and then gets the next that is free: a run that is added changes nobody else's. After 32 runs
    every number is free again. The dashboard does the same (static/lib/colours.js).
    """
    taken: set[int] = set()
    given = []
    for own in colours:
        if len(taken) == LOOKS:
            taken.clear()
        number = own % LOOKS
        while number in taken:
            number = (number + 1) % LOOKS
        taken.add(number)
        given.append(number)
    return given
