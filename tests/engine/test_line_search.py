"""Backtracking along a step until the Armijo condition holds."""

import math
import warnings
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import problems
from hessianfree import HessianFree, Method
from hessianfree.linesearch import ArmijoBacktracking, simple_linesearch
from hessianfree.records import SearchResult

FAILURE = "No suitable|line search|linesearch"


def bowl(x):
    """0.5 |x + 1|^2: slope 1 in every direction at 0."""
    return 0.5 * ((x + 1) ** 2).sum()


ONES = torch.ones(3, dtype=torch.float64)


def recorded(function):
    points = []

    def f(step):
        points.append(step.clone())
        return function(step)

    return f, points


def test_the_whole_step_is_taken_when_it_is_good():
    alpha, value = simple_linesearch(bowl, ONES, -ONES)
    assert alpha == 1.0
    assert value == 0.0


def test_it_is_shortened_by_beta_until_the_condition_holds():
    f, points = recorded(bowl)
    step, c, beta = -10 * ONES, 0.3, 0.5
    alpha, value = simple_linesearch(f, ONES, step, init_alpha=2.0, beta=beta, c=c)
    slope = -30.0

    def holds(a):
        return bowl(a * step).item() <= bowl(0 * step).item() + a * c * slope

    tried = [2.0 * beta**i for i in range(20)]
    assert alpha == next(a for a in tried if holds(a))
    assert tried.index(alpha) > 1
    assert value == bowl(alpha * step).item()
    trials = [p[0].item() / -10 for p in points if p.abs().sum() > 0]
    assert trials == pytest.approx(tried[: len(trials)])
    assert len(trials) == tried.index(alpha) + 1


@pytest.mark.parametrize("c", [0.0, 1e-2, 0.5])
@pytest.mark.parametrize("length", [0.1, 1.0, 5.0, 30.0])
def test_armijos_condition_holds_at_the_scale_answered(length, c):
    step = -length * ONES
    alpha, value = simple_linesearch(bowl, ONES, step, c=c, max_iter=60)
    assert 0 < alpha <= 1
    assert value <= bowl(0 * step).item() + alpha * c * (ONES @ step).item()


def test_defaults():
    """beta 0.8, c 1e-2, 20 trials."""
    f, points = recorded(lambda x: bowl(x) if x.abs().max() < 1e-8 else torch.tensor(1e9))
    with pytest.warns(UserWarning, match=FAILURE):
        simple_linesearch(f, ONES, -ONES)
    trials = [-p[0].item() for p in points if p.abs().sum() > 0]
    assert trials == pytest.approx([0.8**i for i in range(20)])


@pytest.mark.parametrize("max_iter", [1, 4])
def test_failure_warns_and_stays(max_iter):
    f, points = recorded(lambda x: x.abs().sum() + 2.5)
    with pytest.warns(UserWarning, match=FAILURE):
        alpha, value = simple_linesearch(f, -ONES, ONES, max_iter=max_iter)
    assert alpha == 0.0
    assert value == 2.5
    assert len([p for p in points if p.abs().sum() > 0]) == max_iter


def test_a_loss_that_is_no_number_is_no_decrease():
    def f(x):
        return bowl(x) if x.abs().max() < 0.7 else torch.tensor(math.nan)

    alpha, value = simple_linesearch(f, ONES, -ONES)
    assert alpha == pytest.approx(0.8**2)
    assert value == bowl(-alpha * ONES).item()


@pytest.mark.parametrize("step", [ONES, 0.01 * ONES])
def test_no_descent_direction_warns(step):
    with pytest.warns(UserWarning, match=r"`update_vec`-parameter in .* is not a descent direction"):
        simple_linesearch(lambda x: -bowl(x), ONES, step)


def test_no_warning_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simple_linesearch(bowl, ONES, -3 * ONES)


@pytest.mark.parametrize("options", [{"beta": 1.0}, {"beta": 1.5}, {"c": -1e-9}])
def test_out_of_bounds_is_refused(options):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        simple_linesearch(bowl, ONES, -ONES, **options)


@pytest.mark.parametrize(
    "options", [{"shrink": 0.0}, {"shrink": 1.0}, {"sufficient_decrease": -0.1}, {"max_iter": 0}]
)
def test_the_part_refuses_the_same(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        ArmijoBacktracking(**options)


@pytest.mark.parametrize(("share", "accepted"), [(0.02, True), (0.005, False)])
def test_in_a_step_one_percent_of_the_slopes_promise_is_enough(share, accepted):
    """The function falls by a constant share of what its slope, -1, promises."""
    search = ArmijoBacktracking()
    if accepted:
        assert search.search(lambda a: 1 - share * a, 1.0, -1.0, 1.0).scale == 1.0
    else:
        with pytest.warns(UserWarning, match=FAILURE):
            found = search.search(lambda a: 1 - share * a, 1.0, -1.0, 1.0)
        assert (found.scale, found.loss) == (0.0, 1.0)
        assert [scale for scale, _ in found.trials] == pytest.approx([0.8**i for i in range(20)])


@dataclass
class Listener:
    """A search that takes the whole step and remembers what it was told."""

    told: list = field(default_factory=list)

    def search(self, loss_along, loss_at_zero, slope, initial_scale):
        self.told.append((loss_at_zero, slope, initial_scale))
        return SearchResult(scale=1.0, loss=loss_along(1.0), trials=())


def test_in_a_step_the_slope_is_that_along_the_chosen_iterate():
    """Backtracking chose an earlier one than CG's last: its slope counts."""
    problem, listener = problems.make("bce"), Listener()
    before, g, loss = problem.vector(), problem.dense_gradient(), problem.forward()[0].item()
    opt = HessianFree.from_method(problem.parameters, Method(search=listener), lr=0.4)
    opt.step(problem.forward)
    assert opt.last_report.cg_chosen_iteration < opt.last_report.cg_iterations
    ((loss_at_zero, slope, initial_scale),) = listener.told
    assert loss_at_zero == loss
    assert slope == pytest.approx((g @ (problem.vector() - before)).item(), rel=1e-10)
    assert initial_scale == 0.4


def test_f_may_answer_numbers():
    alpha, value = simple_linesearch(lambda x: bowl(x).item(), ONES, -ONES)
    assert (alpha, value) == (1.0, 0.0)


def test_verbose_prints_and_otherwise_nothing(capsys):
    simple_linesearch(bowl, ONES, -ONES)
    assert capsys.readouterr().out == ""
    simple_linesearch(bowl, ONES, -ONES, verbose=True)
    assert capsys.readouterr().out != ""


@settings(deadline=None)
@given(
    length=st.floats(1e-3, 1e3),
    beta=st.floats(0.1, 0.95),
    c=st.floats(0, 0.4),
    initial=st.floats(0.01, 10),
)
def test_first_scale_of_the_sequence_that_fulfils_the_condition(length, beta, c, initial):
    trials = []

    def along(scale):
        trials.append(scale)
        return 0.5 * (1 - scale * length) ** 2

    found = ArmijoBacktracking(shrink=beta, sufficient_decrease=c, max_iter=300).search(
        along, 0.5, -length, initial
    )
    assert list(found.trials) == [(a, 0.5 * (1 - a * length) ** 2) for a in trials]
    good = [loss <= 0.5 - a * c * length for a, loss in found.trials]
    assert good == [False] * (len(good) - 1) + [True]
    assert (found.scale, found.loss) == found.trials[-1]
    assert found.scale == pytest.approx(initial * beta ** (len(good) - 1))
