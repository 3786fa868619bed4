"""torch.optim's SGD, Adam and AdamW: one gradient, one step."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from hessianfree.utils import peak_memory_bytes
from hessianfree_lab.records import Scalar
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.interface import Optimizer, Taken
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Task


class SGDParams(Params):
    """Options of `torch.optim.SGD`."""

    lr: float = Field(1e-3, gt=0, le=1e6, description="Learning rate.")
    momentum: float = Field(0.0, ge=0, lt=1, description="Momentum factor.")
    dampening: float = Field(0.0, ge=0, le=1, description="Dampening of the momentum.")
    weight_decay: float = Field(0.0, ge=0, le=1e3, description="L2 penalty.")
    nesterov: bool = Field(False, description="Nesterov's momentum; needs momentum, and no dampening.")

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")
        return self


class AdamParams(Params):
    """Options of `torch.optim.Adam`."""

    lr: float = Field(1e-3, gt=0, le=1e6, description="Learning rate.")
    beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the mean of gradients.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Decay of the mean of squared gradients.")
    eps: float = Field(1e-8, gt=0, le=1, description="Added to the denominator.")
    weight_decay: float = Field(0.0, ge=0, le=1e3, description="L2 penalty.")
    amsgrad: bool = Field(False, description="Use the largest mean of squares seen so far.")


class AdamWParams(AdamParams):
    """Options of `torch.optim.AdamW`."""

    weight_decay: float = Field(1e-2, ge=0, le=1e3, description="Decoupled weight decay.")


SETTABLE_OF_ADAM = ("lr", "beta1", "beta2", "eps", "weight_decay")  # amsgrad would need what it has not seen


class FirstOrderDriver:
    """A gradient, then a step of the torch optimizer.

    `loss_after` is not reported: it would cost a forward pass that these methods do without.
    """

    def __init__(
        self,
        optimizer: type[torch.optim.Optimizer],
        options: Callable[[Any], dict[str, Any]],
        params: Params,
        task: Task,
        clock: Clock,
    ) -> None:
        """`options` maps `params` to the arguments of `optimizer` beside its parameters."""
        self._optimizer = optimizer(task.parameters, **options(params))
        self._options = options
        self._task = task
        self._device = task.parameters[0].device
        self._clock = clock

    def step(self) -> Taken:
        started = self._clock.now()
        self._optimizer.zero_grad()
        loss, _ = self._task.forward()
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        linearized = self._clock.now()

        # Norms are for the record; they are not the method's work, and so not on its clock.
        gradient_norm = norm([p.grad for p in self._task.parameters if p.grad is not None])
        before = [p.detach().clone() for p in self._task.parameters]

        resumed = self._clock.now()
        self._optimizer.step()
        finished = self._clock.now()

        metrics: dict[str, Scalar] = {
            "loss": value,
            "gradient_norm": gradient_norm,
            "step_norm": distance(before, self._task.parameters),
            "step_scale": float(self._optimizer.param_groups[0]["lr"]),
            "accepted": True,
            "loss_evaluations": 0,
            "gradient_equivalents": 1.0,
            "seconds_gradient": linearized - started,
            "peak_memory_bytes": peak_memory_bytes(self._device),
        }
        return Taken(metrics=metrics, seconds=linearized - started + finished - resumed)

    def change(self, params: Params, names: Collection[str]) -> None:  # noqa: ARG002 (all of them are what they were)
        self._optimizer.param_groups[0].update(self._options(params))

    def state(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._optimizer.load_state_dict(dict(state))


def norm(tensors: Sequence[Tensor]) -> float:
    """Euclidean norm of all entries together."""
    # Half the time of get_total_norm, which matters where steps are short: it is paid at every one.
    total: float = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(tensors)))).item()
    return total


@torch.no_grad()
def distance(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """Euclidean distance between two lists of tensors."""
    return norm(torch._foreach_sub(list(after), list(before)))


def _adam_options(params: AdamParams) -> dict[str, Any]:
    options = params.model_dump(exclude={"beta1", "beta2"})
    return options | {"betas": (params.beta1, params.beta2)}


SGD = Optimizer(
    name="sgd",
    title="SGD",
    description="Gradient descent (stochastic with a batch size), with momentum if wanted.",
    params=SGDParams,
    build=partial(FirstOrderDriver, torch.optim.SGD, SGDParams.model_dump),
    settable=("lr", "momentum", "dampening", "weight_decay"),
)
ADAM = Optimizer(
    name="adam",
    title="Adam",
    description="Gradient descent with per-parameter step sizes from running moments.",
    params=AdamParams,
    build=partial(FirstOrderDriver, torch.optim.Adam, _adam_options),
    settable=SETTABLE_OF_ADAM,
)
ADAMW = Optimizer(
    name="adamw",
    title="AdamW",
    description="Adam with decoupled weight decay.",
    params=AdamWParams,
    build=partial(FirstOrderDriver, torch.optim.AdamW, _adam_options),
    settable=SETTABLE_OF_ADAM,
)
