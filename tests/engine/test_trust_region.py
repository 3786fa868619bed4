"""Steihaug's and Toint's CG within a radius, and the radius from step to step."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import problems
from engine.indefinite import indefinite
from engine.linear_systems import quadratic, system
from hessianfree import HessianFree
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import LastIterate
from hessianfree.curvature import Hessian
from hessianfree.damping import ConstantDamping, LevenbergMarquardt
from hessianfree.linesearch import FixedScale
from hessianfree.method import Method
from hessianfree.records import Agreement, CGSolution
from hessianfree.stopping import IterationLimit, ResidualTolerance
from hessianfree.trust_region import SteihaugToint

EXACT = ConjugateGradient(max_iter=100, stopping=(IterationLimit(), ResidualTolerance(relative=1e-12)))


def solved(A, b, radius, M=None, **settings):
    solution = SteihaugToint(radius=radius, cg=EXACT, **settings).solve(lambda v: A @ v, b, None, M)
    return solution, solution.iterates[solution.last]


def cauchy_value(A, b, radius):
    """The lowest value of the model along b within the radius [Nocedal & Wright 2006, 4.1]."""
    curvature = (b @ A @ b).item()
    to_the_sphere = radius / b.norm().item()
    t = to_the_sphere if curvature <= 0 else min(to_the_sphere, (b @ b).item() / curvature)
    return quadratic(A, b, t * b)


def lowest_within(A, b, radius):
    """The exact minimum over the ball, for a positive definite A: the shift by bisection."""
    low, high = 0.0, b.norm().item() / radius
    eye = torch.eye(len(b), dtype=b.dtype)
    for _ in range(200):
        shift = (low + high) / 2
        x = torch.linalg.solve(A + shift * eye, b)
        low, high = (shift, high) if x.norm() > radius else (low, shift)
    return quadratic(A, b, x)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    negative=st.integers(0, 10),
    radius=st.floats(1e-3, 1e3),
    preconditioned=st.booleans(),
)
def test_it_stays_within_the_radius_and_falls_at_least_as_much_as_cauchys_point(
    seed, negative, radius, preconditioned
):
    A, b = indefinite(n=10, seed=seed, negative=negative)
    M = (lambda v: v / A.diagonal().abs()) if preconditioned else None
    solution, x = solved(A, b, radius, M)
    assert x.norm() <= radius * (1 + 1e-12)
    value = quadratic(A, b, x)
    assert solution.model_values[-1] == pytest.approx(value, rel=1e-8, abs=1e-10)
    if not preconditioned:
        assert value <= cauchy_value(A, b, radius) * (1 - 1e-10)
    if solution.reason in ("Trust region", "Negative curvature"):
        assert x.norm().item() == pytest.approx(radius, rel=1e-9)
    else:
        assert (A @ x - b).norm() < 1e-9 * b.norm()
    assert (solution.reason == "Negative curvature") == (solution.negative_curvature is not None)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 0.99), log_condition=st.floats(0, 4))
def test_where_the_model_is_convex_it_reaches_half_of_what_can_be_reached(seed, share, log_condition):
    """[Yuan 2000]."""
    A, b = system(n=10, condition=10**log_condition, seed=seed)
    radius = share * torch.linalg.solve(A, b).norm().item()
    solution, x = solved(A, b, radius)
    assert solution.reason == "Trust region"
    assert quadratic(A, b, x) <= 0.5 * lowest_within(A, b, radius)


def test_a_wide_region_changes_nothing():
    A, b = system(n=30, condition=1e3)
    solution, x = solved(A, b, 100.0)
    plain = EXACT.solve(lambda v: A @ v, b)
    assert torch.equal(x, plain.iterates[plain.last])
    assert solution.reason == plain.reason


def test_a_start_is_left_aside():
    A, b = system(n=10)
    solver = SteihaugToint(radius=0.1)
    far = solver.solve(lambda v: A @ v, b, 100 * torch.ones_like(b))
    near = solver.solve(lambda v: A @ v, b)
    assert torch.equal(far.iterates[far.last], near.iterates[near.last])


# The radius


def reaching(norm):
    return CGSolution(
        iterates={1: torch.tensor([0.0, norm], dtype=torch.float64)},
        last=1,
        model_values=(0.0, -1.0),
        residual_norms=(1.0, 0.0),
        alphas=(1.0,),
        betas=(0.0,),
        reason="",
        products=1,
    )


@pytest.mark.parametrize(
    ("norm", "actual", "predicted", "radius"),
    [
        (2.0, -0.9, -1.0, 4.0),  # on the sphere, and the model kept its word
        (1.9, -0.9, -1.0, 2.0),  # within: the radius was not what held it back
        (2.0, -0.5, -1.0, 2.0),
        (2.0, -0.2, -1.0, 0.5),
        (1.0, -0.2, -1.0, 0.25),  # from where it ended, or the next would end there again
        (1.0, 0.5, -1.0, 0.25),
        (2.0, math.nan, -1.0, 0.5),
        (2.0, math.inf, -1.0, 0.5),
        (math.nan, math.nan, math.nan, 0.5),
        (0.0, 0.0, 0.0, 2.0),  # nothing to judge
    ],
)
def test_it_follows_the_ratio(norm, actual, predicted, radius):
    solver = SteihaugToint(radius=2.0)
    assert solver.radius_after(reaching(norm), Agreement(actual, predicted)) == pytest.approx(radius)


def test_it_grows_up_to_most():
    assert SteihaugToint(radius=2.0, most=3.0).radius_after(reaching(2.0), Agreement(-1.0, -1.0)) == 3.0


@pytest.mark.parametrize("damping", [ConstantDamping(), LevenbergMarquardt()])
def test_an_optimizer_carries_it_from_step_to_step(damping):
    problem = problems.make("cross-entropy")
    method = Method(curvature=Hessian, solver=SteihaugToint(radius=0.1), damping=damping, warm_start=0)
    opt = HessianFree.from_method(problem.parameters, method, damping=1e-3)
    radius, seen = 0.1, set()
    for _ in range(8):
        opt.step(problem.forward)
        report = opt.last_report
        assert report.trust_radius == radius
        bounded = report.cg_stop in ("Trust region", "Negative curvature")
        assert report.step_norm <= radius * (1 + 1e-9)
        if bounded and report.reduction_ratio > 0.75:
            radius *= 2
        elif report.reduction_ratio < 0.25:
            radius = opt.state["radius"]
            assert radius < report.trust_radius
        assert opt.state["radius"] == radius
        seen.add(bounded)
    assert radius > 0.1
    assert True in seen


def test_the_ratio_is_measured_also_where_nothing_else_asks_for_it():
    problem = problems.make("cross-entropy")
    parts = {"damping": ConstantDamping(), "selector": LastIterate(), "search": FixedScale()}
    method = Method(solver=SteihaugToint(radius=0.1), warm_start=0, **parts)
    opt = HessianFree.from_method(problem.parameters, method, lr=0.5)
    opt.step(problem.forward)
    assert opt.last_report.reduction_ratio > 0.75
    assert opt.last_report.loss_evaluations == 2
    assert opt.state["radius"] == 0.2


def test_other_solvers_have_none():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    assert opt.last_report.trust_radius is None
    assert "radius" not in opt.state


def test_it_goes_on_to_the_bit(tmp_path):
    def optimizer(problem):
        method = Method(curvature=Hessian, solver=SteihaugToint(radius=0.05), damping=ConstantDamping())
        return HessianFree.from_method(problem.parameters, method, damping=0.0)

    problem, other = problems.make("cross-entropy"), problems.make("cross-entropy")
    opt, resumed = optimizer(problem), optimizer(other)
    for _ in range(3):
        opt.step(problem.forward)
    torch.save(opt.state_dict(), tmp_path / "opt.pt")
    other.model.load_state_dict(problem.model.state_dict())
    resumed.load_state_dict(torch.load(tmp_path / "opt.pt", weights_only=True))
    assert [resumed.step(other.forward) for _ in range(3)] == [opt.step(problem.forward) for _ in range(3)]
    assert opt.last_report.trust_radius != 0.05
    assert resumed.last_report.trust_radius == opt.last_report.trust_radius


@pytest.mark.parametrize(
    "bad", [{"radius": 0.0}, {"radius": 2e3}, {"low": 0.8}, {"shrink": 1.0}, {"grow": 0.5}], ids=str
)
def test_settings_out_of_bounds_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        SteihaugToint(**bad)
