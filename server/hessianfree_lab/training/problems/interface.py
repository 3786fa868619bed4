"""What a problem is to the rest of training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hessianfree_lab.records import Landscape, ProblemInfo
from hessianfree_lab.training.params import Params, schema


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The data of one step and what is applied to it. `loss_function(model(inputs), targets)` is a mean over cases."""

    model: nn.Module
    loss_function: nn.Module
    inputs: Tensor  # [N, ...]
    targets: Tensor  # [N, ...]


class Task(Protocol):
    """A problem made ready to train: parameters on their device, data in its order."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]: ...

    @property
    def batch(self) -> Batch | None:
        """The data of this step; None for functions of the parameters alone."""

    @property
    def is_stochastic(self) -> bool:
        """Whether steps see different data."""

    def next_batch(self) -> None:
        """Go on to the data of the next step; to be called before each."""

    def forward(self) -> tuple[Tensor, Tensor]:
        """Loss and outputs on the data of this step; the loss is a convex function of the outputs."""

    def evaluate(self) -> dict[str, float]:
        """`eval_loss` and `eval_error` on held-out data; empty where there is none."""

    def state(self) -> dict[str, Any]:
        """All that the steps to come depend on: parameters, buffers, the order of data; as `trees.flattened` takes it.

        To be called between two steps. The tensors may be the task's own: the caller copies them.
        """

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where a task made of the same options has answered `state`."""

    def position(self) -> dict[str, float]:
        """The parameters `x` and `y` of a problem that has two; empty for others."""

    def landscape(self) -> Landscape | None:
        """The contour behind the path of a problem of two parameters."""


@torch.no_grad()
def set_parameters(parameters: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
    """Give them the values that they had, in place. Raises ValueError where number or shapes differ."""
    for parameter, value in zip(parameters, values, strict=True):
        if parameter.shape != value.shape:
            raise ValueError(f"a parameter of shape {list(parameter.shape)} was {list(value.shape)} before")
        parameter.copy_(value)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem that can be asked for by name. `build(params, seed, device, dtype)` makes it ready to train."""

    name: str
    title: str
    description: str
    params: type[Params]
    metrics: Mapping[str, str]  # metric -> what it is, with its unit
    build: Callable[[Any, int, torch.device, torch.dtype], Task]

    def info(self) -> ProblemInfo:
        """How a worker announces it."""
        return ProblemInfo(
            name=self.name,
            title=self.title,
            description=self.description,
            params_schema=schema(self.params),
            metrics=dict(self.metrics),
        )
