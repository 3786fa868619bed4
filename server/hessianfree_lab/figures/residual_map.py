"""The residual of every inner solve at once."""

import math
from typing import TYPE_CHECKING

from hessianfree_lab.figures.heat import BARE, about, along, gone, heat, powers, sampled
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.points import label_of
from hessianfree_lab.figures.style import axis, figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROWS = 128  # of iterations; of more, every second, fourth and so on
FLOOR = -16.0  # as a power of ten: below is rounding


def draw(material: Material) -> "go.Figure":
    """Residual norm over that of the solve's start, on a logarithmic colour scale, step by iteration."""
    solves = material.solves.solves
    run = material.curves[0].run if material.curves else ""
    length = max((len(solve.residual_norms) for solve in solves), default=0)
    stride = 1
    while (length - 1) // stride >= ROWS:
        stride *= 2
    iterations = list(range(0, length, stride))
    columns = [_relative(solve.residual_norms, iterations) for solve in solves]
    steps = [solve.step for solve in solves]
    shares = [list(row) for row in zip(*columns, strict=True)]
    powers_of_ten = [[None if share is None else _power(share) for share in row] for row in shares]
    known = [power for row in powers_of_ten for power in row if power is not None]
    low, high = min(known, default=-1.0), max(known, default=0.0)
    cells = [
        (float(solve.step), float(i), label_of(solve.residual_norms[i]))
        for solve in solves
        for i in iterations
        if i < len(solve.residual_norms) and not math.isfinite(solve.residual_norms[i])
    ]
    traces = [
        heat(
            steps,
            iterations,
            powers_of_ten,
            name="residual",
            run=run,
            hover="step %{x}, iteration %{y}<br>residual %{customdata:.3~g} of the start's",
            customdata=shares,
            scale={"title": "Residual over the start's", **powers(low, high)},
            zmin=low,
            zmax=max(high, low + 1e-3),
        ),
        gone(cells, run=run, what="the residual is"),
    ]
    drawn = figure(
        RESIDUAL_MAP,
        material,
        traces if solves else [],
        along=along(material),
        xaxis=axis("Step", **BARE),
        yaxis=axis("CG iteration", **BARE),
    )
    drawn.layout.meta = drawn.layout.meta | about(material, sampled(material))
    return drawn


def _relative(norms: list[float], iterations: list[int]) -> list[float | None]:
    """The norms over the first, to three digits; None beyond the solve's end, and for what is not finite."""
    start = norms[0] if norms else math.nan
    if not (math.isfinite(start) and start > 0):
        return [None] * len(iterations)
    shares = [norms[i] / start if i < len(norms) else math.nan for i in iterations]
    return [float(f"{share:.3g}") if math.isfinite(share) else None for share in shares]


def _power(share: float) -> float:
    return round(max(FLOOR, math.log10(share)), 3) if share > 0 else FLOOR


RESIDUAL_MAP = Kind(
    name="residual-map",
    title="Residual of every solve",
    section="solve",
    reading=(
        "Each column is one inner solve, from its start upwards; the colour is how much of the residual is left. "
        "Dark tops are solves that arrived; columns that stay bright to their end ask for a preconditioner, more "
        "damping or more iterations."
    ),
    metrics=("cg_iterations",),
    source="traces",
    either_scale=False,
    draw=draw,
)
