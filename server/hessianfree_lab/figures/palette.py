"""Colours that stay apart for every kind of colour vision [Okabe and Ito 2008], dashes where they run out."""

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


def colour(index: int) -> str:
    """Colour of the curve number `index`, from 0; they repeat after eight."""
    return COLOURS[index % len(COLOURS)]


def dash(index: int) -> str:
    """Dash of the curve number `index`: it changes each time the colours repeat."""
    return DASHES[index // len(COLOURS) % len(DASHES)]
