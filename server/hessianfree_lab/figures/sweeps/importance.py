"""Which parameters decide."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.style import axis, plain
from hessianfree_lab.figures.sweeps.frame import COMPLETED, frame
from hessianfree_lab.figures.sweeps.material import Study, SweepKind, short

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(study: Study) -> "go.Figure":
    """One bar a parameter, the longest on top."""
    shares = dict(sorted(study.importances.items(), key=lambda item: item[1]))
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [100 * share for share in shares.values()],
        "y": [plain(short(path, shares)) for path in shares],
        "text": [f"{100 * share:.0f} %" for share in shares.values()],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [f"{plain(path)}: {100 * share:.1f} %" for path, share in shares.items()],
        "hoverinfo": "text",
        "marker": {"line": {"width": 0}},
        "width": [0.56] * len(shares),
        "name": "importance",
        "showlegend": False,
        "meta": {"colour": COMPLETED},
    }
    title = "Share of what decides (%)"
    x = axis(title, rangemode="tozero", range=[0, 112], tickvals=[0, 25, 50, 75, 100])
    drawn = frame(IMPORTANCE, study, [trace], xaxis=x, yaxis=axis("", type="category", showgrid=False))
    rows = [[path, 100 * share] for path, share in reversed(shares.items())]
    drawn.layout.meta = drawn.layout.meta | {"table": {"columns": ["Parameter", title], "rows": rows}}
    return drawn


IMPORTANCE = SweepKind(
    name="importance",
    title="Importance",
    reading=(
        "How much each parameter decides whether a trial is among the best (PED-ANOVA). It counts what was tried: "
        "a parameter searched over a narrow range matters little here, whatever it would do elsewhere. Few trials "
        "say little; of thousands an even sample is judged."
    ),
    draw=draw,
)
