"""The first damping, from the problem itself."""

import math

import pytest
import torch

from engine import problems
from hessianfree import HessianFree, Method
from hessianfree.calibration import RayleighCalibration
from hessianfree.records import Linearization


def linearization(B, g):
    return Linearization(loss=0.0, gradient=g, curvature=lambda v: B @ v, cost=1.0, product_cost=4 / 3)


@pytest.fixture
def system():
    generator = torch.Generator().manual_seed(0)
    J = torch.randn(8, 6, generator=generator, dtype=torch.float64)
    return J.T @ J, torch.randn(6, generator=generator, dtype=torch.float64)


def groups(*sizes):
    owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return [owner == group for group in range(len(sizes))]


def test_the_damping_is_a_share_of_the_curvature_along_the_gradient(system):
    B, g = system
    found, products = RayleighCalibration(share=0.1).dampings(linearization(B, g), (1.0, 2.0), groups(2, 4))
    expected = (0.1 * (g @ B @ g) / (g @ g)).item()
    assert found == pytest.approx((expected, expected))
    assert products == 1


def test_by_group_each_has_that_of_its_own_block(system):
    B, g = system
    calibration = RayleighCalibration(share=0.1, by_group=True)
    found, products = calibration.dampings(linearization(B, g), (1.0, 2.0), groups(2, 4))
    first, second = g[:2], g[2:]
    assert found == pytest.approx(
        (
            (0.1 * (first @ B[:2, :2] @ first) / (first @ first)).item(),
            (0.1 * (second @ B[2:, 2:] @ second) / (second @ second)).item(),
        )
    )
    assert products == 2


@pytest.mark.parametrize("by_group", [False, True])
@pytest.mark.parametrize("curvature", [0.0, -1.0, math.nan, math.inf])
def test_without_curvature_to_go_by_the_damping_given_stays(curvature, by_group):
    here = linearization(curvature * torch.eye(3), torch.ones(3))
    found, _ = RayleighCalibration(by_group=by_group).dampings(here, (1.0, 2.0), groups(1, 2))
    assert found == (1.0, 2.0)


@pytest.mark.parametrize("by_group", [False, True])
def test_without_a_gradient_the_damping_given_stays(by_group):
    here = linearization(torch.eye(3), torch.zeros(3))
    found, _ = RayleighCalibration(by_group=by_group).dampings(here, (1.0, 2.0), groups(1, 2))
    assert found == (1.0, 2.0)


@pytest.mark.parametrize("share", [0.0, -1.0, math.inf, math.nan])
def test_a_share_out_of_bounds_is_refused(share):
    with pytest.raises(ValueError, match="share must be above 0"):
        RayleighCalibration(share=share)


# In the optimizer

judged_harshly = pytest.mark.filterwarnings(
    "ignore:The reduction ratio"
)  # a low damping may be found out first


@judged_harshly
def test_the_first_step_alone_is_calibrated_and_pays_a_product():
    problem, plain = problems.make("mse"), problems.make("mse")
    B, g = problem.dense_ggn(), problem.dense_gradient()
    opt = HessianFree.from_method(problem.parameters, Method(calibration=RayleighCalibration()), damping=1e6)
    losses, reports = [], []
    for _ in range(3):
        losses.append(opt.step(problem.forward))
        reports.append(opt.last_report)
    assert reports[0].damping == pytest.approx((0.01 * (g @ B @ g) / (g @ g)).item())
    usual = HessianFree(plain.parameters, damping=reports[0].damping)
    for step, (loss, report) in enumerate(zip(losses, reports, strict=True)):
        assert usual.step(plain.forward) == loss
        other = usual.last_report
        assert report.damping == other.damping
        assert report.curvature_products == other.curvature_products + (step == 0)
        more = report.gradient_equivalents - other.gradient_equivalents
        assert more == pytest.approx(4 / 3 if step == 0 else 0.0)


@judged_harshly
def test_a_resumed_run_is_not_calibrated_again():
    method = Method(calibration=RayleighCalibration())
    problem, other = problems.make("mse"), problems.make("mse")
    opt, restored = (HessianFree.from_method(p.parameters, method) for p in (problem, other))
    opt.step(problem.forward)
    other.model.load_state_dict(problem.model.state_dict())
    restored.load_state_dict(opt.state_dict())
    assert restored.step(other.forward) == opt.step(problem.forward)


@judged_harshly
def test_every_group_has_a_damping_in_its_own_units():
    problem = problems.make("mse")
    first, *rest = problem.parameters
    B, g = problem.dense_ggn(), problem.dense_gradient()
    opt = HessianFree.from_method(
        [{"params": [first]}, {"params": rest}],
        Method(calibration=RayleighCalibration(by_group=True)),
    )
    opt.step(problem.forward)
    n = first.numel()
    blocks = [(g[:n], B[:n, :n]), (g[n:], B[n:, n:])]
    expected = [(0.01 * (h @ C @ h) / (h @ h)).item() for h, C in blocks]
    ratio = opt.param_groups[0]["damping"] / opt.param_groups[1]["damping"]
    assert opt.last_report.damping == pytest.approx(expected[0])
    assert ratio == pytest.approx(expected[0] / expected[1])


@judged_harshly
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_it_makes_the_run_the_same_whatever_the_scale_of_the_loss(scale):
    def trained(scale, method, steps=20):
        problem = problems.make("cross-entropy")
        opt = HessianFree.from_method(problem.parameters, method)

        def forward():
            loss, outputs = problem.forward()
            return scale * loss, outputs

        return [opt.step(forward) / scale for _ in range(steps)]

    calibrated = Method(calibration=RayleighCalibration())
    losses, reference = trained(scale, calibrated), trained(1.0, calibrated)
    assert losses[:5] == pytest.approx(reference[:5], rel=1e-2)
    if scale < 1:
        assert losses[-1] < 1e-2 * trained(scale, Method())[-1]
