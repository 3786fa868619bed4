"""Hessian-free optimization, with and without preconditioner."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn

from hessianfree.interfaces import Preconditioner
from hessianfree.loss_slice import LossSlice
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.stopping import Deadline
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Scalar
from hessianfree_lab.records.reports import metrics_of
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.division import Division, too_many_processes
from hessianfree_lab.training.optimizers.interface import Optimizer, Taken
from hessianfree_lab.training.optimizers.methods import HessianFreeParams, method_from
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Batch, Task
from hessianfree_lab.training.problems.long_lags.recurrent import RecurrentNetwork
from hessianfree_lab.training.problems.supervised import SupervisedTask
from hessianfree_lab.training.progress import Progress

SCALES = (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
"""Of the step, where a slice is asked for."""

NEED_A_MODEL = ("empirical_fisher", "kfac")
OF_A_GROUP = {
    "damping",
    "lr",
    "weight_decay",
}  # what the engine keeps with its parameter groups, from step to step
SHARES = {"judge_share", "curvature_share", "batch_growth"}
SMALL_BATCHES = "batches of less than all cases (problem_params.batch_size)"
PRECONDITIONER_COST = 4 / 3
"""Gradients: a forward pass, a backward pass, and a product of the squares, where a gradient has only the first two."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How much of the data what is made of, as the options of the same names say."""

    judge_share: float = 1.0
    curvature_share: float = 1.0
    batch_growth: float = 1.0


