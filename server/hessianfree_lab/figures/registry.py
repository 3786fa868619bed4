"""Every figure by its name."""

from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.figures.cg_iterations import CG_ITERATIONS
from hessianfree_lab.figures.damping import DAMPING
from hessianfree_lab.figures.extreme_eigenvalues import EXTREME_EIGENVALUES
from hessianfree_lab.figures.gradient_norm import GRADIENT_NORM
from hessianfree_lab.figures.inner_solve import INNER_SOLVE
from hessianfree_lab.figures.loss import LOSS
from hessianfree_lab.figures.loss_slice import LOSS_SLICE
from hessianfree_lab.figures.material import Kind
from hessianfree_lab.figures.metric import METRIC
from hessianfree_lab.figures.path import PATH
from hessianfree_lab.figures.reduction_ratio import REDUCTION_RATIO
from hessianfree_lab.figures.ritz_values import RITZ_VALUES
from hessianfree_lab.figures.spectrum import SPECTRUM
from hessianfree_lab.figures.step_scale import STEP_SCALE

FIGURES: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        PATH,
        LOSS,
        DAMPING,
        REDUCTION_RATIO,
        CG_ITERATIONS,
        STEP_SCALE,
        GRADIENT_NORM,
        EXTREME_EIGENVALUES,
        INNER_SOLVE,
        RITZ_VALUES,
        LOSS_SLICE,
        SPECTRUM,
        METRIC,
    )
}
"""In the order in which a run's page shows them; `metric` is for comparing."""


class UnknownFigure(RecordNotFound):
    """No figure has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no figure {name!r}; there are: {', '.join(sorted(FIGURES))}.")
        self.name = name


def figure_kind(name: str) -> Kind:
    """The figure called `name`. Raises UnknownFigure, which names all there are."""
    try:
        return FIGURES[name]
    except KeyError:
        raise UnknownFigure(name) from None
