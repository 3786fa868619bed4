"""Martens' own rule and the forcing sequence: stated on sequences, and seen to end CG where they should."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.linear_systems import system
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import LastIterate
from hessianfree.curvature import Hessian
from hessianfree.damping import ConstantDamping
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.records import SolveState
from hessianfree.stopping import ForcingSequence, IterationLimit, MartensProgress, RelativeProgress


def state(model_values, residual_norm=1.0, right_hand_side_norm=1.0):
    return SolveState(
        iteration=len(model_values) - 1,
        max_iter=10_000,
        model_values=model_values,
        residual_norm=residual_norm,
        right_hand_side_norm=right_hand_side_norm,
    )


def martens(m, per_iteration=5e-4):
    """[Martens 2010, 4.4], word by word."""
    i = len(m) - 1
    k = max(10, i // 10)
    return i > k and m[i] < 0 and (m[i] - m[i - k]) / m[i] < k * per_iteration


def solve(rule, x0=None, condition=1e4, n=200):
    A, b = system(n=n, condition=condition)
    rules = (rule, IterationLimit())
    return A, b, ConjugateGradient(max_iter=5 * n, stopping=rules).solve(lambda v: A @ v, b, x0)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("condition", [1e2, 1e3, 1e4])
@pytest.mark.parametrize("per_iteration", [5e-4, 5e-5])
def test_martens_rule_ends_cg_at_the_first_iteration_that_meets_it(condition, per_iteration, warm):
    x_0 = torch.ones(200, dtype=torch.float64) if warm else None
    *_, solution = solve(MartensProgress(per_iteration=per_iteration), x_0, condition)
    m = solution.model_values
    assert solution.reason == "Convergence (Martens)"
    met = [martens(m[: i + 1], per_iteration) for i in range(len(m))]
    assert met == [False] * solution.last + [True]


def test_it_is_looser_than_the_flat_threshold():
    loose, strict = solve(MartensProgress())[2].last, solve(RelativeProgress())[2].last
    assert 10 < loose < strict / 1.5


def test_its_window_and_threshold_grow_with_the_iterations():
    """Steady progress of 1 an iteration: a share 1/i for each, below 5e-4 only from 2,000 iterations on."""
    falling = [-float(i) for i in range(2003)]
    assert [i for i in range(1990, 2003) if MartensProgress().reason(state(falling[: i + 1]))] == [2001, 2002]


def test_a_start_near_the_solution_is_not_held_against_it():
    """From m = -100 the values fall by 0.01 an iteration: 1e-4 of the value, but a tenth of the progress since."""
    values = [-100 - 0.01 * i for i in range(101)]
    assert all(not MartensProgress().reason(state(values[: i + 1])) for i in range(11))
    assert MartensProgress().reason(state(values[:12])) == "Convergence (Martens)"
    assert all(not RelativeProgress().reason(state(values[: i + 1])) for i in range(101))


def test_a_value_above_zero_is_no_end():
    """A start from the last step may be worse than zero: then CG goes on, however slow."""
    assert MartensProgress().reason(state([3 - 1e-9 * i for i in range(50)])) is None
    assert MartensProgress().reason(state([1e-9 * i - 3 for i in range(50)])) == "Convergence (Martens)"


@pytest.mark.parametrize("bad", [{"per_iteration": 0.0}, {"min_window": 0}, {"window_share": 1.0}])
def test_settings_of_martens_rule_out_of_bounds_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        MartensProgress(**bad)


# The forcing sequence


@given(b=st.floats(1e-12, 1e6), share=st.floats(0, 2), power=st.floats(0.1, 2), most=st.floats(0.01, 0.99))
def test_the_bound_is_the_smaller_of_two_shares_of_the_right_hand_side(b, share, power, most):
    rule = ForcingSequence(most=most, power=power)
    met = share * b <= min(most, b**power) * b
    assert (rule.reason(state([0.0], share * b, b)) is not None) == met


def test_it_ends_cg_at_the_first_small_enough_residual():
    A, b, solution = solve(ForcingSequence(most=0.02))
    assert solution.reason == "Convergence (forcing sequence)"
    residuals = solution.residual_norms
    assert (b - A @ solution.iterates[solution.last]).norm() <= 0.02 * b.norm()
    assert all(r > 0.02 * b.norm() for r in residuals[:-1])
    assert len(residuals) > 5


@pytest.mark.parametrize(("power", "order"), [(0.5, 1.5), (1.0, 2.0)])
def test_newtons_method_converges_with_the_order_that_theory_says(power, order):
    """On a strictly convex function in 30 unknowns: |g_{k+1}| is about |g_k|^order, neither more nor much less."""
    A, b = system(n=30, condition=1e2)
    x = torch.nn.Parameter(torch.zeros_like(b))
    solver = ConjugateGradient(max_iter=300, stopping=(ForcingSequence(power=power), IterationLimit()))
    parts = {"curvature": Hessian, "damping": ConstantDamping(), "selector": LastIterate()}
    opt = HessianFree.from_method([x], Method(solver=solver, warm_start=0.0, **parts), damping=0.0)
    norms = [math.inf]
    while norms[-1] > 1e-5 and len(norms) < 15:
        opt.step(lambda: (0.5 * x @ A @ x - b @ x + torch.log(torch.cosh(x)).sum(), None))
        norms.append(opt.last_report.gradient_norm)
    near = [pair for pair in itertools.pairwise(norms) if pair[0] < 1]
    assert norms[-1] < 1e-5
    assert len(near) >= 5
    assert all(0.1 < later / earlier**order < 1.2 for earlier, later in near)


@pytest.mark.parametrize("bad", [{"most": 1.0}, {"most": 0.0}, {"power": 0.0}])
def test_settings_of_the_forcing_sequence_out_of_bounds_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        ForcingSequence(**bad)
