"""However curvature products are made, a resumed run and a copy make them in the same way, to the bit."""

import copy

import pytest

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree, Method
from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.execution import Execution

NAME = "cross-entropy"  # in `acc_step`, replayed products are seen to round differently
PRODUCTS = pytest.mark.parametrize("products", ["plain", "recorded"])


def begun(products, way, steps=3):
    problem = problems.make(NAME)
    opt = HessianFree(problem.parameters, execution=Execution(products=products))
    for _ in range(steps):
        advance(opt, problem, way)
    return problem, opt


def go_on(opt, problem, way):
    losses = [advance(opt, problem, way) for _ in range(3)]
    return losses, problem.vector().tolist()


def test_the_ways_differ_by_rounding():
    """Or nothing below could fail."""
    assert go_on(*reversed(begun("plain", "model")), "model") != go_on(
        *reversed(begun("recorded", "model")), "model"
    )


@PRODUCTS
@pytest.mark.parametrize("way", ["forward", "model"])
def test_a_resumed_run_goes_on_to_the_bit(way, products):
    problem, opt = begun(products, way)
    other = copy.deepcopy(problem)
    resumed = HessianFree(other.parameters, execution=opt.execution)
    resumed.load_state_dict(opt.state_dict())
    assert go_on(resumed, other, way) == go_on(opt, problem, way)


@PRODUCTS
@pytest.mark.parametrize("way", ["forward", "model"])
def test_a_copy_goes_on_to_the_bit(way, products):
    problem, opt = begun(products, way)
    other, twin = copy.deepcopy((problem, opt))
    assert go_on(twin, other, way) == go_on(opt, problem, way)


@PRODUCTS
def test_what_auto_has_chosen_is_not_chosen_again(products):
    problem, opt = begun(products, "model")
    saved = opt.state_dict()
    saved["state"]["products"] = products  # as a run has it whose measurements ended so
    other = copy.deepcopy(problem)
    resumed = HessianFree(other.parameters, execution=Execution(products="auto"))
    resumed.load_state_dict(saved)
    third, twin = copy.deepcopy((other, resumed))
    expected = go_on(opt, problem, "model")
    assert go_on(resumed, other, "model") == expected
    assert go_on(twin, third, "model") == expected
    assert resumed.state["products"] == resumed.state_dict()["state"]["products"] == products


def test_a_choice_by_hand_is_not_overruled():
    problem, opt = begun("plain", "model")
    saved = opt.state_dict()
    saved["state"]["products"] = "recorded"
    other = copy.deepcopy(problem)
    resumed = HessianFree(other.parameters, execution=Execution(products="plain"))
    resumed.load_state_dict(saved)
    assert go_on(resumed, other, "model") == go_on(opt, problem, "model")


@pytest.mark.parametrize("products", ["plain", "recorded", "auto"])
def test_where_nothing_was_measured_nothing_is_remembered(products):
    _, opt = begun(products, "forward", steps=1)
    assert "products" not in opt.state


def test_a_choice_survives_a_copy_of_the_part():
    part = copy.deepcopy(RecordedProducts(GaussNewton, measured=True, chosen="recorded"))
    assert part.chosen == "recorded"
    assert RecordedProducts(GaussNewton, measured=True).chosen is None


class Clock:
    """Each reading is a second later than the one before, and each plain product takes `seconds` more."""

    def __init__(self, seconds):
        self.now, self._seconds, self.product_cost = 0.0, seconds, GaussNewton.product_cost

    def read(self):
        self.now += 1.0
        return self.now

    def __call__(self, loss, outputs, parameters):
        plain = GaussNewton(loss, outputs, parameters)
        return Slowed(plain, self)

    def pass_by(self):
        self.now += self._seconds


class Slowed:
    product_cost = GaussNewton.product_cost

    def __init__(self, plain, clock):
        self._plain, self._clock, self.gradient = plain, clock, plain.gradient

    def __call__(self, vector):
        self._clock.pass_by()
        return self._plain(vector)


@pytest.mark.parametrize(("seconds", "choice"), [(0.0, "plain"), (9.0, "recorded")])
def test_what_measurements_choose_is_remembered(seconds, choice):
    problem, clock = problems.make(NAME), Clock(seconds)
    measured = RecordedProducts(clock, measured=True, clock=clock.read)
    opt = HessianFree.from_method(
        problem.parameters, Method(curvature=measured), execution=Execution(products="plain")
    )
    for _ in range(3):
        opt.step(problem.forward)
    assert opt.state_dict()["state"]["products"] == choice
