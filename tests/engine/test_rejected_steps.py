"""reject_worse: a step that would make the loss higher, NaN or infinite is not taken, and the next one differs."""

import math

import pytest
import torch

from engine import problems
from engine.runs import advance, assert_same_bits, bits
from hessianfree import HessianFree, Method
from hessianfree.acceptance import AcceptAny, RejectWorse
from hessianfree.damping import ConstantDamping, LevenbergMarquardt
from hessianfree.records import Memory

# A far too long step without a search: the loss rises.
TOO_FAR = {"lr": 50.0, "use_linesearch": False}
LOOSE = pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
ALL_LOOSE = pytest.mark.filterwarnings("ignore::UserWarning")


def after_a_step(value):
    """A closure that is sound at the start and answers `value` wherever else it is asked."""
    problem = problems.make("mse")
    start = problem.vector()

    def forward():
        loss, outputs = problem.forward()
        return (loss if torch.equal(problem.vector(), start) else loss * 0 + value), outputs

    return problem, forward


# What is rejected


@LOOSE
@pytest.mark.parametrize("way", ["forward", "model"])
@pytest.mark.parametrize("adapt_damping", [True, False])
def test_a_worse_step_is_not_taken(adapt_damping, way):
    problem = problems.make("mse")
    before, loss = bits(problem), problem.forward()[0].item()
    opt = HessianFree(problem.parameters, adapt_damping=adapt_damping, reject_worse=True, **TOO_FAR)
    assert advance(opt, problem, way) == pytest.approx(loss, rel=1e-14)
    assert_same_bits(problem, before)
    report = opt.last_report
    assert (report.accepted, report.step_scale, report.step_norm) == (False, 0.0, 0.0)
    assert report.rejection.startswith("the loss would be worse by ")
    assert report.loss_after == report.loss
    assert opt.state["learning_rates"] == [0.0]
    assert opt.state["final_losses"] == opt.state["init_losses"]


def test_the_default_takes_it_as_ever():
    problem = problems.make("mse")
    loss = problem.forward()[0].item()
    opt = HessianFree(problem.parameters, **TOO_FAR)
    final = opt.step(problem.forward)
    assert final > loss
    assert final == problem.forward()[0].item()
    assert opt.last_report.accepted is True
    assert opt.last_report.rejection is None
    assert opt.method.acceptance == Method().acceptance == AcceptAny()


@ALL_LOOSE
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_not_taken(value):
    problem, forward = after_a_step(value)
    before = bits(problem)
    opt = HessianFree(problem.parameters, reject_worse=True, use_linesearch=False)
    opt.step(forward)
    assert_same_bits(problem, before)
    assert opt.last_report.rejection == "the loss after the step would not be finite"
    assert opt.state["x0"].isfinite().all()


@ALL_LOOSE
@pytest.mark.parametrize("use_linesearch", [True, False])
def test_a_bad_starting_point_is_told(use_linesearch):
    problem = problems.make("mse")
    before = bits(problem)
    opt = HessianFree(problem.parameters, reject_worse=True, use_linesearch=use_linesearch)

    def bad():
        outputs = problem.model(problem.inputs * math.nan)
        return problem.loss_function(outputs, problem.targets), outputs

    assert math.isnan(opt.step(bad))
    assert_same_bits(problem, before)
    assert opt.last_report.accepted is False
    assert opt.last_report.rejection == "the loss is not a number where the step starts"
    good = problem.forward()[0].item()
    assert opt.step(problem.forward) < good
    assert opt.last_report.rejection is None


@LOOSE
def test_when_maximizing_lower_is_worse():
    problem = problems.make("mse")
    before, value = bits(problem), -problem.forward()[0].item()
    opt = HessianFree(problem.parameters, "hessian", damping=8.0, maximize=True, reject_worse=True, **TOO_FAR)
    assert opt.step(lambda: (-problem.forward()[0], None)) == value
    assert_same_bits(problem, before)
    assert opt.last_report.rejection.startswith("the loss would be worse by ")


# What follows


@LOOSE
@pytest.mark.parametrize("method", [Method(damping=ConstantDamping()), Method(damping=LevenbergMarquardt())])
@pytest.mark.parametrize("damping", [0.0, 2.0])
def test_the_damping_is_raised_whatever_its_policy(method, damping):
    problem = problems.make("mse")
    parts = Method(
        damping=method.damping,
        search=HessianFree([torch.nn.Parameter(torch.ones(1))], use_linesearch=False).method.search,
        acceptance=RejectWorse(grow=4.0, least=0.25),
    )
    groups = [{"params": problem.parameters[:2], "damping": 10.0}, {"params": problem.parameters[2:]}]
    opt = HessianFree.from_method(groups, parts, damping=damping, lr=100.0)
    opt.step(problem.forward)
    assert opt.last_report.accepted is False
    assert [group["damping"] for group in opt.param_groups] == [40.0, max(0.25, 4 * damping)]


