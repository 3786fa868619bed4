"""What the reduction ratio compares: which loss, with which promise, and in which steps."""

import dataclasses
import itertools
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import problems
from hessianfree import HessianFree, Method
from hessianfree.batches import GrowingBatches
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import LastIterate
from hessianfree.damping import ConstantDamping, LevenbergMarquardt
from hessianfree.linesearch import FixedScale
from hessianfree.records import Agreement, Promise
from hessianfree.stopping import IterationLimit, ResidualTolerance

EXACT = ConjugateGradient(
    max_iter=None, stopping=(IterationLimit(), ResidualTolerance(relative=1e-12)), keep=()
)
UNDAMPED = LevenbergMarquardt(promise=Promise.UNDAMPED)


def with_more_data(problem):
    """The same model with twice the data, its own among it."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(problem.inputs.shape, generator=generator, dtype=torch.float64)
    return dataclasses.replace(
        problem,
        inputs=torch.cat([problem.inputs, inputs]),
        targets=torch.cat([problem.targets, problem.targets]),
    )


def linear_regression():
    """A problem whose quadratic model is the function itself."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 3, dtype=torch.float64)
        inputs, targets = torch.randn(12, 4).double(), torch.randn(12, 3).double()
    return problems.Problem(model=model, loss_function=torch.nn.MSELoss(), inputs=inputs, targets=targets)


# The rule


@given(
    damping=st.floats(1e-8, 1e8),
    ratio=st.floats(-10, 10),
    least=st.floats(0, 1e3),
    factor=st.floats(1, 1e6),
)
def test_damping_stays_within_its_bounds(damping, ratio, least, factor):
    rule = LevenbergMarquardt(least=least, most=least * factor)
    assert least <= rule.update(damping, Agreement(-ratio, -1.0)) <= least * factor


@given(damping=st.floats(1e-6, 1e6), ratio=st.floats(-10, 10), every=st.integers(1, 20))
def test_judged_seldom_it_moves_as_far_as_judged_often(damping, ratio, every):
    often, seldom = LevenbergMarquardt(), LevenbergMarquardt(every=every)
    moved = damping
    for _ in range(every):
        moved = often.update(moved, Agreement(-ratio, -1.0))
    assert seldom.update(damping, Agreement(-ratio, -1.0)) == pytest.approx(moved, rel=1e-12)
    assert sum(seldom.asks(step) is not None for step in range(3 * every)) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"least": -1.0}, "least=-1.0"),
        ({"least": 2.0, "most": 1.0}, "least=2.0, most=1.0"),
        ({"every": 0}, "every must be at least 1; got 0"),
    ],
)
def test_settings_out_of_bounds_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(**arguments)


def test_damping_moves_in_every_third_step_and_the_ratio_is_measured_only_there():
    problem = problems.make("mse")
    method = Method(damping=LevenbergMarquardt(every=3), selector=LastIterate())
    opt = HessianFree.from_method(problem.parameters, method, damping=1e4, lr=0.5)
    dampings, ratios = [], []
    for _ in range(6):
        opt.step(problem.forward)
        dampings.append(opt.param_groups[0]["damping"])
        ratios.append(opt.last_report.reduction_ratio)
    third = 1e4 * (2 / 3) ** 3
    assert dampings == pytest.approx([1e4, 1e4, third, third, third, third * (2 / 3) ** 3])
    assert [ratio is None for ratio in ratios] == [True, True, False, True, True, False]


def test_judging_seldom_resumes_to_the_bit():
    method = Method(damping=LevenbergMarquardt(every=3, promise=Promise.UNDAMPED))
    problem, other = problems.make("mse"), problems.make("mse")
    opt, restored = (HessianFree.from_method(p.parameters, method) for p in (problem, other))
    for _ in range(4):
        opt.step(problem.forward)
    other.model.load_state_dict(problem.model.state_dict())
    restored.load_state_dict(opt.state_dict())
    for _ in range(3):
        assert restored.step(other.forward) == opt.step(problem.forward)
        assert restored.param_groups[0]["damping"] == opt.param_groups[0]["damping"]


# The promise


