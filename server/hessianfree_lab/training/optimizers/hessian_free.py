"""Hessian-free optimization, with and without preconditioner."""

from collections.abc import Callable
from typing import Literal

from pydantic import Field
from torch import Tensor

from hessianfree.optimizer import HessianFree
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Scalar
from hessianfree_lab.records.reports import metrics_of
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.interface import Optimizer, Taken
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Batch, Task

PRECONDITIONER_COST = 4 / 3
"""Gradients: a forward pass, a backward pass, and a product of the squares, where a gradient has only the first two."""


class HessianFreeParams(Params):
    """The options of `hessianfree.optimizer.HessianFree`, and the preconditioner."""

    curvature_opt: Literal["ggn", "hessian"] = Field(
        "ggn", description="Curvature matrix: generalized Gauss-Newton, or the Hessian."
    )
    damping: float = Field(1.0, ge=0, le=1e12, description="Initial Tikhonov damping.")
    adapt_damping: bool = Field(
        True, description="Adapt the damping by the reduction ratio (Levenberg-Marquardt)."
    )
    cg_max_iter: int | None = Field(
        250, ge=1, le=1_000_000, description="Most CG iterations a step; empty: the number of parameters."
    )
    cg_decay_x0: float = Field(0.95, ge=0, le=1, description="CG starts at this share of its last solution.")
    use_cg_backtracking: bool = Field(True, description="Choose among stored CG iterates by their loss.")
    lr: float = Field(1.0, gt=0, le=1e6, description="Scale of the step; where the line search starts.")
    use_linesearch: bool = Field(True, description="Shrink the step until the loss falls enough (Armijo).")
    verbose: bool = Field(False, description="Print a line a step into the run's log.")
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Adds this times half the squared norm of the parameters to the loss, also to the one reported.",
    )
    reject_worse: bool = Field(
        False, description="Refuse a step whose loss is higher or not finite, and raise the damping."
    )
    preconditioner: Literal["none", "empirical_fisher"] = Field(
        "none", description="Preconditioner of CG: none, or the diagonal of the empirical Fisher matrix."
    )
    preconditioner_exponent: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Softens the preconditioner's diagonal: (diagonal + damping) ** exponent.",
    )


class HessianFreeDriver:
    """`HessianFree.step` on a task."""

    def __init__(self, params: HessianFreeParams, task: Task) -> None:
        uses_batch = params.preconditioner != "none"
        if uses_batch and task.batch is None:
            path = "optimizer_params.preconditioner"
            message = f"{path} = {params.preconditioner!r} needs a problem with data; this one has none: use 'none'."
            raise InvalidRequest([Fault(path, message)])
        options = params.model_dump(exclude={"preconditioner", "preconditioner_exponent"})
        if params.damping == 0:
            options["adapt_damping"] = (
                False  # the optimizer would say the same in a warning: factors cannot move 0
            )
        self._optimizer = HessianFree(task.parameters, **options)
        self._exponent = params.preconditioner_exponent if uses_batch else None
        self._task = task
        self._clock = Clock(task.parameters[0].device)

    def step(self) -> Taken:
        started = self._clock.now()
        M = self._preconditioner(self._task.batch)
        prepared = self._clock.now()
        self._optimizer.step(self._task.forward, M_func=M)
        finished = self._clock.now()

        metrics: dict[str, Scalar] = dict(metrics_of(self._optimizer.last_report))
        if M is not None:
            metrics["seconds_preconditioner"] = prepared - started
            metrics["gradient_equivalents"] = (
                float(metrics["gradient_equivalents"] or 0) + PRECONDITIONER_COST
            )
        return Taken(metrics=metrics, seconds=finished - started, trace=self._optimizer.last_trace)

    def _preconditioner(self, batch: Batch | None) -> Callable[[Tensor], Tensor] | None:
        if self._exponent is None or batch is None:
            return None
        return self._optimizer.get_preconditioner(
            batch.model, batch.loss_function, batch.inputs, batch.targets, "mean", exponent=self._exponent
        )


HESSIAN_FREE = Optimizer(
    name="hessianfree",
    title="Hessian-free",
    description=(
        "Truncated Newton: curvature products and conjugate gradients, with adaptive damping, CG backtracking and a "
        "line search."
    ),
    params=HessianFreeParams,
    build=HessianFreeDriver,
)
