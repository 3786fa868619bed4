"""What a problem is to the rest of training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hessianfree_lab.records import Landscape, ProblemInfo, Supply
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


MOST_WORDS = 2_000  # characters of what a problem lacks, that the server takes


@torch.no_grad()
def set_parameters(parameters: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
    """Give them the values that they had, in place. Raises ValueError where number or shapes differ."""
    for parameter, value in zip(parameters, values, strict=True):
        if parameter.shape != value.shape:
            raise ValueError(f"a parameter of shape {list(parameter.shape)} was {list(value.shape)} before")
        parameter.copy_(value)


def nothing() -> str:
    """What most problems lack."""
    return ""


def no_supplies() -> Mapping[str, Supply]:
    """What most problems' options choose among."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where somebody's own problem comes from. Where `versions` are the same, so is the problem."""

    place: str  # its file, or the package that announces it
    versions: Mapping[str, str]  # of each file, the one and those that it imports: SHA-256; or of the package


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem that can be asked for by name. `build(params, seed, device, dtype)` makes it ready to train.

    `missing` says in a sentence what it lacks on this machine, files of data for instance; empty: nothing. `supplies`
    says of the options that choose data for which choices they are here.
    """

    name: str
    title: str
    description: str
    params: type[Params]
    metrics: Mapping[str, str]  # metric -> what it is, with its unit
    build: Callable[[Any, int, torch.device, torch.dtype], Task]
    missing: Callable[[], str] = nothing
    supplies: Callable[[], Mapping[str, Supply]] = no_supplies
    divisible: bool = False  # whether `build` makes a SupervisedTask, whose cases can be shared
    module: str = ""  # in which somebody wrote it
    source: Source | None = None  # of one's own; None: it comes with the package

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return self.source.place if self.source else "hessianfree-lab itself"

    @property
    def versions(self) -> dict[str, str]:
        """Those of somebody's own; one that comes with the package has that of the package."""
        return dict(self.source.versions) if self.source else {}

    def origin(self) -> dict[str, Any]:
        """Where somebody's own comes from, and in which version."""
        if self.source is None:
            return {}
        return {"problem_source": self.source.place, "problem_versions": self.versions}

    def info(self) -> ProblemInfo:
        """How a worker announces it."""
        supplies = self.supplies()
        lacks = (self.lacks(), *(_nothing_of(supply) for supply in supplies.values()))
        return ProblemInfo(
            name=self.name,
            title=self.title,
            description=self.description,
            params_schema=schema(self.params),
            metrics=dict(self.metrics),
            missing=next(filter(None, lacks), ""),
            supplies=dict(supplies),
            divisible=self.divisible,
        )

    def lacks(self) -> str:
        """What `missing` says; the file is somebody's own, and if it fails others are to be announced all the same."""
        try:
            return str(self.missing() or "")[:MOST_WORDS]
        except (Exception, SystemExit) as error:
            told = f"What {self.name} lacks here cannot be told: {type(error).__name__}: {error}"
            return told[:MOST_WORDS]


def _nothing_of(supply: Supply) -> str:
    """Where no choice has its data: what the first lacks, and the others' names; empty: one has them."""
    if supply.there:
        return ""
    first, *others = supply.missing
    return f"{supply.missing[first]} Or the files of {' or '.join(others)}, likewise."[:MOST_WORDS]
