"""torch.optim's L-BFGS, every evaluation counted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from hessianfree.utils import peak_memory_bytes
from hessianfree_lab.records import Scalar
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.interface import Optimizer, Taken
from hessianfree_lab.training.optimizers.way import Way
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Task, set_parameters
from hessianfree_lab.training.progress import Progress


class LBFGSParams(Params):
    """Options of `torch.optim.LBFGS`."""

    lr: float = Field(1.0, gt=0, le=1e6, description="Learning rate; where the line search starts.")
    max_iter: int = Field(
        1, ge=1, le=10_000, description="L-BFGS iterations in one recorded step (torch's own default is 20)."
    )
    max_eval: int = Field(25, ge=2, le=100_000, description="Most evaluations in one recorded step.")
    tolerance_grad: float = Field(
        1e-7, ge=0, le=1, description="Stand still once the gradient is this small."
    )
    tolerance_change: float = Field(1e-9, ge=0, le=1, description="End a step once changes are this small.")
    history_size: int = Field(
        100, ge=1, le=10_000, description="Pairs of steps and gradient changes remembered."
    )
    line_search_fn: Literal["strong_wolfe", "none"] = Field("strong_wolfe", description="Line search.")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Loss and gradient at one point."""

    loss: Tensor
    point: Sequence[Tensor]
    gradient: Sequence[Tensor]

    @classmethod
    def here(cls, loss: Tensor, parameters: Sequence[nn.Parameter]) -> "Evaluation":
        return cls(
            loss=loss.detach(),
            point=[p.detach().clone() for p in parameters],
            gradient=[torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters],
        )

    def state(self) -> dict[str, Any]:
        return {"loss": self.loss, "point": self.point, "gradient": self.gradient}

    def is_at(self, parameters: Sequence[nn.Parameter]) -> bool:
        return all(torch.equal(p, q) for p, q in zip(self.point, parameters, strict=True))


class _TimeIsUp(Exception):
    """The deadline passed between two evaluations of a step."""


class LBFGSDriver:
    """`torch.optim.LBFGS.step` on a task.

    torch begins every step by evaluating the point where the last one ended. The best evaluation is remembered, so
    that this costs nothing on unchanged data, and the loss after the step is known.
    """

    def __init__(self, params: LBFGSParams, task: Task, clock: Clock) -> None:
        self._optimizer = torch.optim.LBFGS(task.parameters, **_options(params))
        self._task = task
        self._device = task.parameters[0].device
        self._clock = clock
        self._best: Evaluation | None = None
        self._evaluations = 0
        self._seconds_gradient = 0.0
        self._start: tuple[Tensor, Way] | None = (
            None  # the loss where the step begins, and the way from there
        )

    def step(self, progress: Progress) -> Taken:
        del progress
        parameters = self._task.parameters
        self._evaluations, self._seconds_gradient = 0, 0.0
        self._start = None
        if self._task.is_stochastic:
            self._best = None  # of another batch

        started = self._clock.now()
        try:
            self._optimizer.step(self._closure)  # type: ignore[no-untyped-call]
        except _TimeIsUp:
            self._end_at_the_best()
        finished = self._clock.now()

        assert self._start is not None  # the optimizer begins with an evaluation
        loss, way = self._start
        norms = way.metrics()
        step_norm = norms["step_norm"]
        metrics: dict[str, Scalar] = {
            "loss": loss.item(),
            **norms,
            "step_scale": float(self._optimizer.state[parameters[0]].get("t", 0.0)) if step_norm else 0.0,
            "accepted": step_norm != 0,
            "loss_evaluations": 0,  # each came with its gradient
            "gradient_equivalents": float(self._evaluations),
            "seconds_gradient": self._seconds_gradient,
            "peak_memory_bytes": peak_memory_bytes(self._device),
        }
        if self._best is not None and self._best.is_at(parameters):
            metrics["loss_after"] = self._best.loss.item()
        return Taken(metrics=metrics, seconds=finished - started)

    def change(self, params: LBFGSParams, names: Collection[str]) -> None:  # noqa: ARG002 (all are what they were)
        self._optimizer.param_groups[0].update(_options(params))

    def state(self) -> dict[str, Any]:
        return {"optimizer": self._optimizer.state_dict(), "best": self._best and self._best.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = None if state["best"] is None else Evaluation(**tree_map(self._placed, state["best"]))

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device)

    def _closure(self) -> Tensor:
        if self._start is not None and self._clock.left() <= 0:
            raise _TimeIsUp
        parameters = self._task.parameters
        if self._best is not None and self._best.is_at(parameters):
            for parameter, gradient in zip(parameters, self._best.gradient, strict=True):
                parameter.grad = gradient.clone()
            loss = self._best.loss
        else:
            loss = self._evaluate()
        if self._start is None:
            self._start = loss, Way(parameters)
        return loss

    def _end_at_the_best(self) -> None:
        """Instead of somewhere along a search; what the optimizer has half changed is forgotten."""
        assert self._best is not None
        set_parameters(self._task.parameters, self._best.point)
        self._optimizer.state.clear()

    def _evaluate(self) -> Tensor:
        started = self._clock.now()
        self._optimizer.zero_grad()
        loss, _ = self._task.forward()
        loss.backward()  # type: ignore[no-untyped-call]
        self._evaluations += 1
        if self._best is None or loss.item() < self._best.loss.item():
            self._best = Evaluation.here(loss, self._task.parameters)
        self._seconds_gradient += self._clock.now() - started
        return loss.detach()


def _options(params: LBFGSParams) -> dict[str, Any]:
    options = params.model_dump()
    return options | {"line_search_fn": None} if params.line_search_fn == "none" else options


L_BFGS = Optimizer(
    name="lbfgs",
    title="L-BFGS",
    description="Limited-memory BFGS: curvature from the last gradient changes, with a strong-Wolfe line search.",
    params=LBFGSParams,
    build=LBFGSDriver,
    settable=("lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change"),
)