def test_a_policy_that_raises_more_has_its_way():
    before, after = (
        Memory(dampings=(1.0,), learning_rates=(1.0,)),
        Memory(dampings=(9.0,), learning_rates=(1.0,)),
    )
    assert RejectWorse().after_rejection(before, after).dampings == (9.0,)


@LOOSE
def test_a_fixed_damping_rises_until_a_step_is_taken():
    """On one fixed function the optimizer is deterministic: without the raise it would be rejected for ever."""
    problem = problems.make("mse")
    loss = problem.forward()[0].item()
    opt = HessianFree(problem.parameters, adapt_damping=False, reject_worse=True, **TOO_FAR)
    dampings = []
    for _ in range(40):
        dampings.append(opt.param_groups[0]["damping"])
        opt.step(problem.forward)
        if opt.last_report.accepted:
            break
    assert len(dampings) > 2
    assert dampings == pytest.approx([1.5**i for i in range(len(dampings))])
    assert problem.forward()[0].item() < loss
    assert opt.param_groups[0]["damping"] == dampings[-1]


@LOOSE
def test_cg_starts_afresh_after_a_rejection():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, reject_worse=True)
    opt.step(problem.forward)
    assert opt.state["x0"].any()
    opt.param_groups[0]["lr"] = 50.0
    opt.method = HessianFree(problem.parameters, reject_worse=True, use_linesearch=False).method
    opt.step(problem.forward)
    assert opt.last_report.accepted is False
    assert not opt.state["x0"].any()
    opt.param_groups[0]["lr"] = 0.1
    opt.step(problem.forward)
    assert opt.last_report.accepted is True
    assert opt.last_trace.model_values[0] == 0.0


@ALL_LOOSE
def test_a_search_that_finds_nothing_raises_the_damping_too():
    """Otherwise a deterministic step with a fixed damping would be the same for ever."""
    problem = problems.make("mse")
    settings = {"adapt_damping": False, "use_cg_backtracking": False}
    for reject_worse, damping in [(False, 1.0), (True, 1.5)]:
        opt = HessianFree(problem.parameters, reject_worse=reject_worse, **settings)
        opt.step(problem.forward, grad=-problem.dense_gradient())
        assert opt.last_report.accepted is False
        assert opt.last_report.rejection == "the search found nothing better than the starting point"
        assert opt.param_groups[0]["damping"] == damping
        assert bool(opt.state["x0"].any()) is not reject_worse


@ALL_LOOSE
def test_backtracking_that_ends_at_zero_says_so():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, cg_max_iter=1, use_linesearch=False, reject_worse=True)
    opt.step(problem.forward, grad=-problem.dense_gradient())
    assert opt.last_report.cg_chosen_iteration == 0
    assert (
        opt.last_report.rejection
        == "backtracking over the CG iterates found nothing better than the starting point"
    )
    assert opt.param_groups[0]["damping"] == 1.5


@pytest.mark.parametrize("reject_worse", [False, True])
def test_nothing_to_do_is_no_reason_to_raise_the_damping(reject_worse):
    x = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    opt = HessianFree([x], "hessian", reject_worse=reject_worse)
    opt.step(lambda: ((x**2).sum(), None))
    assert (opt.last_report.accepted, opt.last_report.rejection) == (False, "the gradient is 0")
    assert opt.param_groups[0]["damping"] == 1.0
    opt.param_groups[0]["lr"] = 0.0
    opt.step(lambda: ((x - 1).square().sum(), None))
    assert (opt.last_report.accepted, opt.last_report.rejection) == (False, "the learning rate is 0")
    assert opt.param_groups[0]["damping"] <= 1.0


def test_good_steps_are_the_same_with_and_without():
    problem, other = problems.make("cross-entropy"), problems.make("cross-entropy")
    careful, plain = HessianFree(problem.parameters, reject_worse=True), HessianFree(other.parameters)
    for _ in range(4):
        assert careful.step(problem.forward) == plain.step(other.forward)
    assert torch.equal(problem.vector(), other.vector())


@LOOSE
def test_the_line_for_a_person_says_so(capsys):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, reject_worse=True, verbose=True, **TOO_FAR)
    opt.step(problem.forward)
    assert f"rejected: {opt.last_report.rejection}" in capsys.readouterr().out


@pytest.mark.parametrize("setting", [{"grow": 1.0}, {"grow": 0.5}, {"least": 0.0}, {"least": -1.0}])
def test_what_cannot_raise_is_refused(setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"{name} must be above .*; got {setting[name]}"):
        RejectWorse(**setting)


@pytest.mark.parametrize(
    ("loss", "loss_after", "taken"),
    [(1.0, 1.0, True), (1.0, 0.5, True), (1.0, 1.0001, False), (math.inf, 1.0, True), (-3.0, -2.0, False)],
)
def test_equal_is_not_worse(loss, loss_after, taken):
    assert (RejectWorse().objection(loss, loss_after) is None) is taken
    assert AcceptAny().objection(loss, loss_after) is None
