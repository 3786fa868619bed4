"""A torch optimizer that keeps what its steps leave behind: groups, history, reports, callbacks, checkpoints."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from hessianfree import history
from hessianfree.curvature.memory import GraphMemory
from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.errors import ParameterError
from hessianfree.evaluation import DifferentiablePaths
from hessianfree.exchange import Exchange, warn_if_alone
from hessianfree.execution import Execution
from hessianfree.method import Method
from hessianfree.parameters import Parameters
from hessianfree.records import Memory, SolveTrace, StepReport

Callback = Callable[[StepReport, SolveTrace], object]

# What a copy or a pickle takes along beside torch's own. Callbacks stay behind, as torch's hooks do: they are mostly
# closures, over the original or over a file, and a copy that wrote to the same file would be a surprise.
_COPIED = (
    "method",
    "maximize",
    "verbose",
    "execution",
    "last_report",
    "last_trace",
    "_paths",
    "_exchange",
)


class RecordingOptimizer(torch.optim.Optimizer):
    """Everything of `HessianFree` but the step itself."""

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, float],
        *,
        method: Method,
        maximize: bool,
        verbose: bool,
        execution: Execution,
        process_group: dist.ProcessGroup | None,
    ) -> None:
        """`defaults`: `lr`, `damping` and `weight_decay` of a group that says nothing else."""
        self._exchange: Exchange | None = None
        super().__init__(params, defaults)
        self.method, self.maximize, self.verbose, self.execution = method, maximize, verbose, execution
        self.last_report: StepReport | None = None
        self.last_trace: SolveTrace | None = None
        self._curvature = execution.curvature(method.curvature)
        self._attach()
        self._paths = DifferentiablePaths()
        self._graph_memory = GraphMemory(execution.graph_memory_bytes)
        self.process_group = process_group
        if process_group is None:
            warn_if_alone()
        history.begin(self._history, parameters=self._parameters(), selector=method.selector)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's; torch calls it for the groups of the constructor too. The next CG starts from zero there.

        Raises:
            ValueError: the group's `damping`, `lr` or `weight_decay` is negative, or its tensors are of another dtype
                or device than the others. The optimizer is as before then.
        """
        for name in ("damping", "lr", "weight_decay"):
            if (value := param_group.get(name, self.defaults[name])) < 0:
                raise ValueError(f"{name} must be >= 0; got {value}")
        super().add_param_group(param_group)
        if not self.state:  # a group of the constructor: more may come, and are looked at together
            return
        try:
            parameters = self._parameters()
        except ParameterError:
            self.param_groups.pop()
            raise
        added = sum(p.numel() for p in self.param_groups[-1]["params"] if p.requires_grad)
        history.add_parameters(self._history, parameters, added)

    @property
    def process_group(self) -> dist.ProcessGroup | None:
        """Whose ranks take steps together from now on, each with its own share of the data; None: this one alone.

        Raises, when it is set:
            TypeError: it is no process group.
            ValueError: this process is not in it, or its backend cannot take tensors from the parameters' device.
        """
        return None if self._exchange is None else self._exchange.group

    @process_group.setter
    def process_group(self, group: dist.ProcessGroup | None) -> None:
        exchange = None if group is None else Exchange(group)
        if exchange is not None:
            exchange.check_device(self._parameters().device)
        self._exchange = exchange
        self._graph_memory.sharers = self._sharers

    def on_step(self, callback: Callback) -> RemovableHandle:
        """Call `callback(report, trace)` at the end of every step; the handle's `remove()` ends that.

        When it raises, the step is done and recorded, and the callbacks after it are not called.
        """
        handle = RemovableHandle(self._callbacks)
        self._callbacks[handle.id] = callback
        return handle

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's; takes a copy of everything."""
        super().load_state_dict(copy.deepcopy(state_dict))

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {name: self.__dict__[name] for name in _COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Also what torch calls to load a state_dict, with the groups and `state` alone."""
        super().__setstate__(state)
        if "_callbacks" not in self.__dict__:
            self._attach()
        self.__dict__.setdefault("_paths", DifferentiablePaths())
        self.__dict__.setdefault("_exchange", None)
        learned = self._history.get("graph_memory", {"graphs": 0, "exceeded": False})
        self._graph_memory = GraphMemory(self.execution.graph_memory_bytes, **learned, sharers=self._sharers)
        self._curvature = self.execution.curvature(self.method.curvature, self._history.get("products"))
        for group in self.param_groups:
            group.setdefault("weight_decay", 0.0)  # saved before there was one

    @property
    def _sharers(self) -> int:
        """Of the machine's memory."""
        return 1 if self._exchange is None else self._exchange.neighbours

    def _attach(self) -> None:
        """What belongs to this very object, and is made anew for a copy."""
        self._callbacks: OrderedDict[int, Callback] = OrderedDict()
        # A hook, so that it comes before all others: they, too, get a history that is not the one that goes on.
        self.register_state_dict_post_hook(_copy_history)

    def _parameters(self) -> Parameters:
        """Anew for each step: groups may be added and layers frozen between two."""
        names = [group.get("param_names") for group in self.param_groups]
        return Parameters([group["params"] for group in self.param_groups], names)

    def _memory(self, parameters: Parameters) -> Memory:
        return Memory(
            dampings=tuple(float(group["damping"]) for group in self.param_groups),
            learning_rates=tuple(float(group["lr"]) for group in self.param_groups),
            steps=history.steps(self._history),
            start=history.start(self._history, parameters),
            radius=self._history.get("radius"),
            preconditioner=history.preconditioner(self._history, parameters),
        )

    def _record(self, step: Tensor, memory: Memory, report: StepReport, trace: SolveTrace) -> None:
        self.last_report, self.last_trace = report, trace
        for group, damping in zip(self.param_groups, memory.dampings, strict=True):
            group["damping"] = damping
        history.remember(self._history, memory, step)
        history.append(self._history, report)
        if isinstance(self._curvature, RecordedProducts) and self._curvature.chosen is not None:
            self._history["products"] = self._curvature.chosen
        graphs = self._graph_memory
        self._history["graph_memory"] = {"graphs": graphs.graphs, "exceeded": graphs.exceeded}
        if self.verbose and (self._exchange is None or self._exchange.rank == 0):
            print(history.latest_line(self._history, report))
        for callback in list(self._callbacks.values()):
            callback(report, trace)

    @property
    def _history(self) -> dict[str, Any]:
        """`state`, typed for what it holds: "x0" and the names of `history`."""
        return cast(dict[str, Any], self.state)


def _copy_history(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Later steps must not grow a history that has been saved."""
    del optimizer
    state = saved["state"]
    saved["state"] = {
        name: list(value) if isinstance(value, list) else value for name, value in state.items()
    }
