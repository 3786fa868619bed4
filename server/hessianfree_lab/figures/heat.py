"""Heat maps over steps: what no row can be appended to, and so is fetched anew while a run goes on."""

from collections.abc import Sequence
from typing import Any

from hessianfree_lab.figures.material import Material
from hessianfree_lab.figures.palette import colour
from hessianfree_lab.figures.style import in_hover, plain

SEQUENTIAL = ("#15406f", "#3a5470", "#5d6876", "#7c7b78", "#9b9072", "#bda667", "#e0be56", "#ffdf4f")
"""Even steps of lightness for every kind of colour vision, after cividis [Nunez et al. 2018]; its ends are such that
they stand out from white paper and from dark."""
REFRESH_SECONDS = 5.0
BARE = {"showgrid": False, "ticks": ""}
"""Axes of heat maps: their cells are the grid."""


def heat(
    x: Sequence[float],
    y: Sequence[float],
    z: Sequence[Sequence[float | None]],
    *,
    name: str,
    run: str,
    hover: str,
    scale: dict[str, Any],
    **style: Any,
) -> dict[str, Any]:
    """Cells of `z` [rows of y][columns of x], None: a gap. x are steps, by which a click finds one."""
    return {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": z,
        "name": plain(name),
        "meta": {"steps_of": run},
        "colorscale": [[place / (len(SEQUENTIAL) - 1), paint] for place, paint in enumerate(SEQUENTIAL)],
        "colorbar": bar(**scale),
        "hoverongaps": False,
        "hovertemplate": f"{hover}<extra></extra>",
        "showlegend": False,
    } | style


def bar(title: str, **style: Any) -> dict[str, Any]:
    """A thin colour bar at the right, as high as the figure."""
    return {
        "thickness": 8,
        "xpad": 8,
        "ypad": 0,
        "len": 1.0,
        "outlinewidth": 0,
        "title": {"text": plain(title), "side": "right", "font": {"size": 12}},
        "tickfont": {"size": 11},
    } | style


def powers(low: float, high: float, *, most: int = 7) -> dict[str, Any]:
    """Ticks of a colour bar whose values are logarithms: whole powers of ten from `low` to `high`, `most` of them."""
    first, last = round(low), round(high)
    stride = max(1, -(-(last - first + 1) // most))
    ticks = list(range(first, last + 1, stride))
    return {"tickvals": ticks, "ticktext": [f"10<sup>{'−' if t < 0 else ''}{abs(t)}</sup>" for t in ticks]}


def gone(cells: Sequence[tuple[float, float, str]], *, run: str, what: str, **style: Any) -> dict[str, Any]:
    """Crosses on cells (x, y, word) that hold no number; the legend names them where there are some."""
    return {
        "type": "scatter",
        "x": [x for x, _, _ in cells],
        "y": [y for _, y, _ in cells],
        "text": [word for _, _, word in cells],
        "customdata": [x for x, _, _ in cells],
        "mode": "markers",
        "name": "not a number",
        "meta": {"steps_of": run},
        "showlegend": bool(cells),
        "marker": {"symbol": "x-thin", "size": 6, "line": {"width": 1.6, "color": colour(1)}},
        "hovertemplate": f"step %{{x}}: {in_hover(what)} %{{text}}<extra></extra>",
    } | style


def along(material: Material) -> str | None:
    """Whether a page can zoom: x are steps, whatever it is in the figures around."""
    return "step" if material.x_name == "step" else None


def about(material: Material, caption: str) -> dict[str, Any]:
    """What a page has to know: when to fetch a heat map anew, and whether there is more of it to be seen."""
    is_sample = material.solves.every > 1
    return {"refresh_seconds": REFRESH_SECONDS, "sampled": is_sample, "caption": caption}


def sampled(material: Material) -> str:
    """What the columns of a heat map are, in a sentence."""
    sample = material.solves
    if not sample.solves:
        return "This run has no record of its inner solves."
    if sample.every == 1:
        return "A column is a step."
    return f"A column is the first of {sample.every} steps; zoomed in there are more of them."