@pytest.mark.parametrize("damping", [1e-3, 1.0, 1e3])
def test_of_a_quadratic_the_undamped_ratio_is_one_and_the_damped_between_one_and_two(damping):
    ratios = {}
    for promise in (Promise.DAMPED, Promise.UNDAMPED):
        problem = linear_regression()
        method = Method(solver=EXACT, damping=LevenbergMarquardt(promise=promise))
        opt = HessianFree.from_method(problem.parameters, method, damping=damping)
        B, g = problem.dense_ggn(), problem.dense_gradient()
        opt.step(problem.forward)
        ratios[promise] = opt.last_report.reduction_ratio
        assert opt.last_trace.agreement.promise is promise
    x = torch.linalg.solve(B + damping * torch.eye(len(g), dtype=g.dtype), -g)
    curvature, length = x @ B @ x, damping * x @ x
    assert ratios[Promise.UNDAMPED] == pytest.approx(1.0, rel=1e-8)
    expected = (curvature + 2 * length) / (curvature + length)
    assert ratios[Promise.DAMPED] == pytest.approx(expected.item(), rel=1e-8)
    assert 1 <= ratios[Promise.DAMPED] <= 2


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_the_undamped_promise_is_that_of_the_model_whatever_the_groups_dampings(weight_decay):
    problem = problems.make("mse")
    first, *rest = problem.parameters
    groups = [{"params": [first], "damping": 0.1}, {"params": rest, "damping": 5.0}]
    opt = HessianFree.from_method(groups, Method(damping=UNDAMPED), weight_decay=weight_decay)
    origin = problem.vector()
    g = problem.dense_gradient() + weight_decay * origin
    B = problem.dense_ggn() + weight_decay * torch.eye(problem.dimension, dtype=torch.float64)
    opt.step(problem.forward)
    x = opt.state["x0"] / 0.95
    assert opt.last_trace.agreement.predicted == pytest.approx((g @ x + 0.5 * x @ B @ x).item(), rel=1e-10)


# The data


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize(("weight_decay", "maximize"), [(0.0, False), (0.3, False), (0.0, True)])
def test_the_judge_holds_its_change_against_half_its_slope(way, weight_decay, maximize):
    problem = problems.make("cross-entropy")
    judge = with_more_data(problem)
    sign = -1 if maximize else 1
    opt = HessianFree(problem.parameters, weight_decay=weight_decay, maximize=maximize, damping=50.0)
    if maximize:  # -f is concave: enough damping for a positive definite matrix
        assert torch.linalg.eigvalsh(problem.dense_ggn())[-1] < 50.0
    origin = problem.vector()
    slope = sign * judge.dense_gradient() + weight_decay * origin

    def penalized(vector):
        return sign * judge.loss_at(vector) + 0.5 * weight_decay * vector @ vector

    if way == "step":
        opt.step(problem.forward, judge_forward=lambda: (judge.forward()[0], None))
    else:
        opt.acc_step(
            problem.model, problem.loss_function, problem.batches(), judge_datalist=judge.batches((16, 8))
        )
    x = opt.state["x0"] / 0.95
    agreement = opt.last_trace.agreement
    assert agreement.promise is Promise.HALF_SLOPE
    actual = penalized(origin + x) - penalized(origin)
    assert agreement.actual == pytest.approx(actual.item(), rel=1e-8)
    assert agreement.predicted == pytest.approx(-0.5 * abs((slope @ x).item()), rel=1e-8)
    assert opt.last_report.reduction_ratio == agreement.ratio


