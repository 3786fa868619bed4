"""Hessian-free optimization, with and without preconditioner."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from hessianfree.loss_slice import LossSlice
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.stopping import Deadline
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Scalar
from hessianfree_lab.records.reports import metrics_of
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.interface import Optimizer, Taken
from hessianfree_lab.training.optimizers.methods import HessianFreeParams, method_from
from hessianfree_lab.training.problems.interface import Batch, Task
from hessianfree_lab.training.problems.recurrent import RecurrentNetwork
from hessianfree_lab.training.problems.supervised import SupervisedTask

SCALES = (
    -0.5,
    -0.25,
    0.0,
    0.25,
    0.5,
    0.75,
    1.0,
    1.25,
    1.5,
    1.75,
    2.0,
)  # of the step, where a slice is asked for
NEED_A_MODEL = ("empirical_fisher", "kfac")
OF_A_GROUP = {
    "damping",
    "lr",
    "weight_decay",
}  # what the engine keeps with its parameter groups, from step to step
PRECONDITIONER_COST = 4 / 3
"""Gradients: a forward pass, a backward pass, and a product of the squares, where a gradient has only the first two."""


class EngineDriver:
    """`HessianFree.step` on a task; where its batches are less than all cases, judged on `judge_share` as many."""

    def __init__(
        self,
        optimizer: HessianFree,
        task: Task,
        clock: Clock,
        method: Callable[[Any], Method],
        judge_share: float = 1.0,
    ) -> None:
        """`method` maps options to the parts they stand for; of these the curvature is what it was."""
        self._optimizer, self._task, self._clock = optimizer, task, clock
        optimizer.execution = replace(optimizer.execution, clock=clock.now)
        self._method, self._judge_share = method, judge_share
        self._judging: SupervisedTask | None = None
        if judge_share > 1 and isinstance(task, SupervisedTask) and task.is_stochastic:
            self._judging = task

    def _judge(self) -> Callable[[], tuple[Tensor, Tensor]] | None:
        return self._judging.forward_on_more(self._judge_share) if self._judging else None

    def step(self) -> Taken:
        started = self._clock.now()
        self._optimizer.step(self._task.forward, judge_forward=self._judge())
        finished = self._clock.now()
        metrics = metrics_of(self._optimizer.last_report)
        return Taken(metrics=metrics, seconds=finished - started, trace=self._optimizer.last_trace)

    def change(self, params: Any, names: Collection[str]) -> None:
        self._optimizer.method = self._method(params)
        for group in self._optimizer.param_groups:
            group.update(params.model_dump(include=OF_A_GROUP & set(names)))

    def state(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._optimizer.load_state_dict(dict(state))

    def record_slices(self, every: int) -> None:
        execution = self._optimizer.execution
        self._optimizer.execution = replace(execution, loss_slice=LossSlice(scales=SCALES, every=every))


class HessianFreeDriver(EngineDriver):
    """One with the options of `HessianFreeParams`."""

    def __init__(self, params: HessianFreeParams, task: Task, clock: Clock) -> None:
        """Raises `InvalidRequest` where the task does not have what an option needs."""
        self._with_fisher = params.preconditioner == "empirical_fisher"
        self._with_states = params.structural_damping > 0
        if params.preconditioner in NEED_A_MODEL and task.batch is None:
            path = "optimizer_params.preconditioner"
            message = f"{path} = {params.preconditioner!r} needs a problem with data; this one has none: use 'none'."
            raise InvalidRequest([Fault(path, message)])
        if self._with_states and not (task.batch and isinstance(task.batch.model, RecurrentNetwork)):
            path = "optimizer_params.structural_damping"
            message = (
                f"{path} = {params.structural_damping} needs a problem with a recurrent network; this one has none: "
                "use 0."
            )
            raise InvalidRequest([Fault(path, message)])
        if params.judge_share > 1 and not (isinstance(task, SupervisedTask) and task.is_stochastic):
            path = "optimizer_params.judge_share"
            message = (
                f"{path} = {params.judge_share:g} needs batches of less than all cases "
                "(problem_params.batch_size): use 1."
            )
            raise InvalidRequest([Fault(path, message)])
        model = task.batch.model if task.batch else None
        method = partial(method_from, model=model, deadline=Deadline(seconds_left=clock.left))
        optimizer = HessianFree.from_method(
            task.parameters,
            method(params),
            damping=params.damping,
            lr=params.lr,
            weight_decay=params.weight_decay,
            verbose=params.verbose,
        )
        super().__init__(optimizer, task, clock, method, params.judge_share)
        self._exponent = params.preconditioner_exponent

    def step(self) -> Taken:
        started = self._clock.now()
        M = self._preconditioner(self._task.batch)
        prepared = self._clock.now()
        forward = self._forward_with_states if self._with_states else self._task.forward
        self._optimizer.step(forward, M_func=M, judge_forward=self._judge())
        finished = self._clock.now()

        metrics: dict[str, Scalar] = dict(metrics_of(self._optimizer.last_report))
        if M is not None:
            metrics["seconds_preconditioner"] = prepared - started
            metrics["gradient_equivalents"] = (
                float(metrics["gradient_equivalents"] or 0) + PRECONDITIONER_COST
            )
        return Taken(metrics=metrics, seconds=finished - started, trace=self._optimizer.last_trace)

    def _preconditioner(self, batch: Batch | None) -> Callable[[Tensor], Tensor] | None:
        if not self._with_fisher or batch is None:
            return None
        return self._optimizer.get_preconditioner(
            batch.model, batch.loss_function, batch.inputs, batch.targets, "mean", exponent=self._exponent
        )

    def _forward_with_states(self) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The task's loss, with what the recurrent network's units are fed beside its outputs."""
        batch = self._task.batch
        assert batch is not None
        outputs, fed = batch.model(batch.inputs, with_states=True)
        return batch.loss_function(outputs, batch.targets), (outputs, fed)


HESSIAN_FREE = Optimizer(
    name="hessianfree",
    title="Hessian-free",
    description=(
        "Truncated Newton: curvature products and conjugate gradients, with adaptive damping, CG backtracking and a "
        "line search."
    ),
    params=HessianFreeParams,
    build=HessianFreeDriver,
    settable=(
        "damping",
        "adapt_damping",
        "damping_least",
        "damping_every",
        "cg_max_iter",
        "cg_stop",
        "cg_decay_x0",
        "lr",
        "use_linesearch",
        "weight_decay",
        "reject_worse",
    ),
)
