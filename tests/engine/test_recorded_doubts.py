"""Plain curvature products wherever replayed ones are in doubt, slower, or not asked for."""

import copy
import gc
import itertools
import pickle
import warnings

import pytest
import torch
from torch import nn

from engine import problems
from engine.problems import Problem
from engine.replaying import (
    CURVATURES,
    aten,
    kernels_of,
    replaying,
    vectors,
    with_tokens,
)
from hessianfree.curvature import GaussNewton
from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters


class Bent(nn.Module):
    """A kernel's argument, `slope`, is a number of the script."""

    def __init__(self):
        super().__init__()
        self.inner, self.slope = nn.Linear(4, 3), 1.0

    def forward(self, x):
        return nn.functional.leaky_relu(self.inner(x), self.slope)


def bent():
    torch.manual_seed(0)
    return Problem(
        model=Bent().double(),
        loss_function=nn.MSELoss(),
        inputs=torch.randn(6, 4, dtype=torch.float64),
        targets=torch.randn(6, 3, dtype=torch.float64),
    )


def assert_right(problem, build):
    curvature = build(*problem.forward(), Parameters([problem.parameters]))
    matrix = problem.dense("ggn")
    for v in vectors(problem, 4):
        assert torch.allclose(curvature(v), matrix @ v, rtol=1e-10)
    return curvature


def test_a_number_that_changes_in_the_script_is_noticed():
    problem = bent()
    build = RecordedProducts(GaussNewton, measured=False)
    for problem.model.slope in (0.1, 0.1, 0.3, 0.3, 0.2):
        curvature = assert_right(problem, build)
    plain = GaussNewton(*problem.forward(), Parameters([problem.parameters]))
    assert kernels_of(curvature, problem).total() < kernels_of(plain, problem).total()


def test_numbers_that_change_all_the_time_make_products_plain_and_one_warning():
    problem = bent()
    build = RecordedProducts(GaussNewton, measured=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(12):
            problem.model.slope = 0.05 * (step + 1)
            assert_right(problem, build)
    assert [str(w.message) for w in caught] == [
        "Curvature products are not replayed from a recording: 8 recordings did not serve for long. "
        "Plain ones are made instead."
    ]


class Hooked(nn.Module):
    """A layer whose gradients pass through `hook`."""

    def __init__(self, hook):
        super().__init__()
        self.inner, self._hook = nn.Linear(4, 3).double(), hook

    def forward(self, x):
        outputs = self.inner(x)
        if outputs.requires_grad:
            outputs.register_hook(self._hook)
        return outputs


def shared_memory(gradient):
    """Adds nothing, by way of an array that shares the gradient's memory."""
    return gradient + 0 * torch.from_numpy(gradient.detach().numpy())


def copied_memory(gradient):
    """The gradient itself, half of it by way of numbers that no kernel shows, where no graph is asked for."""
    if torch.is_grad_enabled():
        return gradient
    return 0.5 * gradient + torch.tensor((0.5 * gradient).tolist(), dtype=torch.float64)


def number_on_the_host(gradient):
    return gradient * (2.0 if gradient.detach().abs().sum().item() < 0 else 1.0)


def random_numbers(gradient):
    return gradient + 0 * torch.rand_like(gradient)


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (number_on_the_host, "to the host"),
        (random_numbers, "random numbers"),
        # Which of the two is seen first depends on where the allocator put the copy.
        (shared_memory, "memory that depends on the vector|autograd did not save"),
        (copied_memory, "memory that depends on the vector|autograd did not save"),
    ],
)
def test_what_no_recording_can_replay_stays_plain_and_right(hook, reason):
    torch.manual_seed(0)
    problem = Problem(
        model=Hooked(hook),
        loss_function=nn.MSELoss(),
        inputs=torch.randn(6, 4, dtype=torch.float64),
        targets=torch.randn(6, 3, dtype=torch.float64),
    )
    unhooked = copy.deepcopy(problem)
    unhooked.model._hook = lambda gradient: gradient
    matrix = unhooked.dense("ggn")
    build = RecordedProducts(GaussNewton, measured=False)
    curvature = build(*problem.forward(), Parameters([problem.parameters]))
    first, *others = vectors(problem, 4)
    assert torch.allclose(curvature(first), matrix @ first, rtol=1e-10)
    with pytest.warns(UserWarning, match=reason):
        products = [curvature(v) for v in others]
    for v, product in zip(others, products, strict=True):
        assert torch.allclose(product, matrix @ v, rtol=1e-10)


class FakeTime:
    """A clock that only plain products move."""

    def __init__(self, plain, *, seconds):
        self.now, self._plain, self._seconds = 0.0, plain, seconds
        self.product_cost = plain.product_cost

    def __call__(self, loss, outputs, parameters):
        return TakingTime(self._plain(loss, outputs, parameters), self)

    def clock(self):
        return self.now

    def pass_by(self):
        self.now += self._seconds


