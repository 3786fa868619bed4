"""When the time is up CG ends with what it has, and the step with it; and what the time is, is the caller's to say."""

import pytest
import torch

from engine import problems
from engine.indefinite import indefinite
from engine.linear_systems import system
from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import Damped
from hessianfree.execution import Execution
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.saddle_free import SaddleFree
from hessianfree.stopping import Deadline, Divergence, IterationLimit, RelativeProgress, ResidualTolerance
from hessianfree.trust_region import SteihaugToint


class Clock:
    """Stands still, but for a tick at every reading."""

    def __init__(self, tick=1.0):
        self.time, self.tick = 0.0, tick

    def now(self):
        self.time += self.tick
        return self.time


def deadline(at):
    """A clock's, that strikes `at`."""
    clock = Clock()
    return Deadline(seconds_left=lambda: at - clock.now())


def cg(*rules):
    return ConjugateGradient(max_iter=25, stopping=(*rules, IterationLimit()))


@pytest.mark.parametrize("iterations", [0, 1, 7])
def test_cg_ends_with_the_iterate_it_has(iterations):
    A, b = system()
    ended = cg(deadline(iterations + 1)).solve(lambda v: A @ v, b)
    longer = cg().solve(lambda v: A @ v, b)
    assert (ended.reason, ended.last, ended.products) == ("Deadline", iterations, iterations)
    assert ended.model_values == longer.model_values[: iterations + 1]
    by_its_limit = ConjugateGradient(max_iter=iterations, stopping=(IterationLimit(),))
    assert torch.equal(
        ended.iterates[iterations], by_its_limit.solve(lambda v: A @ v, b).iterates[iterations]
    )


def test_a_deadline_that_has_passed_leaves_the_start():
    A, b = system()
    x0 = torch.ones_like(b)
    solution = cg(deadline(0)).solve(lambda v: A @ v, b, x0)
    assert torch.equal(solution.iterates[0], x0)


@pytest.mark.parametrize(
    "solver",
    [
        AugmentedConjugateGradient(solver=cg(deadline(4))),
        SteihaugToint(radius=100.0, cg=cg(deadline(4))),
        SaddleFree(iterations=20, deadline=deadline(4)),
    ],
    ids=lambda solver: type(solver).__name__,
)
def test_every_solver_has_an_end(solver):
    A, b = system()
    solution = solver.solve(Damped(lambda v: A @ v, 0.1), b)
    assert (solution.reason, solution.last) == ("Deadline", 3)
    assert torch.isfinite(solution.iterates[3]).all()


def test_a_saddle_free_solve_without_time_is_no_step():
    B, b = indefinite()
    solution = SaddleFree(deadline=deadline(0)).solve(Damped(lambda v: B @ v, 0.1), b)
    assert (solution.reason, solution.last, solution.products) == ("Deadline", 0, 0)
    assert not solution.iterates[0].any()


@pytest.mark.parametrize("iterations", [0, 3])
def test_the_step_is_made_with_what_there_is(iterations):
    problem = problems.make("mse")
    opt = HessianFree.from_method(problem.parameters, Method(solver=cg(deadline(iterations + 1))))
    before = problem.forward()[0].item()
    after = opt.step(problem.forward)
    report = opt.last_report
    assert (report.cg_stop, report.cg_iterations) == ("Deadline", iterations)
    assert report.accepted is (iterations > 0)
    assert (after < before) is (iterations > 0)
    assert problem.forward()[0].item() == pytest.approx(after)


def test_without_one_nothing_asks_for_the_time():
    rules = (RelativeProgress(), IterationLimit(), Divergence(), ResidualTolerance())
    assert HessianFree(problems.make("mse").parameters).method.solver.stopping == rules
    assert Method().solver.stopping == rules
    assert SaddleFree().deadline is None


def test_a_steps_seconds_are_those_of_its_clock():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, execution=Execution(clock=Clock(tick=1000.0).now))
    opt.step(problem.forward)
    report = opt.last_report
    assert (report.seconds_gradient, report.seconds_cg, report.seconds_search) == (1000, 1000, 1000)
