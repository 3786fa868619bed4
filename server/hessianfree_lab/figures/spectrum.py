"""Where the eigenvalues of the loss's curvature lie."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import axis, figure, plain
from hessianfree_lab.records import Spectrum

if TYPE_CHECKING:
    import plotly.graph_objects as go

BARS = 80
LEAST = 0.03  # eigenvalues a bar: below is what the quadrature spreads thin between real ones

MATRICES = {"hessian": "Hessian", "ggn": "Gauss-Newton matrix"}


def draw(material: Material) -> "go.Figure":
    """Bars of the number of eigenvalues, on a logarithmic axis; those below zero in a colour of their own."""
    spectrum = material.spectrum
    edges, counts = bars(spectrum) if spectrum else ([], [])
    most = max(counts, default=1.0)
    drawn = figure(
        SPECTRUM,
        material,
        [
            _bars(edges, counts, name="above zero", colour=0, sign=1),
            _bars(edges, counts, name="below zero", colour=1, sign=-1),
        ],
        xaxis=axis("Eigenvalue"),
        yaxis=axis("Number", type="log", range=[math.log10(LEAST), math.log10(max(most, 1.0)) + 0.3]),
        bargap=0,
        barmode="overlay",
    )
    drawn.layout.meta = drawn.layout.meta | {"caption": _caption(spectrum)}
    return drawn


def bars(spectrum: Spectrum) -> tuple[list[float], list[float]]:
    """Edges, 0 among them where eigenvalues lie on both sides of it, and the number of eigenvalues between each two."""
    known = [
        (node, weight * spectrum.dimension)
        for node, weight in zip(spectrum.nodes, spectrum.weights, strict=True)
        if math.isfinite(node) and math.isfinite(weight)
    ]
    if not known:
        return [], []
    lowest, highest = min(node for node, _ in known), max(node for node, _ in known)
    width = (highest - lowest) / BARS or max(abs(highest), 1.0) / BARS
    first = math.floor(lowest / width)
    counts = [0.0] * (math.floor(highest / width) - first + 1)
    for node, count in known:
        counts[math.floor(node / width) - first] += count
    return [(first + number) * width for number in range(len(counts) + 1)], counts


def _bars(edges: list[float], counts: list[float], *, name: str, colour: int, sign: int) -> Any:
    import plotly.graph_objects as go

    shown = [
        (low, high, count)
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
        if count >= LEAST and (high > 0 if sign > 0 else high <= 0)
    ]
    return go.Bar(
        x=[(low + high) / 2 for low, high, _ in shown],
        width=[high - low for low, high, _ in shown],
        y=[count for *_, count in shown],
        customdata=[[f"{low:.4g}", f"{high:.4g}", f"{count:.3g}"] for low, high, count in shown],
        name=plain(name),
        meta={"colour": colour},
        marker={"color": palette.colour(colour), "line": {"width": 0}},
        showlegend=bool(shown),
        hovertemplate="%{customdata[0]} to %{customdata[1]}<br>about %{customdata[2]} eigenvalues<extra></extra>",
    )


def _caption(spectrum: Spectrum | None) -> str:
    """The spectrum in a sentence, for the line above the figure."""
    if spectrum is None:
        return "This run has no record of a spectrum so far back."
    error = "" if spectrum.trace_error is None else f" ± {spectrum.trace_error:.3g}"
    parts = [
        f"Step {spectrum.step}: {MATRICES[spectrum.matrix]} in {spectrum.dimension:,} parameters",
        f"eigenvalues from {spectrum.smallest:.4g} to {spectrum.largest:.4g}",
        f"trace {spectrum.trace:.4g}{error}",
    ]
    if spectrum.smallest < 0:
        below = sum(w for node, w in zip(spectrum.nodes, spectrum.weights, strict=True) if node < 0)
        parts.append(f"about {100 * below:.0f} % below zero")
    return ", ".join(parts) + "."


SPECTRUM = Kind(
    name="spectrum",
    title="Spectrum",
    section="spectrum",
    reading=(
        "How many eigenvalues of the loss's curvature lie where: nearly all are about zero, the flat directions; the "
        "few far to the right are the steep ones, which make a solve hard and a learning rate small; below zero the "
        "loss curves downwards."
    ),
    metrics=("spectrum_largest",),
    source="spectrum",
    either_scale=False,
    draw=draw,
)