class TakingTime:
    def __init__(self, curvature, time):
        self._curvature, self._time, self.product_cost = curvature, time, curvature.product_cost

    def gradient(self):
        return self._curvature.gradient()

    def __call__(self, vector):
        self._time.pass_by()
        return self._curvature(vector)


def test_measuring_begins_after_a_second_of_plain_products_and_replays_what_is_faster():
    problem = problems.make("cross-entropy")
    time = FakeTime(GaussNewton, seconds=0.25)
    build = RecordedProducts(time, measured=True, clock=time.clock)
    early = replaying(problem, build, products=4)
    assert time.now == 1.0
    early(vectors(problem, 1)[0])
    assert time.now == 1.25
    late = replaying(problem, build, products=2)
    spent = time.now
    late(vectors(problem, 1)[0])
    assert time.now == spent  # no plain product any more


def test_measuring_leaves_products_plain_that_replaying_would_not_speed_up():
    problem = problems.make("cross-entropy")
    ticks = itertools.count()  # every product takes as long as any other
    build = RecordedProducts(GaussNewton, measured=True, clock=lambda: float(next(ticks)))
    replaying(problem, build, products=1)
    assert build.chosen is None
    curvature = replaying(problem, build)
    assert build.chosen == "plain"
    plain = GaussNewton(*problem.forward(), Parameters([problem.parameters]))
    assert kernels_of(curvature, problem)[aten.mm.default] == kernels_of(plain, problem)[aten.mm.default]


def test_the_graph_is_let_go_once_its_products_are_replayed():
    problem = problems.make("mse")
    seen = with_tokens(problem)
    build = RecordedProducts(GaussNewton, measured=False)
    waiting = replaying(problem, build, products=1)
    assert seen[-1]() is not None
    waiting(vectors(problem, 1)[0])
    assert seen[-1]() is None


def test_recording_draws_no_random_number_of_the_user():
    problem = problems.make("mse")
    before = torch.get_rng_state()
    replaying(problem, RecordedProducts(GaussNewton, measured=False))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("way", ["step", "acc_step", "acc_step without memory"])
def test_steps_are_those_of_plain_products(way, curvature_opt):
    losses = {}
    for products in ("plain", "recorded"):
        problem = problems.make("cross-entropy")
        execution = Execution(products=products, graph_memory_bytes=0 if "without" in way else 2**30)
        opt = HessianFree(problem.parameters, curvature_opt, cg_max_iter=8, execution=execution)
        losses[products] = [
            opt.step(problem.forward)
            if way == "step"
            else opt.acc_step(problem.model, problem.loss_function, problem.batches())
            for _ in range(4)
        ]
    assert losses["recorded"] == pytest.approx(losses["plain"], rel=1e-9)


def trained(problem, opt, steps):
    return [opt.step(problem.forward) for _ in range(steps)]


def test_what_takes_no_second_is_not_recorded_unless_asked():
    problems_, losses = [problems.make("mse") for _ in range(2)], []
    for problem, products in zip(problems_, ("plain", "auto"), strict=True):
        losses.append(
            trained(problem, HessianFree(problem.parameters, execution=Execution(products=products)), 4)
        )
    assert losses[0] == losses[1]


def test_where_torch_is_told_to_be_deterministic_products_are_plain():
    problem = problems.make("mse")
    ticks = itertools.count(step=100)
    build = RecordedProducts(GaussNewton, measured=True, clock=lambda: float(next(ticks)))
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("warn")
    try:
        for _ in range(3):
            assert type(replaying(problem, build)) is GaussNewton
    finally:
        torch.set_deterministic_debug_mode(mode)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_of_an_optimizer_record_for_themselves_and_go_on_alike(copied):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, execution=Execution(products="recorded"))
    trained(problem, opt, 2)
    model, twin = copied((problem.model, opt))
    other = Problem(
        model=model, loss_function=problem.loss_function, inputs=problem.inputs, targets=problem.targets
    )
    assert trained(other, twin, 3) == pytest.approx(trained(problem, opt, 3), rel=1e-9)


def test_an_unknown_way_to_products_is_refused():
    with pytest.raises(ValueError, match='"auto", "plain" or "recorded"; got \'fast\''):
        Execution(products="fast")


@pytest.mark.parametrize("products", ["plain", "recorded"])
def test_no_graph_outlives_its_step(products):
    problem = problems.make("mse")
    seen = with_tokens(problem)
    opt = HessianFree(problem.parameters, execution=Execution(products=products))
    for _ in range(2):
        opt.step(problem.forward)
        opt.acc_step(problem.model, problem.loss_function, problem.batches())
    gc.collect()
    assert seen
    assert [ref for ref in seen if ref() is not None] == []