class EngineDriver:
    """`HessianFree.step` on a task; `acc_step` where curvature, or later batches, have data of their own.

    Where batches are less than all cases, a step is judged on `judge_share` as many.
    """

    def __init__(
        self,
        optimizer: HessianFree,
        task: Task,
        clock: Clock,
        method: Callable[[Any], Method],
        shares: Shares = Shares(),
    ) -> None:
        """`method` maps options to the parts they stand for; of these the curvature is what it was.

        Raises `InvalidRequest` where the task does not have the data that `shares` ask for.
        """
        self._optimizer, self._task, self._clock = optimizer, task, clock
        optimizer.execution = replace(optimizer.execution, clock=clock.now)
        self._method, self._judge_share = method, shares.judge_share
        self._supervised = task if isinstance(task, SupervisedTask) else None
        is_stochastic = self._supervised is not None and task.is_stochastic
        if shares.curvature_share < 1 and self._supervised is None:
            raise _refused("curvature_share", shares.curvature_share, "a problem with data", "1")
        if shares.batch_growth > 1 and not is_stochastic:
            raise _refused("batch_growth", shares.batch_growth, SMALL_BATCHES, "1")
        self._judges = is_stochastic and shares.judge_share > 1
        self._shares, self._division = shares, Division()
        has_parts = shares.curvature_share < 1 or shares.batch_growth > 1
        if has_parts and self._supervised is not None:
            self._supervised.part(
                growth=shares.batch_growth,
                curvature_share=shares.curvature_share,
                judge_share=shares.judge_share if self._judges else 1.0,
            )

    def share(self, group: dist.ProcessGroup) -> None:
        task, ranks = self._supervised, group.size()
        if task is None:
            raise too_many_processes(ranks, "this problem has no cases to share")
        least = math.ceil(self._shares.curvature_share * task.batch_size)
        if least < ranks:
            raise too_many_processes(ranks, f"the least that a step looks at is {least} cases")
        self._optimizer.process_group = group
        self._division = Division(rank=group.rank(), ranks=ranks)

    def step(self, progress: Progress) -> Taken:
        del progress
        started = self._clock.now()
        M, cost = self._preconditioner()
        prepared = self._clock.now()
        self._advance(M)
        finished = self._clock.now()

        metrics: dict[str, Scalar] = dict(metrics_of(self._optimizer.last_report))
        if M is not None:
            metrics["seconds_preconditioner"] = prepared - started
        cost += float(metrics["gradient_equivalents"] or 0)
        metrics["gradient_equivalents"] = cost * self._units()
        return Taken(metrics=metrics, seconds=finished - started, trace=self._optimizer.last_trace)

    def _preconditioner(self) -> tuple[Preconditioner | None, float]:
        """One that the method has no part for, and what it took, in gradients of the step's batch."""
        return None, 0.0

    def _units(self) -> float:
        """Of everybody's gradients, those of the problem's batch size, in one of this step's."""
        task = self._supervised
        return 1.0 if task is None else len(task.batch.inputs) / task.batch_size

    def _advance(self, M: Preconditioner | None) -> None:
        task, own = self._supervised, self._division.own
        if task is not None and task.parts is not None:
            # The search sees what the gradient is the gradient of: on other data even a short step may not descend.
            self._optimizer.acc_step(
                self._answer,
                self._loss,
                [own(*batch) for batch in task.parts.gradient],
                mvp_datalist=[own(*batch) for batch in task.parts.curvature],
                M_func=M,
                judge_datalist=task.parts.judge and [own(*batch) for batch in task.parts.judge],
            )
            return
        if task is None:
            self._optimizer.step(self._task.forward, M_func=M)
            return
        batch = self._division.of_batch(task.batch)
        judges = self._division.of_batch(task.judges(self._judge_share)) if self._judges else None
        self._optimizer.step(
            lambda: self._forward_on(batch),
            M_func=M,
            judge_forward=None if judges is None else lambda: task.forward_on(judges),
            cases=len(batch.inputs),
            judge_cases=None if judges is None else len(judges.inputs),
        )

    def _forward_on(self, batch: Batch) -> tuple[Tensor, Any]:
        assert self._supervised is not None
        return self._supervised.forward_on(batch)

    def _answer(self, inputs: Tensor) -> Any:
        """What the model says to inputs, all that the loss and the method's parts look at."""
        assert self._supervised is not None
        return self._supervised.batch.model(inputs)

    def _loss(self, answer: Any, targets: Tensor) -> Tensor:
        assert self._supervised is not None
        return self._supervised.loss(answer, targets)

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
            raise _refused("preconditioner", params.preconditioner, "a problem with data", "'none'")
        if self._with_states and not (task.batch and isinstance(task.batch.model, RecurrentNetwork)):
            raise _refused(
                "structural_damping", params.structural_damping, "a problem with a recurrent network", "0"
            )
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
        super().__init__(optimizer, task, clock, method, shares_of(params, task))
        self._exponent = params.preconditioner_exponent

    def _preconditioner(self) -> tuple[Preconditioner | None, float]:
        """That of the empirical Fisher matrix, on the curvature's data."""
        batch = self._task.batch
        if not self._with_fisher or batch is None:
            return None, 0.0
        inputs, targets = batch.inputs, batch.targets
        if self._supervised is not None and self._supervised.parts is not None:
            ((inputs, targets),) = self._supervised.parts.curvature
        M = self._optimizer.get_preconditioner(
            batch.model,
            batch.loss_function,
            *self._division.own(inputs, targets),
            "mean",
            exponent=self._exponent,
            use_backpack=_is_plain(batch.model),
        )
        return M, PRECONDITIONER_COST * len(inputs) / len(batch.inputs)

    def _forward_on(self, batch: Batch) -> tuple[Tensor, Any]:
        """The task's loss, with what the recurrent network's units are fed beside its outputs if that is damped."""
        if not self._with_states:
            return super()._forward_on(batch)
        answer = self._answer(batch.inputs)
        return self._loss(answer, batch.targets), answer

    def _answer(self, inputs: Tensor) -> Any:
        if not self._with_states:
            return super()._answer(inputs)
        assert self._supervised is not None
        return self._supervised.batch.model(inputs, with_states=True)

    def _loss(self, answer: Any, targets: Tensor) -> Tensor:
        return super()._loss(answer[0] if self._with_states else answer, targets)


def shares_of(params: Params, task: Task) -> Shares:
    """The shares among the options.

    Raises `InvalidRequest` where a judge is asked for and all cases judge themselves; one by default, as an optimizer
    for mini-batches has it, is left out there.
    """
    shares = Shares(**params.model_dump(include=SHARES))
    # What a server has filled in cannot be told from what somebody has written.
    is_default = shares.judge_share == type(params).model_fields["judge_share"].default
    is_stochastic = isinstance(task, SupervisedTask) and task.is_stochastic
    if shares.judge_share > 1 and not is_default and not is_stochastic:
        raise _refused("judge_share", shares.judge_share, SMALL_BATCHES, "1")
    return shares


def _is_plain(model: nn.Module) -> bool:
    """Whether BackPACK sees each sample's gradient: layers one after the other, each called once."""
    return isinstance(model, nn.Sequential) and all(
        isinstance(layer, nn.Linear | nn.Conv2d) or not list(layer.parameters()) for layer in model
    )


def _refused(option: str, value: Any, needed: str, instead: str) -> InvalidRequest:
    path = f"optimizer_params.{option}"
    shown = f"{value:g}" if isinstance(value, float) else repr(value)
    return InvalidRequest([Fault(path, f"{path} = {shown} needs {needed}; here is none: use {instead}.")])


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
    divides=True,
)