@given(best=st.floats(0.1, 10.0))
@settings(max_examples=20, deadline=None)
def test_on_a_parabola_the_ratio_tells_where_its_minimum_is(best):
    """At `best` times the step of a function whose minimum is the step: 2 - 1/best."""
    x = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    opt = HessianFree([x], "hessian", damping=0.0, adapt_damping=False)
    opt.method = dataclasses.replace(opt.method, damping=LevenbergMarquardt())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a ratio below 0 is warned of
        opt.step(
            lambda: ((x - 1).square().sum(), None), judge_forward=lambda: ((x - best).square().sum(), None)
        )
    assert opt.last_report.reduction_ratio == pytest.approx(2 - 1 / best, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("promise", [Promise.DAMPED, Promise.UNDAMPED])
def test_judged_by_its_own_data_a_solved_step_has_the_usual_ratio(promise):
    problem, same = problems.make("mse"), problems.make("mse")
    method = Method(solver=EXACT, damping=LevenbergMarquardt(promise=promise))
    opt = HessianFree.from_method(problem.parameters, method)
    usual = HessianFree.from_method(same.parameters, Method(solver=EXACT))
    opt.step(problem.forward, judge_forward=problem.forward)
    usual.step(same.forward)
    assert opt.last_report.reduction_ratio == pytest.approx(usual.last_report.reduction_ratio, rel=1e-9)


def test_the_judge_changes_the_damping_and_nothing_else_of_the_step():
    """Model, search and reported losses are those of the step's own data."""
    problem, same = problems.make("mse"), problems.make("mse")
    opt, plain = HessianFree(problem.parameters, damping=10.0), HessianFree(same.parameters, damping=10.0)
    with pytest.warns(UserWarning, match="ratio"):
        opt.step(problem.forward, judge_forward=lambda: (-problem.forward()[0], None))
    plain.step(same.forward)
    assert torch.equal(problem.vector(), same.vector())
    assert opt.last_report.loss_after == plain.last_report.loss_after
    assert opt.param_groups[0]["damping"] == 15.0
    assert plain.param_groups[0]["damping"] == pytest.approx(20 / 3)


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_the_judge_costs_a_gradient_and_a_loss_of_its_data(way):
    problem, same = problems.make("mse"), problems.make("mse")
    judge = with_more_data(problem)
    opt, plain = HessianFree(problem.parameters), HessianFree(same.parameters)
    if way == "step":
        opt.step(problem.forward, judge_forward=judge.forward)
        plain.step(same.forward)
    else:
        batches = judge.batches((24,))
        opt.acc_step(problem.model, problem.loss_function, problem.batches(), judge_datalist=batches)
        plain.acc_step(same.model, same.loss_function, same.batches())
    more = opt.last_report.gradient_equivalents - plain.last_report.gradient_equivalents
    # The solution's own loss is known to the search.
    assert more == pytest.approx(2 * 4 / 3)


def test_data_that_fits_itself_alone_lowers_its_damping_for_ever_and_with_a_judge_does_not():
    """Least squares with fewer cases a batch than parameters, solved exactly: every batch is fitted, noise and all."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 40, generator=generator, dtype=torch.float64)
    targets = inputs.sum(1, keepdim=True) + torch.randn(400, 1, generator=generator, dtype=torch.float64)
    dampings, losses = {}, {}
    for judge_share in (1.0, 4.0):
        model = torch.nn.Linear(40, 1, bias=False, dtype=torch.float64)
        torch.nn.init.zeros_(model.weight)
        batches = GrowingBatches(inputs, targets, first=20, judge_share=judge_share)
        method = Method(selector=LastIterate(), search=FixedScale(), warm_start=0.0)
        opt = HessianFree.from_method(model.parameters(), method)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ratios below 0
            for data in itertools.islice(batches, 80):
                opt.acc_step(model, torch.nn.MSELoss(), **data.lists)
        dampings[judge_share] = opt.param_groups[0]["damping"]
        losses[judge_share] = torch.nn.functional.mse_loss(model(inputs), targets).item()
    assert dampings[1.0] < 1e-12
    assert 1e-2 < dampings[4.0] < 1e2
    least = (inputs @ torch.linalg.lstsq(inputs, targets).solution - targets).square().mean().item()
    assert losses[4.0] - least < 0.7 * (losses[1.0] - least)


def test_nobody_asks_nobody_judges():
    problem = problems.make("mse")
    method = Method(damping=ConstantDamping())
    opt = HessianFree.from_method(problem.parameters, method)

    def never():
        raise AssertionError("judged")

    opt.step(problem.forward, judge_forward=never)
    assert opt.last_report.reduction_ratio is None
    assert opt.last_trace.agreement is None


def test_dropout_is_judged_with_the_mask_of_the_step_and_leaves_generators_alone():
    """The same data as judge: the same losses to the bit, which only the same mask can give."""
    problem = problems.make("mse")
    net = torch.nn.Sequential(problem.model, torch.nn.Dropout(0.5))
    torch.manual_seed(0)

    def forward():
        outputs = net(problem.inputs)
        return problem.loss_function(outputs, problem.targets), outputs

    opt = HessianFree.from_method(problem.parameters, Method(selector=LastIterate()))
    opt.step(forward, judge_forward=forward)
    agreement = opt.last_trace.agreement
    assert agreement.actual == opt.last_report.loss_after - opt.last_report.loss
    after = torch.get_rng_state()
    torch.manual_seed(0)
    forward()
    assert torch.equal(after, torch.get_rng_state())


def test_a_judge_that_is_no_number_is_distrust():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, damping=2.0)
    opt.step(problem.forward, judge_forward=lambda: (math.nan * problem.forward()[0], None))
    assert opt.param_groups[0]["damping"] == 3.0
