"""K-FAC, made of the library's parts."""

from collections.abc import Collection
from functools import partial

from pydantic import Field
from torch import nn

from hessianfree.acceptance import AcceptAny
from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import LastIterate
from hessianfree.damping import ConstantDamping, LevenbergMarquardt
from hessianfree.linesearch import FixedScale
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.stopping import Deadline, Divergence, IterationLimit, ResidualTolerance
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers import schedules
from hessianfree_lab.training.optimizers.hessian_free import EngineDriver
from hessianfree_lab.training.optimizers.interface import Optimizer, Taken
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.problems.interface import Task
from hessianfree_lab.training.progress import Progress

RIDGE = 1e-8
"""Of a factor's mean eigenvalue: only so that it can be inverted, its damping being another."""


class KFACParams(ScheduledParams):
    """What [Martens & Grosse 2015] leave to choose, with their values where they fit all sizes of problem."""

    damping: float = Field(1.0, gt=0, le=1e12, description="Initial damping (the paper's: 150).")
    adapt_damping: bool = Field(
        True, description="Adapt the damping by the reduction ratio (Levenberg-Marquardt)."
    )
    damping_every: int = Field(5, ge=1, le=1_000, description="Steps between two adaptations.")
    decay: float = Field(
        0.95, ge=0, lt=1, description="What is kept of the factors' moving averages at each renewal."
    )
    refresh_every: int = Field(
        1, ge=1, le=10_000, description="Steps between two renewals of the factors and their inverses."
    )
    use_momentum: bool = Field(True, description="Combine gradient and last step by the quadratic model.")
    lr: float = Field(1.0, gt=0, le=1e6, description="Scale of the step that the quadratic model chose.")
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Adds this times half the squared norm of the parameters to the loss, also to the one reported.",
    )


class KFACDriver(EngineDriver):
    """One CG iteration on factors with the damping in them, conjugate to the last step: that is K-FAC's step."""

    def __init__(self, params: KFACParams, task: Task, clock: Clock) -> None:
        """Raises `InvalidRequest` for a task without layers to have factors."""
        if task.batch is None:
            message = "optimizer = 'kfac' needs a problem with a network; this one has none."
            raise InvalidRequest([Fault("optimizer", message)])
        method = partial(kfac_method, task.batch.model, Deadline(seconds_left=clock.left))
        optimizer = HessianFree.from_method(
            task.parameters, method(params), **params.model_dump(include={"damping", "lr", "weight_decay"})
        )
        super().__init__(optimizer, task, clock, method)
        self._params = params

    def step(self, progress: Progress) -> Taken:
        for group in self._optimizer.param_groups:
            group["lr"] = self._params.rate(progress)
        return super().step(progress)

    def change(self, params: KFACParams, names: Collection[str]) -> None:
        self._params = params
        super().change(params, names)


def kfac_method(model: nn.Module, deadline: Deadline, params: KFACParams) -> Method:
    """[Martens & Grosse 2015, 6.3-7]: factored Tikhonov damping; gradient and last step, with the best two lengths."""
    adapted = LevenbergMarquardt(grow=20 / 19, shrink=19 / 20, every=params.damping_every)
    return Method(
        solver=AugmentedConjugateGradient(
            solver=ConjugateGradient(
                max_iter=1, keep=(), stopping=(IterationLimit(), Divergence(), ResidualTolerance(), deadline)
            )
        ),
        preconditioner=KFAC(
            model=model, ridge=RIDGE, damped=True, balance=0.0, decay=params.decay, every=params.refresh_every
        ),
        damping=adapted if params.adapt_damping else ConstantDamping(),
        selector=LastIterate(),
        search=FixedScale(),
        acceptance=AcceptAny(),
        warm_start=1.0 if params.use_momentum else 0.0,
    )


K_FAC = Optimizer(
    name="kfac",
    title="K-FAC",
    description=(
        "The gradient times inverted Kronecker factors of each layer's curvature, and the last step, with the two "
        "lengths that the exact quadratic model finds best [Martens & Grosse 2015]."
    ),
    params=KFACParams,
    build=KFACDriver,
    settable=(
        "damping",
        "adapt_damping",
        "damping_every",
        "decay",
        "refresh_every",
        "use_momentum",
        *schedules.SETTABLE,
        "weight_decay",
    ),
    divides=True,
)
