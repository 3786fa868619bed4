"""The spectrum that CG saw, over all steps."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.heat import BARE, about, along, heat, sampled
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import axis, figure
from hessianfree_lab.records.solves import Solve

if TYPE_CHECKING:
    import plotly.graph_objects as go

BINS = 48  # of eigenvalues, equally wide on a logarithmic axis
BELOW = 0.1  # of the height, for those that are not positive


def draw(material: Material) -> "go.Figure":
    """How many Ritz values each solve had in each bin; those that are not positive in a band of their own below."""
    solves = [solve for solve in material.solves.solves if solve.ritz_values]
    positive = [
        value for solve in solves for value in solve.ritz_values if value > 0 and math.isfinite(value)
    ]
    below = [sum(value <= 0 for value in solve.ritz_values) for solve in solves]
    edges = bins(positive)
    run = material.curves[0].run if material.curves else ""
    steps = [solve.step for solve in solves]
    counts = [_counts(solve, edges) for solve in solves]
    most = max([*map(max, counts), *below], default=1)
    common = {"run": run, "scale": _scale(most), "zmin": 0, "zmax": max(math.log10(most), 0.1)}
    traces = [_cells(steps, edges, list(zip(*counts, strict=True)), "about %{y:.3g}", common)]
    if any(below):
        traces.append(_cells(steps, [0], [below], "not above zero", common, showscale=False, yaxis="y2"))
    drawn = figure(
        RITZ_MAP,
        material,
        traces if solves else [],
        along=along(material),
        xaxis=axis("Step", **BARE, anchor="y2" if any(below) else "y"),
        yaxis=axis(_axis_of(solves), **BARE, type="log", domain=[BELOW + 0.05 if any(below) else 0, 1]),
        **_band(any(below)),
    )
    drawn.layout.meta = drawn.layout.meta | about(material, _caption(material, below))
    return drawn


def _cells(
    steps: list[int],
    y: list[float],
    counts: Sequence[Sequence[int]],
    where: str,
    common: dict[str, Any],
    **style: Any,
) -> dict[str, Any]:
    """Counts [rows][columns] on a logarithmic scale of colour, on which one value among many can be seen."""
    return heat(
        steps,
        y,
        [[math.log10(count) if count else None for count in row] for row in counts],
        name="Ritz values",
        hover=f"step %{{x}}: %{{customdata}} {where}",
        customdata=counts,
        **common,
        **style,
    )


def _scale(most: int) -> dict[str, Any]:
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= most]
    return {
        "title": "Ritz values",
        "tickvals": [*map(math.log10, ticks)],
        "ticktext": [*map(str, ticks)],
    }


def bins(values: list[float]) -> list[float]:
    """Edges of bins over all the (positive) values."""
    if not values:
        return [0.1, 1.0]
    low, high = math.log10(min(values)) - 0.01, math.log10(max(values)) + 0.01
    return [10 ** (low + (high - low) * place / BINS) for place in range(BINS + 1)]


def _counts(solve: Solve, edges: list[float]) -> list[int]:
    counts = [0] * (len(edges) - 1)
    low, width = math.log10(edges[0]), math.log10(edges[-1] / edges[0]) / len(counts)
    for value in solve.ritz_values:
        if value > 0 and math.isfinite(value):
            counts[min(len(counts) - 1, max(0, int((math.log10(value) - low) / width)))] += 1
    return counts


def _axis_of(solves: list[Solve]) -> str:
    kinds = {solve.preconditioned for solve in solves}
    return "Ritz value, preconditioned" if kinds == {True} else "Ritz value"


def _band(shown: bool) -> dict[str, Any]:
    """The axis of the band below, where something is in it."""
    if not shown:
        return {}
    ticks = {"tickvals": [0], "ticktext": ["≤ 0"], "fixedrange": True}
    return {"yaxis2": axis("", **BARE, domain=[0, BELOW], **ticks)}


def _caption(material: Material, below: list[int]) -> str:
    columns = sampled(material)
    matrices = {solve.preconditioned for solve in material.solves.solves}
    said = {
        frozenset({False}): "Of the damped curvature.",
        frozenset({True}): "Of the preconditioned, damped curvature.",
    }.get(frozenset(matrices), "Of the damped curvature, preconditioned at some steps.")
    negative = sum(map(bool, below))
    found = (
        f" {negative} of {len(below)} solves shown met curvature that is not positive." if negative else ""
    )
    return f"{said} {columns}{found}" if matrices else columns


RITZ_MAP = Kind(
    name="ritz-map",
    title="Ritz values of every solve",
    section="solve",
    reading=(
        "Each column has the eigenvalue estimates of one inner solve. A band that widens upwards means steeper "
        "directions; one that sinks to the damping means flat ones; anything in the band at the bottom is negative "
        "curvature, which a quadratic model cannot be minimized over."
    ),
    metrics=("ritz_largest",),
    source="traces",
    either_scale=False,
    draw=draw,
)
