"""A saddle is left behind by every way to use negative curvature, and not by going on as if there were none."""

import warnings

import pytest

from engine.indefinite import Saddle
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import Hessian
from hessianfree.damping import ConstantDamping
from hessianfree.method import Method
from hessianfree.negative_curvature import StopThere
from hessianfree.optimizer import HessianFree
from hessianfree.saddle_free import SaddleFree
from hessianfree.trust_region import SteihaugToint

SOLVERS = {
    "stop there": ConjugateGradient(length=StopThere()),
    "trust region": SteihaugToint(),
    "saddle-free": SaddleFree(),
}


def trained(solver, damping, warm_start=0.0, steps=25):
    saddle = Saddle()
    method = Method(curvature=Hessian, solver=solver, damping=ConstantDamping(), warm_start=warm_start)
    opt = HessianFree.from_method([saddle.parameter], method, damping=damping)
    reports = []
    for _ in range(steps):
        opt.step(saddle.forward)
        reports.append(opt.last_report)
    return reports


@pytest.mark.parametrize("damping", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_it_is_left_for_a_minimum(solver, damping):
    reports = trained(solver, damping)
    assert reports[-1].loss_after == pytest.approx(Saddle.lowest, abs=1e-9)
    if damping < 1:
        assert any(report.negative_curvature is not None for report in reports)
        assert reports[-1].negative_curvature is None


@pytest.mark.parametrize("warm_start", [0.0, 0.95])
@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_going_on_stays_at_the_saddle(damping, warm_start):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reports = trained(ConjugateGradient(), damping, warm_start)
    assert abs(reports[-1].loss_after) < 1e-3
    assert reports[-1].negative_curvature < 0


@pytest.mark.parametrize("damping", [0.0, 0.1, 1.0])
def test_a_start_from_the_last_solution_does_not_hold_it_back(damping):
    assert trained(SOLVERS["stop there"], damping, warm_start=0.95)[-1].loss_after == pytest.approx(
        Saddle.lowest
    )
