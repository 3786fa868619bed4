"""What preconditioners save: CG to the same value of the model, without and with each, at states of one training.

    python benchmarks/preconditioners.py [--cases 500] [--steps 5 20 40] [--rounds 3]

A deep autoencoder of curves, 784-100-50-25-6 and back, sparsely initialized, is trained by plain Hessian-free steps. At
each of the states that this comes by, the next step's system (same damping, same start) is solved until the model's
value is the one at which Martens' rule ends plain CG. Iterations, gradient equivalents and seconds are those of the
solve, the making of the preconditioner included; seconds are the median of the rounds, in which all take turns.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import ClassVar

import torch
from table import Circumstances
from timing import Turn, take_turns
from torch import Tensor, nn

from hessianfree import HessianFree
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import Damped, GaussNewton
from hessianfree.curvature.memory import GraphMemory
from hessianfree.evaluation import DifferentiablePaths, Evaluation
from hessianfree.execution import Execution
from hessianfree.interfaces import PreconditionerAt, StoppingRule
from hessianfree.method import Method
from hessianfree.objectives import ClosureObjective
from hessianfree.parameters import Parameters
from hessianfree.preconditioners import (
    GaussNewtonDiagonal,
    HutchinsonDiagonal,
    Nystrom,
    diag_EF_preconditioner,
)
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.records import CGSolution, Linearization, Preconditioning, SolveState
from hessianfree.stopping import Divergence, IterationLimit, MartensProgress, ResidualTolerance
from hessianfree_lab.training.problems.autoencoders.autoencoder import PixelCrossEntropy, autoencoder
from hessianfree_lab.training.problems.autoencoders.curves import curves
from hessianfree_lab.training.problems.networks import sparse

_HEAD = """# What preconditioners save

Made by `benchmarks/preconditioners.py`. A deep autoencoder of curves, 784-100-50-25-6 and back, is trained by plain
Hessian-free steps. At three states on its way the next step's system is solved, by CG with the same damping and
start, to the value of the model at which Martens' rule ends plain CG. All counts include the making of the
preconditioner; seconds are medians of rounds in which all take turns. K-FAC has the damping in its factors here, and
one damping for all layers, so that all solve the same system; within a step [methods.md](methods.md) tells more.
"""

WIDTHS = (784, 100, 50, 25, 6)
MOST = 1000  # CG iterations; who needs more is said not to get there
HARDLY_WORSE = 1e-6  # of the value to reach: rounding must not decide


@dataclass(frozen=True, kw_only=True)
class Reaches:
    """Stop at this value of the model."""

    value: float
    words: ClassVar[str] = "there"

    def reason(self, state: SolveState) -> str | None:
        return self.words if state.model_values[-1] <= self.value else None


@dataclass(frozen=True, kw_only=True)
class EmpiricalFisher:
    """`HessianFree.get_preconditioner` as a part: it needs the model and the data."""

    model: nn.Module
    loss_function: nn.Module
    images: Tensor

    def __call__(
        self, here: Linearization, damping: float | Tensor, memory: Mapping[str, Tensor] | None
    ) -> Preconditioning:
        del here, memory
        assert isinstance(damping, float)
        inverse = diag_EF_preconditioner(
            self.model, self.loss_function, self.images, self.images, "mean", damping
        )
        return Preconditioning(inverse=inverse, cost=4 / 3)


@dataclass(frozen=True, kw_only=True)
class System:
    """One step's system."""

    here: Linearization
    damping: float
    start: Tensor

    def solve(self, until: StoppingRule, part: PreconditionerAt | None) -> "Solve":
        made = part(self.here, self.damping, None) if part else None
        rules = (until, IterationLimit(), Divergence(), ResidualTolerance(relative=1e-7))
        solver = ConjugateGradient(max_iter=MOST, stopping=rules, keep=())
        A = Damped(self.here.curvature, self.damping)
        solution = solver.solve(A, -self.here.gradient, self.start, made.inverse if made else None)
        products = solution.products + (made.products if made else 0)
        cost = products * self.here.product_cost + (made.cost if made else 0.0)
        return Solve(solution=solution, products=products, cost=cost)


