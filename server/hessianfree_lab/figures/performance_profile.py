"""How often each of several solvers is the best, and how far behind it else is."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.axes import cost_title
from hessianfree_lab.figures.comparing.profiles import Profile
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import axis, figure, in_hover, in_legend

if TYPE_CHECKING:
    import plotly.graph_objects as go

REFRESH_SECONDS = 10
BEYOND = 1.15
"""How far past the last factor the staircases are drawn, as a power of the range: their last steps can be seen."""


def draw(material: Material) -> "go.Figure":
    """A staircase a solver, over the factor to the best of each instance, which is logarithmic."""
    race = material.race
    profiles = race.profiles if race else ()
    last = max((profile.factors[-1] for profile in profiles), default=1.0)
    end = max(last**BEYOND, 2.0)
    drawn = figure(
        PERFORMANCE_PROFILE,
        material,
        [
            _staircase(profile, colour, end)
            for profile, colour in zip(profiles, race.colours if race else (), strict=True)
        ],
        xaxis=axis(
            f"Factor to the best ({cost_title(material.x_key).lower()})",
            type="log",
            range=[0, math.log10(end)],
        ),
        yaxis=axis("Share of problems solved", range=[-0.02, 1.02], tickformat=".0%"),
        showlegend=True,
    )
    drawn.layout.meta = drawn.layout.meta | {
        "caption": race.caption if race else "",
        "refresh_seconds": REFRESH_SECONDS,
    }
    return drawn


def _staircase(profile: Profile, colour: int, end: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": profile.solver,
        "x": [*profile.factors, end],
        "y": [*profile.shares, profile.shares[-1]],
        "name": in_legend(profile.solver),
        "meta": {"group": profile.solver, "colour": colour},
        "mode": "lines",
        "line": {"shape": "hv", "width": 2, "color": palette.colour(colour), "dash": palette.dash(colour)},
        "hovertemplate": (
            f"{in_hover(profile.solver)}: %{{y:.0%}} within %{{x:.3~g}} times the best<extra></extra>"
        ),
    }


PERFORMANCE_PROFILE = Kind(
    name="performance-profile",
    title="Performance profile",
    section="compare",
    reading=(
        "The share of problems that each solves within a factor of whichever is best on it: at 1, how often it is the "
        "best; far to the right, how much it solves at all. Higher is better; "
        "a line that stays low to its end leaves problems unsolved."
    ),
    source="race",
    either_scale=False,
    draw=draw,
)
