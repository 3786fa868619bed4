"""The history in `opt.state`: lists with an entry a step, under the names that scripts for this optimizer read."""

from typing import Any

from hessianfree.records import StepReport

_FIELDS = {  # name in opt.state -> field of the report
    "init_losses": "loss",
    "final_losses": "loss_after",
    "dampings": "damping",
    "cg_reasons": "cg_stop",
    "num_cg_iters": "cg_iterations",
    "best_cg_iters": "cg_chosen_iteration",
    "learning_rates": "step_scale",
}


def begin(history: dict[str, Any], *, backtracks: bool) -> None:
    """Empty lists for every name; `best_cg_iters` only where there is a choice to remember."""
    for name in _FIELDS:
        if backtracks or name != "best_cg_iters":
            history[name] = []


def append(history: dict[str, Any], report: StepReport) -> None:
    """One more entry for every list begun."""
    for name, field in _FIELDS.items():
        if name in history:
            history[name].append(getattr(report, field))


def latest_line(history: dict[str, Any], report: StepReport) -> str:
    """The latest step in a line for a person."""
    return (
        f"step {len(history['init_losses'])}: loss {report.loss:.6g} -> {report.loss_after:.6g}, "
        f"{report.cg_iterations} CG iterations ({report.cg_stop}), scale {report.step_scale:.3g}, "
        f"damping {report.damping:.3g}"
    )
