"""All evaluations of a step are of one function: the same random numbers each time, one pass's worth afterwards."""

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree

WAYS = ["step", "acc_step"]


def with_layer(layer, name="mse"):
    problem = problems.make(name)
    return problems.Problem(
        model=nn.Sequential(problem.model[0], layer, *problem.model[1:]),
        loss_function=problem.loss_function,
        inputs=problem.inputs,
        targets=problem.targets,
    )


class RecordingDropout(nn.Module):
    """Dropout that notes its masks, one list a forward pass."""

    def __init__(self):
        super().__init__()
        self.masks = []

    def forward(self, x):
        mask = torch.bernoulli(torch.full_like(x, 0.5))
        self.masks.append(mask)
        return x * mask * 2


@pytest.fixture(autouse=True)
def own_random_stream():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


def advance(opt, problem, way, sizes=(5, 7), **options):
    if way == "step":
        return opt.step(problem.forward, **options)
    return opt.acc_step(problem.model, problem.loss_function, problem.batches(sizes), **options)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", WAYS)
def test_dropout_masks_are_the_same_within_a_step_and_new_in_the_next(way, curvature_opt):
    layer = RecordingDropout()
    problem = with_layer(layer)
    opt = HessianFree(problem.parameters, curvature_opt=curvature_opt, damping=2.0)
    drawn = []
    for _ in range(3):
        layer.masks.clear()
        advance(opt, problem, way, test_deterministic=True)
        by_size = {len(mask): mask for mask in layer.masks}
        assert len(layer.masks) > 2 * len(by_size)
        assert len(by_size) == (1 if way == "step" else 2)
        assert all(torch.equal(mask, by_size[len(mask)]) for mask in layer.masks)
        drawn.append(torch.cat(list(by_size.values())))
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


@pytest.mark.parametrize("graph_memory_bytes", [0, 2**30])
def test_batches_recomputed_in_every_product_see_their_own_masks(graph_memory_bytes):
    """Memory for graphs or none, the step is the same; without, J v comes another way and is rounded otherwise."""
    execution = Execution(graph_memory_bytes=graph_memory_bytes)
    problem, other = with_layer(nn.Dropout(0.5)), with_layer(nn.Dropout(0.5))
    state = torch.get_rng_state()
    advance(HessianFree(problem.parameters, damping=2.0, execution=execution), problem, "acc_step")
    torch.set_rng_state(state)
    advance(HessianFree(other.parameters, damping=2.0), other, "acc_step")
    torch.testing.assert_close(problem.vector(), other.vector(), rtol=1e-10, atol=1e-12)


def test_a_batch_sees_the_same_masks_in_every_list():
    layer = RecordingDropout()
    problem = with_layer(layer)
    batches = problem.batches((6, 6))
    opt = HessianFree(problem.parameters, damping=2.0)
    opt.acc_step(problem.model, problem.loss_function, batches, list(batches), list(batches))
    first, second = layer.masks[:2]
    assert not torch.equal(first, second)
    for i, mask in enumerate(layer.masks):
        assert torch.equal(mask, (first, second)[i % 2])


@pytest.mark.parametrize("way", WAYS)
def test_the_step_is_that_of_the_function_with_masks_held_fixed(way):
    """A model whose masks are constants takes the same steps."""
    layer = RecordingDropout()
    problem = with_layer(layer)
    reference = problems.make("mse")
    before = torch.get_rng_state()
    for _ in range(3):
        opt, other = (
            HessianFree(problem.parameters, damping=2.0),
            HessianFree(reference.parameters, damping=2.0),
        )
        layer.masks.clear()
        advance(opt, problem, way)
        masks = {len(mask): mask for mask in layer.masks}

        def masked(x, masks=masks):
            return reference.model[1:](reference.model[0](x) * masks[len(x)] * 2)

        fixed = problems.Problem(
            model=masked,
            loss_function=reference.loss_function,
            inputs=reference.inputs,
            targets=reference.targets,
        )
        advance(other, fixed, way)
        assert torch.equal(problem.vector(), reference.vector())
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("way", WAYS)
def test_the_generator_ends_where_one_pass_over_the_data_leaves_it(way):
    problem = with_layer(nn.Dropout(0.3))
    start = torch.get_rng_state()
    for inputs, _ in problem.batches((12,) if way == "step" else (5, 7)):
        problem.model(inputs)
    expected = torch.get_rng_state()
    torch.set_rng_state(start)
    advance(HessianFree(problem.parameters, damping=2.0), problem, way, test_deterministic=True)
    assert torch.equal(torch.get_rng_state(), expected)


def test_numbers_that_a_product_of_ones_own_draws_are_not_drawn_again():
    """They are no part of the function: what they took from the generator stays taken."""
    problem = problems.make("mse")
    dense = problem.dense_ggn()
    drawn = []

    def noisy(v):
        drawn.append(torch.rand(()).item())
        return dense @ v

    opt = HessianFree(problem.parameters, damping=2.0)
    opt.step(problem.forward, mvp=noisy)
    opt.step(problem.forward, mvp=noisy)
    assert len(drawn) == len(set(drawn)) > 2


@pytest.mark.parametrize("way", WAYS)
def test_the_line_search_is_not_led_by_noise(way):
    """With new masks at each trial the loss after the step was another function's."""
    layer = RecordingDropout()
    problem = with_layer(layer)
    opt = HessianFree(problem.parameters, damping=2.0)
    start = torch.get_rng_state()
    told = advance(opt, problem, way)
    torch.set_rng_state(start)
    total = 0.0
    for inputs, targets in problem.batches((12,) if way == "step" else (5, 7)):
        loss = problem.loss_function(problem.model(inputs), targets).item()
        total += loss * len(inputs) / 12
    assert told == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("fails", [False, True])
def test_test_reduction_leaves_the_generator(fails):
    noise = nn.Dropout(0.5)
    problem = with_layer(nn.Sequential(noise, nn.BatchNorm1d(5).double()) if fails else noise)
    start = torch.get_rng_state()
    opt = HessianFree(problem.parameters)
    if fails:
        with pytest.raises(RuntimeError):
            opt.test_reduction(problem.model, problem.loss_function, problem.batches((5, 7)), "mean")
    else:
        opt.test_reduction(problem.model, problem.loss_function, problem.batches((5, 7)), "mean")
    assert torch.equal(torch.get_rng_state(), start)


def test_without_random_numbers_the_generator_is_untouched():
    problem = problems.make("mse")
    start = torch.get_rng_state()
    HessianFree(problem.parameters).step(problem.forward, test_deterministic=True)
    assert torch.equal(torch.get_rng_state(), start)


def test_gradient_checkpointing_recomputes_the_same_function():
    """Its layers run again inside of products, between the step's own passes."""

    class Checkpointed(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False)

    def trained(wrap):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            problem = with_layer(nn.Dropout(0.5))
            problem.model[0] = nn.Sequential(problem.model[0], nn.BatchNorm1d(5).double())
            model = wrap(problem.model)
            opt = HessianFree(problem.parameters, damping=2.0)
            for _ in range(2):
                opt.step(lambda: (problem.loss_function(out := model(problem.inputs), problem.targets), out))
        return problem.vector(), problem.model[0][1]

    (plain, norm), (again, norm_again) = trained(lambda model: model), trained(Checkpointed)
    torch.testing.assert_close(again, plain, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(norm_again.running_mean, norm.running_mean)
    assert norm_again.num_batches_tracked == norm.num_batches_tracked == 2
