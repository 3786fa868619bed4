"""The history in `opt.state`: lists with an entry a step, under the names that scripts for this optimizer read.

Beside them `x0`, the next CG start, [P]; zeros stand for none. `preconditioner`, tensors by name, where the method's
preconditioner remembers something, and `radius`, where its solver has a trust region. And what decides how curvature
products are made, where a resumed run must choose the same, or differ by rounding: `products`, where a measurement has
chosen, and `graph_memory`, the arguments of GraphMemory.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hessianfree.cg_backtracking import LastIterate
from hessianfree.interfaces import CandidateSelector
from hessianfree.parameters import Parameters
from hessianfree.records import Memory, StepReport

_FIELDS = {  # name in opt.state -> field of the report
    "init_losses": "loss",
    "final_losses": "loss_after",
    "dampings": "damping",
    "cg_reasons": "cg_stop",
    "num_cg_iters": "cg_iterations",
    "best_cg_iters": "cg_chosen_iteration",
    "learning_rates": "step_scale",
}


def begin(history: dict[str, Any], *, parameters: Parameters, selector: CandidateSelector) -> None:
    """No start, and empty lists for every name; `best_cg_iters` only where there is a choice to remember."""
    history["x0"] = parameters.zeros()
    for name in _FIELDS:
        if name != "best_cg_iters" or not isinstance(selector, LastIterate):
            history[name] = []


def append(history: dict[str, Any], report: StepReport) -> None:
    """One more entry for every list begun."""
    for name, field in _FIELDS.items():
        if name in history:
            history[name].append(getattr(report, field))


def remember(history: dict[str, Any], memory: Memory, step: Tensor) -> None:
    """What the next step starts with, beside the values of the groups; `step` [P] shows the shape of zeros."""
    history["x0"] = torch.zeros_like(step) if memory.start is None else memory.start
    if memory.preconditioner is None:
        history.pop("preconditioner", None)
    else:
        history["preconditioner"] = dict(memory.preconditioner)
    if memory.radius is not None:
        history["radius"] = memory.radius


def steps(history: dict[str, Any]) -> int:
    """How many steps it tells of."""
    return len(history.get("init_losses", ()))


def start(history: dict[str, Any], parameters: Parameters) -> Tensor | None:
    """The next CG start; None: zero, which saves CG a product.

    None too if its length is not that of the trainable parameters any more: a layer has been frozen or unfrozen.
    """
    x0: Tensor | None = history.get("x0")
    if x0 is None or x0.numel() != parameters.dimension or not x0.any():
        return None
    return x0.to(device=parameters.device, dtype=parameters.dtype)


def preconditioner(history: dict[str, Any], parameters: Parameters) -> Mapping[str, Tensor] | None:
    """What the preconditioner remembers; None too if it was of other parameters, see `start`."""
    x0: Tensor | None = history.get("x0")
    memory: Mapping[str, Tensor] | None = history.get("preconditioner")
    if memory is None or x0 is None or x0.numel() != parameters.dimension:
        return None
    return {
        # Counters stay on the host, where they are read.
        name: value.to(parameters.device, parameters.dtype) if value.is_floating_point() else value
        for name, value in memory.items()
    }


def add_parameters(history: dict[str, Any], parameters: Parameters, added: int) -> None:
    """`added` trainable scalars now stand at the end of `parameters`: zeros in the start, and a new preconditioner."""
    history.pop("preconditioner", None)
    x0 = history.get("x0")
    if x0 is not None and x0.numel() + added == parameters.dimension:
        history["x0"] = torch.cat([x0, x0.new_zeros(added)])


def latest_line(history: dict[str, Any], report: StepReport) -> str:
    """The latest step in a line for a person."""
    return (
        f"step {steps(history)}: loss {report.loss:.6g} -> {report.loss_after:.6g}, "
        f"{report.cg_iterations} CG iterations ({report.cg_stop}), scale {report.step_scale:.3g}, "
        f"damping {report.damping:.3g}" + (f"; rejected: {report.rejection}" if report.rejection else "")
    )
