"""The comparison that `demo` runs: one problem, one seed, one budget of time, four optimizers, each well set."""

from typing import Any

PROBLEM = "digits-autoencoder"
SECONDS = 15.0
THREADS = 1  # the network is small: more threads would wait for each other, and the browser wants a core too

CONTENDERS: tuple[dict[str, Any], ...] = (
    {"name": "Hessian-free", "optimizer": "hessianfree"},
    {
        "name": "Hessian-free, preconditioned",
        "optimizer": "hessianfree",
        "optimizer_params": {"preconditioner": "empirical_fisher"},
    },
    {"name": "Adam", "optimizer": "adam", "optimizer_params": {"lr": 1e-2}},
    {"name": "L-BFGS", "optimizer": "lbfgs"},
)


def comparison(*, seconds: float, steps: int | None) -> list[dict[str, Any]]:
    """The four jobs, each with `seconds` of training time, or `steps` if that is reached first.

    Time is what they have in common: a step of Hessian-free costs as much as some hundred of Adam's.
    """
    budget = {"seconds": seconds, "steps": steps, "target_loss": None}
    return [{"problem": PROBLEM, "seed": 0, "tags": ["demo"], "budget": budget, **job} for job in CONTENDERS]
