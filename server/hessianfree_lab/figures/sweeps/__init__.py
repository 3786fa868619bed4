"""Figures of a sweep: pure functions of its trials."""

from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.figures.sweeps.history import HISTORY
from hessianfree_lab.figures.sweeps.importance import IMPORTANCE
from hessianfree_lab.figures.sweeps.material import Study, SweepKind
from hessianfree_lab.figures.sweeps.parallel import PARALLEL
from hessianfree_lab.figures.sweeps.param_map import MAP
from hessianfree_lab.figures.sweeps.param_slice import SLICE

__all__ = ["SWEEP_FIGURES", "Study", "SweepKind", "UnknownSweepFigure", "sweep_figure"]

SWEEP_FIGURES: dict[str, SweepKind] = {
    kind.name: kind for kind in (HISTORY, IMPORTANCE, PARALLEL, MAP, SLICE)
}
"""In the order in which a sweep's page shows them."""


class UnknownSweepFigure(RecordNotFound):
    """No figure of sweeps has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no figure {name!r} of sweeps; there are: {', '.join(sorted(SWEEP_FIGURES))}."
        )
        self.name = name


def sweep_figure(name: str) -> SweepKind:
    """The figure called `name`. Raises UnknownSweepFigure, which names all there are."""
    try:
        return SWEEP_FIGURES[name]
    except KeyError:
        raise UnknownSweepFigure(name) from None
