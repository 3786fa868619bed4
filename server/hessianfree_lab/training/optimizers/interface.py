"""What an optimizer is to the rest of training."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch.distributed as dist

from hessianfree_lab.records import OptimizerInfo, Scalar
from hessianfree_lab.records.reports import SolveTraceLike
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.params import Params, schema
from hessianfree_lab.training.problems.interface import Task
from hessianfree_lab.training.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A step that was made: its metrics, the training time it took, and the inner solve if there was one."""

    metrics: Mapping[str, Scalar]
    seconds: float
    trace: SolveTraceLike | None = None


class Driver(Protocol):
    """An optimizer at work on one task."""

    def step(self, progress: Progress) -> Taken:
        """One step on the task's present batch; `progress` is the job's, where it begins."""

    def change(self, params: Any, names: Collection[str]) -> None:
        """Go on with the options `params`, of which those in `names` are new; between two steps."""

    def state(self) -> dict[str, Any]:
        """What the steps to come depend on beside options and task, as `trees.flattened` takes it.

        To be called between two steps. The tensors may be the driver's own: the caller copies them.
        """

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where a driver with the same options has answered `state`; takes the tensors over."""


@runtime_checkable
class SlicingDriver(Driver, Protocol):
    """One whose steps have a model, to be seen beside the loss along the step."""

    def record_slices(self, every: int) -> None:
        """From now on at the first step, and every so many from there, into the trace."""


@runtime_checkable
class SharingDriver(Driver, Protocol):
    """One whose steps the ranks of a process group can take together, each on its own share of the same batch."""

    def share(self, group: dist.ProcessGroup) -> None:
        """From now on all of them do; to be called before the first step.

        Raises `InvalidRequest` where the task has no cases to share, or too few.
        """


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An optimizer that can be asked for by name. `build(params, task, clock)` sets it to work.

    `build` raises `InvalidRequest` where options and task do not go together. Steps end early where the clock's
    deadline passes, if they have an inner loop that can. `settable` are the options that may change between two steps.
    Where it `divides`, drivers are SharingDrivers.
    """

    name: str
    title: str
    description: str
    params: type[Params]
    build: Callable[[Any, Task, Clock], Driver]
    settable: tuple[str, ...]
    divides: bool = False

    def info(self) -> OptimizerInfo:
        """How a worker announces it."""
        return OptimizerInfo(
            name=self.name,
            title=self.title,
            description=self.description,
            params_schema=schema(self.params),
            settable=list(self.settable),
            divides=self.divides,
        )
