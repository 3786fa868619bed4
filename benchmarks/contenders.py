"""Who takes the same step: the engine in each of its ways, and its predecessor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from predecessor import Predecessor
from torch import Tensor
from workloads import Batch, Workload

from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree
from hessianfree.stopping import IterationLimit

WAYS = {way: Execution(products=way) for way in ("plain", "recorded")}
"""How the engine may carry a step out, by name."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where every step starts: the parameters and CG's start."""

    parameters: list[Tensor]
    x0: Tensor

    @classmethod
    def after_one_step(cls, workload: Workload, curvature_opt: str, iterations: int) -> "Start":
        """A step away from the initialization, so that CG starts warm, as it does in training."""
        predecessor = Earlier(workload, curvature_opt, iterations)
        predecessor.step()
        values = [p.detach().clone() for p in workload.model.parameters()]
        return cls(parameters=values, x0=predecessor.optimizer.x0.clone())

    def write(self, workload: Workload) -> None:
        with torch.no_grad():
            for p, value in zip(workload.model.parameters(), self.parameters, strict=True):
                p.copy_(value)


class Contender(Protocol):
    """Steps of `iterations` CG iterations on a workload of its own."""

    def rewind(self, start: Start) -> None: ...
    def step(self) -> float: ...
    def acc_step(self, batches: Sequence[Batch]) -> float: ...
    def model_values(self) -> Sequence[float]:
        """CG's quadratic at the start and after every iteration of the latest step."""
        ...


class Here:
    """The engine, at its defaults but for the stopping rules: CG takes all its iterations."""

    def __init__(self, workload: Workload, curvature_opt: str, iterations: int, execution: Execution) -> None:
        self._workload, self._damping = workload, workload.damping[curvature_opt]
        self.optimizer = HessianFree(
            workload.model.parameters(),
            curvature_opt=curvature_opt,
            damping=self._damping,
            cg_max_iter=iterations,
            execution=execution,
        )
        method = self.optimizer.method
        self.optimizer.method = replace(method, solver=replace(method.solver, stopping=(IterationLimit(),)))

    def rewind(self, start: Start) -> None:
        start.write(self._workload)
        self.optimizer.param_groups[0]["damping"] = self._damping
        self.optimizer.state["x0"] = start.x0.clone()

    def step(self) -> float:
        return self.optimizer.step(self._workload.forward)

    def acc_step(self, batches: Sequence[Batch]) -> float:
        return self.optimizer.acc_step(self._workload.model, self._workload.loss_function, batches)

    def model_values(self) -> Sequence[float]:
        return self.optimizer.last_trace.model_values


class Earlier:
    """The predecessor at its defaults, and likewise without stopping rules."""

    def __init__(self, workload: Workload, curvature_opt: str, iterations: int) -> None:
        self._workload, self._damping = workload, workload.damping[curvature_opt]
        self.optimizer = Predecessor(
            list(workload.model.parameters()),
            curvature_opt,
            damping=self._damping,
            cg_max_iter=iterations,
            stops_early=False,
        )

    def rewind(self, start: Start) -> None:
        start.write(self._workload)
        self.optimizer.damping = self._damping
        self.optimizer.x0 = start.x0.clone()

    def step(self) -> float:
        return self.optimizer.step(self._workload.forward)

    def acc_step(self, batches: Sequence[Batch]) -> float:
        return self.optimizer.acc_step(self._workload.model, self._workload.loss_function, batches)

    def model_values(self) -> Sequence[float]:
        return self.optimizer.model_values
