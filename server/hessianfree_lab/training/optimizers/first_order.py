"""What first-order methods have in common: one gradient, then a step of one or more torch optimizers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch

from hessianfree.utils import peak_memory_bytes
from hessianfree_lab.records import Scalar
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.interface import Taken
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.optimizers.way import Way
from hessianfree_lab.training.problems.interface import Task
from hessianfree_lab.training.progress import Progress

Options = Mapping[str, Any]


class FirstOrderDriver:
    """A gradient, then a step of each of torch's optimizers, which share the parameters among them.

    `loss_after` is not reported: it would cost a forward pass that these methods do without.
    """

    def __init__(
        self,
        make: Callable[[Task, Sequence[Options]], Sequence[torch.optim.Optimizer]],
        options: Callable[[Any, Progress], Sequence[Options]],
        params: ScheduledParams,
        task: Task,
        clock: Clock,
    ) -> None:
        """`options` maps `params` to what each optimizer goes by in the step that begins at a progress.

        The same are its arguments, beside its parameters, where `make` builds it.
        """
        self._options, self._params, self._task, self._clock = options, params, task, clock
        self._optimizers = make(task, options(params, Progress()))
        self._device = task.parameters[0].device

    def step(self, progress: Progress) -> Taken:
        groups = [optimizer.param_groups[0] for optimizer in self._optimizers]
        for group, options in zip(groups, self._options(self._params, progress), strict=True):
            group.update(options)

        started = self._clock.now()
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        loss, _ = self._task.forward()
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        linearized = self._clock.now()

        way = Way(self._task.parameters)  # for the record: not the method's work, and so not on its clock

        resumed = self._clock.now()
        for optimizer in self._optimizers:
            optimizer.step()
        finished = self._clock.now()

        norms = way.metrics()
        metrics: dict[str, Scalar] = {
            "loss": value,
            **norms,
            "step_scale": float(groups[0]["lr"]),
            "accepted": norms["step_norm"] != 0,
            "loss_evaluations": 0,
            "gradient_equivalents": 1.0,
            "seconds_gradient": linearized - started,
            "peak_memory_bytes": peak_memory_bytes(self._device),
        }
        if momentum := groups[0].get("momentum"):
            metrics["momentum"] = float(momentum)
        return Taken(metrics=metrics, seconds=linearized - started + finished - resumed)

    def change(self, params: ScheduledParams, names: Collection[str]) -> None:  # noqa: ARG002 (all are what they were)
        self._params = params

    def state(self) -> dict[str, Any]:
        return {"optimizers": [optimizer.state_dict() for optimizer in self._optimizers]}

    def restore(self, state: Mapping[str, Any]) -> None:
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def on_all(
    optimizer: type[torch.optim.Optimizer],
) -> Callable[[Task, Sequence[Options]], Sequence[torch.optim.Optimizer]]:
    """Builds that one for all parameters."""

    def make(task: Task, options: Sequence[Options]) -> Sequence[torch.optim.Optimizer]:
        return [optimizer(task.parameters, **options[0])]

    return make
