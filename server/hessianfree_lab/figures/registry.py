"""Every figure by its name."""

from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.figures.agreement import AGREEMENT
from hessianfree_lab.figures.cg_iterations import CG_ITERATIONS
from hessianfree_lab.figures.damping import DAMPING
from hessianfree_lab.figures.extreme_eigenvalues import EXTREME_EIGENVALUES
from hessianfree_lab.figures.gradient_norm import GRADIENT_NORM
from hessianfree_lab.figures.inner_solve import INNER_SOLVE
from hessianfree_lab.figures.kept_losses import KEPT_LOSSES
from hessianfree_lab.figures.line_search import LINE_SEARCH
from hessianfree_lab.figures.loss import LOSS
from hessianfree_lab.figures.loss_slice import LOSS_SLICE
from hessianfree_lab.figures.material import Kind
from hessianfree_lab.figures.memory import MEMORY
from hessianfree_lab.figures.metric import METRIC
from hessianfree_lab.figures.parameter_norms import PARAMETER_NORMS
from hessianfree_lab.figures.path import PATH
from hessianfree_lab.figures.performance_profile import PERFORMANCE_PROFILE
from hessianfree_lab.figures.reduction_ratio import REDUCTION_RATIO
from hessianfree_lab.figures.reductions import REDUCTIONS
from hessianfree_lab.figures.residual_map import RESIDUAL_MAP
from hessianfree_lab.figures.ritz_extremes import RITZ_EXTREMES
from hessianfree_lab.figures.ritz_map import RITZ_MAP
from hessianfree_lab.figures.ritz_values import RITZ_VALUES
from hessianfree_lab.figures.scatter import SCATTER
from hessianfree_lab.figures.spectrum import SPECTRUM
from hessianfree_lab.figures.step_scale import STEP_SCALE
from hessianfree_lab.figures.time_split import TIME_SPLIT
from hessianfree_lab.figures.work import WORK

FIGURES: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        PATH,
        LOSS,
        GRADIENT_NORM,
        DAMPING,
        REDUCTION_RATIO,
        REDUCTIONS,
        AGREEMENT,
        STEP_SCALE,
        CG_ITERATIONS,
        RESIDUAL_MAP,
        RITZ_MAP,
        RITZ_EXTREMES,
        INNER_SOLVE,
        KEPT_LOSSES,
        LINE_SEARCH,
        RITZ_VALUES,
        LOSS_SLICE,
        EXTREME_EIGENVALUES,
        SPECTRUM,
        TIME_SPLIT,
        WORK,
        MEMORY,
        PARAMETER_NORMS,
        METRIC,
        SCATTER,
        PERFORMANCE_PROFILE,
    )
}
"""In the order in which a run's page shows them; those of several runs are for comparing."""


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
