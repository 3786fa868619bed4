"""Sessions of the few fields that a test is about."""

from typing import Any

from hessianfree_lab.records import JobSpec, StepRecord
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.session import Session

LAGS = ("addition", "multiplication", "xor", "temporal-order", "random-permutation", "noiseless-memorization")
IMAGES = {"dataset": "fashion-mnist", "cases": 4, "held_out_cases": 4, "batch_size": None}

# Options for few cases and parameters, of problems that have many.
SMALL: dict[str, dict[str, Any]] = {
    "curves-autoencoder": {"cases": 30, "held_out_cases": 30},
    **{name: {"cases": 30, "length": 10, "hidden_size": 10, "held_out_cases": 30} for name in LAGS},
    "resnet18": IMAGES | {"width": 2},
    "allcnnc": IMAGES | {"width": 4},
    "transformer": {
        "cases": 4,
        "held_out_cases": 4,
        "context": 8,
        "layers": 1,
        "heads": 2,
        "width": 4,
    },
    "poisson-pinn": {"points": 30, "hidden_size": 8},
    "burgers-pinn": {"points": 50, "hidden_size": 8},
    "matrix-factorization": {"rows": 12, "columns": 10, "matrix_rank": 2, "rank": 2, "observed": 0.7},
}

# The autoencoders of MNIST and of faces have millions of parameters, and that of curves is the same code.
TRAINED = [name for name in PROBLEMS if name not in ("mnist-autoencoder", "faces-autoencoder")]

# Of a network with data; batches that grow must begin with less than all cases.
NEED_DATA = ("hessianfree-martens2010", "hessianfree-growing", "muon", "kfac")
ON_A_PLANE = [name for name in OPTIMIZERS if name not in NEED_DATA]
ON_ALL_CASES = [name for name in OPTIMIZERS if name != "hessianfree-growing"]

# Each problem with these optimizers, and each optimizer on these problems: all with all would say little more.
ON_ALL = ("hessianfree", "hessianfree-recommended", "adam")
BY_ALL = ("digits-autoencoder", "digits-classifier", "addition")
LEAVE_THE_VALLEY = ("hessianfree-sutskever2013", "shampoo")  # of Rosenbrock's function, for want of a search
PAIRS = [
    (problem, optimizer)
    for problem in TRAINED
    for optimizer in OPTIMIZERS
    if optimizer in ON_ALL
    or problem in BY_ALL
    or (problem == "rosenbrock" and optimizer in ON_A_PLANE and optimizer not in LEAVE_THE_VALLEY)
]
CASES = {"digits-autoencoder": 1_497, "digits-classifier": 1_497, "addition": 30}


def params_for(problem: str, optimizer: str) -> dict[str, Any]:
    """Options of a small `problem` that `optimizer` can be used on."""
    params = SMALL.get(problem, {})
    return params | {"batch_size": CASES[problem] - 1} if optimizer == "hessianfree-growing" else params


def session(
    problem: str = "rosenbrock", optimizer: str = "hessianfree", steps: int = 3, **fields: Any
) -> Session:
    budget = fields.pop("budget", {"steps": steps})
    return Session(JobSpec(problem=problem, optimizer=optimizer, budget=budget, **fields))


def records_of(spec_session: Session) -> list[StepRecord]:
    """The record of every step."""
    return [records[0] for records in spec_session]
