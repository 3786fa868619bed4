"""How often a step makes the host wait for the device: at most twice a CG iteration."""

import pytest
import torch

from engine import problems
from engine.linear_systems import system
from engine.reads import advance, reads_of
from hessianfree.cg import ConjugateGradient, cg
from hessianfree.negative_curvature import StopThere
from hessianfree.saddle_free import SaddleFree
from hessianfree.stopping import IterationLimit
from hessianfree.trust_region import SteihaugToint


def test_reads_are_seen():
    """The counter of the tests below counts every way to look at a device's number."""
    t = torch.tensor([1.0, 2.0])
    for look in (
        lambda: t[0].item(),
        lambda: t.tolist(),
        lambda: bool(t[0] > 0),
        lambda: float(t[1]),
        lambda: t.cpu(),
    ):
        assert reads_of(look) == 1
    assert reads_of(lambda: torch.dot(t, t) / t.sum() * t) == 0


@pytest.mark.parametrize("martens", [False, True])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_cg_reads_the_device_at_most_twice_an_iteration(preconditioned, martens):
    generator = torch.Generator().manual_seed(0)
    R = torch.randn(80, 80, generator=generator, dtype=torch.float64)
    A, b = R @ R.T + torch.eye(80, dtype=torch.float64), torch.ones(80, dtype=torch.float64)
    M = (lambda v: 0.01 * v) if preconditioned else None

    def solve(iterations):
        x_iters, _, _ = cg(
            lambda v: A @ v,
            b,
            M=M,
            max_iter=iterations,
            martens_conv_crit=martens,
            store_x_at_iters=None,
            tol=0.0,
        )
        assert len(x_iters) == iterations + 1

    few, many = reads_of(lambda: solve(5)), reads_of(lambda: solve(15))
    assert few > 0
    assert many - few <= 2 * 10


SOLVERS = {
    "stop there": lambda iterations: ConjugateGradient(length=StopThere(), **bare(iterations)),
    "trust region": lambda iterations: SteihaugToint(radius=1e3, cg=ConjugateGradient(**bare(iterations))),
    "flexible": lambda iterations: ConjugateGradient(flexible=True, **bare(iterations)),
    "saddle-free": lambda iterations: SaddleFree(iterations=iterations),
}


def bare(iterations):
    return {"max_iter": iterations, "stopping": (IterationLimit(),), "keep": ()}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_every_way_with_negative_curvature_reads_once_an_iteration(solver):
    A, b = system(n=80, condition=1e3)

    def solve(iterations):
        solution = solver(iterations).solve(lambda v: A @ v, b, None, lambda v: v / A.diagonal())
        assert solution.last == iterations

    few, many = reads_of(lambda: solve(5)), reads_of(lambda: solve(15))
    # The saddle-free solver's small matrices are on the host: two looks at each do not wait for the device.
    on_the_host = 20 if solver is SOLVERS["saddle-free"] else 0
    assert many - few <= 10 + on_the_host


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_a_step_reads_the_device_at_most_twice_a_cg_iteration(way, curvature_opt):
    def take(iterations):
        advance(problems.make("mse-sum"), way, iterations, curvature_opt=curvature_opt, reduction="sum")

    few, many = reads_of(lambda: take(2)), reads_of(lambda: take(6))
    assert many - few <= 2 * 4
    # Beside CG: a report may tell more and more, but not at the price of waiting for the device more often.
    assert few <= {"step": 11, "acc_step": 13}[way]
