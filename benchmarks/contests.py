"""What the evidence is made of: problems with a time each, and optimizers with what of them is tuned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trials import Measure

Space = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A problem on which all contenders get the same: `seconds` of training a run, or `equivalents`.

    An equivalent is a gradient of all `cases`; without cases, of the function. `batches` are what a method on
    mini-batches may choose from, None standing for all cases. `device`: the kind it is sized for.
    """

    name: str
    title: str
    problem: str
    params: Mapping[str, Any] = field(default_factory=dict)
    cases: int | None = None
    seconds: float
    equivalents: float
    batches: tuple[int | None, ...] = (None,)
    device: str = "cpu"

    def amount(self, measure: Measure) -> float:
        return self.seconds if measure == "seconds" else self.equivalents


@dataclass(frozen=True, kw_only=True, eq=False)  # each is one of its kind, and a key
class Contender:
    """An optimizer, what is set for it, and what is tuned: dotted paths below `optimizer_params`.

    `main` is the one of them whose range is scanned for robustness. `draws`: it may choose its batch size;
    `grows`: only one of less than all cases, and it has no business where there are none to draw from.
    """

    name: str
    title: str
    optimizer: str
    params: Mapping[str, Any] = field(default_factory=dict)
    space: Space
    main: str
    draws: bool = False
    grows: bool = False

    def batches_of(self, contest: Contest) -> tuple[int | None, ...]:
        """What it may choose its batch size from on a problem."""
        if not self.draws:
            return (None,)
        return tuple(size for size in contest.batches if size is not None or not self.grows)

    @property
    def is_hessian_free(self) -> bool:
        return self.optimizer.startswith("hessianfree")


CONTESTS = (
    Contest(
        name="digits",
        title="Autoencoder of digits, 64-50-25-6 and back",
        problem="digits-autoencoder",
        cases=1_497,
        seconds=1.5,
        equivalents=150,
        batches=(50, 200, 500, None),
    ),
    Contest(
        name="classifier",
        title="Classifier of digits, 64-32-10",
        problem="digits-classifier",
        cases=1_497,
        seconds=0.6,
        equivalents=100,
        batches=(50, 200, 500, None),
    ),
    Contest(
        name="addition",
        title="Addition over 30 places, 100 recurrent units, 1,000 sequences",
        problem="addition",
        params={"length": 30, "cases": 1_000, "held_out_cases": 10},
        cases=1_000,
        seconds=4.0,
        equivalents=50,
        batches=(50, 200, None),
    ),
    Contest(
        name="poisson",
        title="Physics-informed network, Poisson's equation",
        problem="poisson-pinn",
        seconds=1.5,
        equivalents=300,
    ),
    Contest(
        name="curves",
        title="Deep autoencoder, 784-400-200-100-50-25-6 and back, 500 curves",
        problem="curves-autoencoder",
        params={"cases": 500, "held_out_cases": 10},
        cases=500,
        seconds=10.0,
        equivalents=60,
        batches=(50, 200, None),
    ),
    Contest(
        name="curves-20000",
        title="Deep autoencoder, 784-400-200-100-50-25-6 and back, 20,000 curves",
        problem="curves-autoencoder",
        cases=20_000,
        seconds=120.0,
        equivalents=300,
        batches=(100, 500, 2_000, None),
        device="cuda",
    ),
    Contest(
        name="addition-100",
        title="Addition over 100 places, 100 recurrent units, 10,000 sequences",
        problem="addition",
        params={"length": 100, "cases": 10_000},
        cases=10_000,
        seconds=60.0,
        equivalents=100,
        batches=(100, 500, 2_000, None),
        device="cuda",
    ),
    Contest(
        name="poisson-large",
        title="Physics-informed network, Poisson's equation, 3 layers of 200",
        problem="poisson-pinn",
        params={"hidden_size": 200, "points": 4_000},
        seconds=30.0,
        equivalents=1_000,
        device="cuda",
    ),
)

RATE = {"low": 1e-4, "high": 1.0, "log": True}
SMALL_RATE = {"low": 1e-5, "high": 0.1, "log": True}
DAMPING = {"low": 1e-3, "high": 1e2, "log": True}
SCHEDULE = {"choices": ["constant", "cosine"]}

CONTENDERS = (
    Contender(
        name="hessianfree",
        title="Hessian-free",
        optimizer="hessianfree",
        space={"damping": DAMPING, "cg_max_iter": {"choices": [10, 30, 100, 250]}},
        main="damping",
    ),
    Contender(
        name="recommended",
        title="Hessian-free, recommended",
        optimizer="hessianfree-recommended",
        space={"damping": DAMPING, "cg_max_iter": {"choices": [5, 10, 20, 40]}},
        main="damping",
        draws=True,
    ),
    Contender(
        name="martens2010",
        title="Hessian-free [Martens 2010]",
        optimizer="hessianfree-martens2010",
        space={"damping": DAMPING, "cg_max_iter": {"choices": [10, 30, 100, 250]}},
        main="damping",
    ),
    Contender(
        name="sutskever2013",
        title="Hessian-free [Sutskever et al. 2013]",
        optimizer="hessianfree-sutskever2013",
        space={"damping": DAMPING, "cg_max_iter": {"choices": [5, 10, 20]}},
        main="damping",
        draws=True,
    ),
    Contender(
        name="growing",
        title="Hessian-free, growing batches",
        optimizer="hessianfree-growing",
        space={"damping": DAMPING, "cg_max_iter": {"choices": [5, 10, 20, 40]}},
        main="damping",
        draws=True,
        grows=True,
    ),
    Contender(
        name="sgd",
        title="SGD, Nesterov",
        optimizer="sgd",
        params={"nesterov": True},
        space={"lr": RATE, "momentum": {"choices": [0.9, 0.99, 0.995]}, "lr_schedule": SCHEDULE},
        main="lr",
        draws=True,
    ),
    Contender(
        name="adam",
        title="Adam",
        optimizer="adam",
        space={"lr": SMALL_RATE, "lr_schedule": SCHEDULE},
        main="lr",
        draws=True,
    ),
    Contender(
        name="adamw",
        title="AdamW",
        optimizer="adamw",
        space={
            "lr": SMALL_RATE,
            "lr_schedule": SCHEDULE,
            "weight_decay": {"low": 1e-4, "high": 1e-1, "log": True},
        },
        main="lr",
        draws=True,
    ),
    Contender(
        name="muon",
        title="Muon",
        optimizer="muon",
        params={"weight_decay": 0.0},
        space={"lr": SMALL_RATE, "lr_schedule": SCHEDULE},
        main="lr",
        draws=True,
    ),
    Contender(
        name="soap",
        title="SOAP",
        optimizer="soap",
        params={"weight_decay": 0.0},
        space={"lr": SMALL_RATE, "lr_schedule": SCHEDULE},
        main="lr",
        draws=True,
    ),
    Contender(
        name="kfac",
        title="K-FAC",
        optimizer="kfac",
        space={"damping": DAMPING, "lr": {"choices": [0.1, 0.3, 1.0]}},
        main="damping",
        draws=True,
    ),
    Contender(
        name="lbfgs",
        title="L-BFGS",
        optimizer="lbfgs",
        space={"lr": {"low": 1e-2, "high": 1.0, "log": True}, "history_size": {"choices": [5, 20, 100]}},
        main="lr",
    ),
)
