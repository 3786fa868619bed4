"""A step that fails leaves the parameters as they were, to the bit: something raised, or the numbers ended."""

import pytest
import torch

from engine import problems
from engine.runs import advance, assert_same_bits, bits
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters


class Interruption(BaseException):
    """Not an Exception: as a KeyboardInterrupt is none."""


class Failing:
    """Calls through to a function until the call number `at`, which raises; `at` None: counts only."""

    def __init__(self, function, at=None, error=Interruption):
        self.function, self.at, self.error, self.calls = function, at, error, 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return self.function(*arguments)


# A learning rate of two makes the line search try several points.
SETTINGS = {"damping": 2.0, "lr": 2.0}


@pytest.mark.parametrize("way", ["forward", "mvp", "M_func", "model", "loss_function"])
def test_whatever_call_raises_the_parameters_are_untouched(way):
    """Every n in turn; afterwards the optimizer goes on as if nothing had been."""
    undisturbed = problems.make("mse-sum")
    opt = HessianFree(undisturbed.parameters, **SETTINGS)
    counter = None
    for _ in range(2):
        counter = Failing(lambda *a: None)
        advance(opt, undisturbed, way, lambda f, c=counter: _through(c, f))
    for at in range(1, counter.calls + 1):
        problem = problems.make("mse-sum")
        opt = HessianFree(problem.parameters, **SETTINGS)
        advance(opt, problem, way)
        before, damping, start = bits(problem), opt.param_groups[0]["damping"], opt.state["x0"].clone()
        with pytest.raises(Interruption):
            advance(opt, problem, way, lambda f, at=at: Failing(f, at))
        assert_same_bits(problem, before)
        assert all(p.requires_grad for p in problem.parameters)
        assert opt.param_groups[0]["damping"] == damping
        assert torch.equal(opt.state["x0"], start)
        assert len(opt.state["init_losses"]) == len(opt.state["dampings"]) == 1
        advance(opt, problem, way)
        assert_same_bits(problem, bits(undisturbed))


def _through(counter, function):
    counter.function = function
    return counter


def test_the_calls_above_reach_every_phase():
    """Linearization, the last iterate, backtracking, and several trials of the line search."""
    problem = problems.make("mse-sum")
    opt = HessianFree(problem.parameters, **SETTINGS)
    opt.step(problem.forward)
    opt.step(problem.forward)
    assert len(opt.last_trace.line_search) > 1
    assert sum(loss is not None for _, loss in opt.last_trace.kept) > 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_trial_restores_to_the_bit(error):
    """Also where adding and subtracting the step would not: 1e8 swallows the parameters."""
    problem = problems.make("mse")
    view = Parameters([problem.parameters])
    before = bits(problem)
    step = torch.full((problem.dimension,), 1e8, dtype=torch.float64)

    def fail_at_trial():
        with view.trial(step):
            assert problem.vector().min() > 1e7
            raise error

    with pytest.raises(error):
        fail_at_trial()
    assert_same_bits(problem, before)
    with view.trial(step):
        pass
    assert_same_bits(problem, before)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("switches", [{}, {"use_cg_backtracking": False}, {"cg_decay_x0": 0.0}], ids=str)
def test_one_bad_batch_does_not_poison_the_rest(switches):
    """A loss that is no number: the step is rejected, the parameters stay, and the next good batch trains on."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, **switches)
    opt.step(problem.forward)
    before = bits(problem)

    def bad():
        outputs = problem.model(problem.inputs * float("nan"))
        return problem.loss_function(outputs, problem.targets), outputs

    opt.step(bad)
    assert opt.last_report.accepted is False
    assert_same_bits(problem, before)
    good = problem.forward()[0].item()
    for _ in range(3):
        final = opt.step(problem.forward)
    assert final < good


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("switches", [{}, {"use_cg_backtracking": False}], ids=str)
def test_a_product_that_overflows_does_not_poison_the_parameters(switches, value):
    """The iterate is no number then, and neither is zero times it."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, **switches)
    before = bits(problem)
    final = opt.step(problem.forward, mvp=lambda v: v * value)
    assert_same_bits(problem, before)
    assert final == problem.forward()[0].item()
    opt.step(problem.forward)
    assert opt.last_report.accepted
    assert opt.last_report.loss_after < final


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_rejected_step_leaves_the_parameters():
    """A gradient that points uphill: the line search finds nothing."""
    problem = problems.make("mse")
    before = bits(problem)
    opt = HessianFree(problem.parameters)
    final = opt.step(problem.forward, grad=-problem.dense_gradient())
    assert_same_bits(problem, before)
    assert final == problem.forward()[0].item()
    report = opt.last_report
    assert (report.accepted, report.step_scale, report.step_norm) == (False, 0.0, 0.0)
    assert opt.state["learning_rates"] == [0.0]
