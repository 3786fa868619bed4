"""The diagonal from random slopes at the outputs, against the dense Gauss-Newton matrix."""

import copy

import pytest
import torch

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree
from hessianfree.method import Method
from hessianfree.preconditioners import GaussNewtonDiagonal, HutchinsonDiagonal
from hessianfree.records import Linearization, Preconditioning


def seen(problem, way="forward", **settings):
    """What a step shows to a preconditioner, at the problem's parameters."""
    problem, shown = copy.deepcopy(problem), []
    origin = [p.detach().clone() for p in problem.parameters]

    def part(here, damping, memory):
        shown.append(here)
        return Preconditioning(inverse=lambda v: v)

    opt = HessianFree.from_method(problem.parameters, Method(preconditioner=part), **settings)
    advance(opt, problem, way)
    with torch.no_grad():
        for p, value in zip(problem.parameters, origin, strict=True):
            p.copy_(value)
    return shown[0]


def estimates(part, here, times=250):
    """One estimate a row, from one probe each."""
    rows = []
    for seed in range(times):
        generator = torch.Generator().manual_seed(seed)
        rows.append(part(probes=1).estimate(here, generator).diagonal)
    return torch.stack(rows)


def assert_mean_is(rows, expected):
    error = rows.std(0) / len(rows) ** 0.5
    assert ((rows.mean(0) - expected).abs() <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("name", ["mse", "mse-sum", "cross-entropy", "bce", "frozen", "tied", "unused"])
def test_its_mean_is_the_diagonal_of_the_dense_matrix(name):
    problem = problems.make(name)
    rows = estimates(GaussNewtonDiagonal, seen(problem))
    assert_mean_is(rows, problem.dense_ggn().diagonal())
    assert (rows >= 0).all()


def test_so_it_is_over_batches():
    problem = problems.make("cross-entropy")
    assert_mean_is(estimates(GaussNewtonDiagonal, seen(problem, "model")), problem.dense_ggn().diagonal())


def test_weight_decay_is_in_it():
    problem = problems.make("mse")
    rows = estimates(GaussNewtonDiagonal, seen(problem, weight_decay=2.0))
    assert_mean_is(rows, problem.dense_ggn().diagonal() + 2.0)


def test_it_has_less_noise_than_products_on_the_parameters_side():
    """The root mean square of the relative error, over the entries, less than two thirds at the same number."""
    problem = problems.make("cross-entropy")
    here, exact = seen(problem), problem.dense_ggn().diagonal()
    noise = {
        part: ((estimates(part, here, 100) - exact) / exact).square().mean().sqrt().item()
        for part in (GaussNewtonDiagonal, HutchinsonDiagonal)
    }
    assert noise[GaussNewtonDiagonal] < 2 / 3 * noise[HutchinsonDiagonal]
    assert noise[GaussNewtonDiagonal] < 1.5


def test_more_probes_are_the_mean_of_them():
    here = seen(problems.make("mse"))
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    four = GaussNewtonDiagonal(probes=4).estimate(here, generators[0]).diagonal
    single = [GaussNewtonDiagonal(probes=1).estimate(here, generators[1]).diagonal for _ in range(4)]
    torch.testing.assert_close(four, torch.stack(single).mean(0))


@pytest.mark.parametrize("probes", [1, 6])
def test_its_cost_is_counted_in_gradients(probes):
    problem = problems.make("mse")
    method = Method(preconditioner=GaussNewtonDiagonal(probes=probes, every=2))
    opt = HessianFree.from_method(problem.parameters, method)
    for step in range(3):
        opt.step(problem.forward)
        report = opt.last_report
        assert report.curvature_products == report.cg_iterations + (step > 0)
        made = (1 + 2 * probes) / 3 if step % 2 == 0 else 0
        assert report.gradient_equivalents == pytest.approx(
            1 + 4 / 3 * report.curvature_products + report.loss_evaluations / 3 + made
        )


@pytest.mark.parametrize("way", ["forward", "model"])
def test_an_optimizer_with_it_goes_on_to_the_bit(way, tmp_path):
    def optimizer(model):
        method = Method(preconditioner=GaussNewtonDiagonal(probes=2, every=2, decay=0.5))
        return HessianFree.from_method(model.parameters(), method)

    problem = problems.make("cross-entropy")
    opt = optimizer(problem.model)
    for _ in range(3):
        advance(opt, problem, way)
    other = copy.deepcopy(problem)
    resumed = optimizer(other.model)
    torch.save(opt.state_dict(), tmp_path / "opt.pt")
    resumed.load_state_dict(torch.load(tmp_path / "opt.pt", weights_only=True))
    assert [advance(resumed, other, way) for _ in range(3)] == [advance(opt, problem, way) for _ in range(3)]


def test_without_passes_it_says_so():
    here = Linearization(
        loss=0.0, gradient=torch.ones(2), curvature=lambda v: v, cost=1.0, product_cost=4 / 3
    )
    with pytest.raises(ValueError, match="needs forward passes"):
        GaussNewtonDiagonal()(here, 1.0, None)