@dataclass(frozen=True, kw_only=True)
class Solve:
    """With what the preconditioner took to make; `cost` in gradients."""

    solution: CGSolution
    products: int
    cost: float


def contenders(
    model: nn.Module, loss_function: nn.Module, images: Tensor
) -> dict[str, PreconditionerAt | None]:
    """By name; None: plain CG."""
    return {
        "none": None,
        "empirical Fisher": EmpiricalFisher(model=model, loss_function=loss_function, images=images),
        "Hutchinson, 10 probes": HutchinsonDiagonal(probes=10),
        "Hutchinson, 50 probes": HutchinsonDiagonal(probes=50),
        "Gauss-Newton diagonal, 5": GaussNewtonDiagonal(probes=5),
        "Nystroem, rank 10": Nystrom(rank=10),
        "Nystroem, rank 40": Nystrom(rank=40),
        "K-FAC": KFAC(model=model, damped=True, balance=0.0),  # with units of damping: another system
    }


def table(system: System, parts: Mapping[str, PreconditionerAt | None], rounds: int) -> list[str]:
    """A line a contender, after a head."""
    aim = Reaches(value=system.solve(MartensProgress(), None).solution.model_values[-1] * (1 - HARDLY_WORSE))
    solves: dict[str, Solve] = {}

    def turn(name: str, part: PreconditionerAt | None) -> Turn:
        return Turn(run=lambda: solves.update({name: system.solve(aim, part)}))

    seconds = take_turns({name: turn(name, part) for name, part in parts.items()}, rounds, "cpu")
    lines = [f"{'preconditioner':25s} {'CG':>6s} {'products':>9s} {'gradients':>10s} {'seconds':>9s}"]
    for name, solve in solves.items():
        reason = solve.solution.reason
        lines.append(
            f"{name:25s} {solve.solution.last:6d} {solve.products:9d} {solve.cost:10.1f} {median(seconds[name]):9.2f}"
            + ("" if reason == Reaches.words else f"  not there: {reason}")
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--cases", type=int, default=500)
    options.add_argument("--steps", type=int, nargs="+", default=[5, 20, 40])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--write", type=Path, help="a Markdown file to write the tables into")
    told = options.parse_args(arguments)

    command = ["benchmarks/preconditioners.py", f"--cases {told.cases} --rounds {told.rounds}"]
    written = [_HEAD, Circumstances.of_now("cpu", command).line()]
    images = curves(told.cases)
    model = autoencoder(WIDTHS, "sigmoid", torch.Generator().manual_seed(0), sparse).float()
    loss_function = PixelCrossEntropy()

    def forward() -> tuple[Tensor, Tensor]:
        outputs = model(images)
        return loss_function(outputs, images), outputs

    solver = ConjugateGradient(
        stopping=(MartensProgress(), IterationLimit(), Divergence(), ResidualTolerance())
    )
    # "auto" would choose by time, and round differently from run to run: another training.
    execution = Execution(products="plain")
    opt = HessianFree.from_method(model.parameters(), Method(solver=solver), execution=execution)
    for step in range(1, max(told.steps) + 1):
        opt.step(forward)
        if step not in told.steps:
            continue
        damping = opt.param_groups[0]["damping"]
        parameters = Parameters([list(model.parameters())])
        evaluation = Evaluation(parameters.device, DifferentiablePaths())
        objective = ClosureObjective(parameters, forward, GaussNewton, evaluation, GraphMemory(None))
        with evaluation:
            system = System(here=objective.linearize(), damping=damping, start=opt.state["x0"])
            title = f"after step {step}: loss {system.here.loss:.2f}, damping {damping:.3g}"
            lines = table(system, contenders(model, loss_function, images), told.rounds)
            print("\n".join([title, *lines]))
            written += ["", f"## {title.capitalize()}", "", "```", *lines, "```"]
    if told.write is not None:
        told.write.write_text("\n".join([*written, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
