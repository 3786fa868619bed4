"""The two checks a user can ask for: does the loss add up over batches, is everything deterministic?"""

import random
import warnings

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.optimizer import HessianFree

# test_reduction


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("sizes", [[6, 6], [1, 4, 7]])
@pytest.mark.parametrize(
    ("name", "reduction"), [("mse", "mean"), ("mse-sum", "sum"), ("cross-entropy", "mean")]
)
def test_the_right_reduction_passes(name, reduction, sizes, curvature_opt):
    problem = problems.make(name)
    before = problem.vector()
    opt = HessianFree(problem.parameters, curvature_opt=curvature_opt)
    opt.test_reduction(problem.model, problem.loss_function, problem.batches(sizes), reduction)
    assert torch.equal(problem.vector(), before)
    assert all(p.grad is None for p in problem.parameters)
    assert opt.state["init_losses"] == []


@pytest.mark.parametrize(("name", "reduction"), [("mse", "sum"), ("mse-sum", "mean"), ("bce", "sum")])
def test_the_wrong_reduction_raises(name, reduction):
    problem = problems.make(name)
    opt = HessianFree(problem.parameters)
    with pytest.raises(RuntimeError):
        opt.test_reduction(problem.model, problem.loss_function, problem.batches([6, 6]), reduction)


def test_a_layer_that_mixes_samples_raises():
    problem = problems.make("mse")
    model = nn.Sequential(problem.model, nn.BatchNorm1d(3).double())
    opt = HessianFree(model.parameters())
    with pytest.raises(RuntimeError):
        opt.test_reduction(model, problem.loss_function, problem.batches([4, 8]), "mean")


@pytest.mark.parametrize(("difference", "passes"), [(0.005, True), (0.05, False)])
def test_one_percent_is_the_tolerance(difference, passes):
    problem = problems.make("mse")

    def lossy(outputs, targets):
        return nn.functional.mse_loss(outputs, targets) * (1 if len(outputs) == 12 else 1 + difference)

    opt = HessianFree(problem.parameters)
    if passes:
        opt.test_reduction(problem.model, lossy, problem.batches([6, 6]), "mean")
    else:
        with pytest.raises(RuntimeError):
            opt.test_reduction(problem.model, lossy, problem.batches([6, 6]), "mean")


class SplitLoss:
    """A mean-squared error whose value, slope or curvature alone is another one on batches of fewer samples."""

    def __init__(self, wrong):
        self.wrong = wrong

    def __call__(self, outputs, targets):
        loss = nn.functional.mse_loss(outputs, targets)
        if len(outputs) == 12:
            return loss
        deviation = (outputs - outputs.detach()).sum()
        return loss + {"loss": 1.0, "gradient": deviation, "curvature product": 10 * deviation**2}[self.wrong]


@pytest.mark.parametrize("wrong", ["loss", "gradient", "curvature product"])
def test_each_of_the_three_is_compared_and_named(wrong):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters)
    with pytest.raises(RuntimeError, match=wrong):
        opt.test_reduction(problem.model, SplitLoss(wrong), problem.batches([6, 6]), "mean")


def test_one_batch_has_nothing_to_add_up():
    problem = problems.make("mse")
    with pytest.raises(ValueError, match="two"):
        HessianFree(problem.parameters).test_reduction(
            problem.model, problem.loss_function, problem.batches([12]), "mean"
        )


def test_an_unknown_reduction_is_refused():
    problem = problems.make("mse")
    with pytest.raises(ValueError, match="reduction"):
        HessianFree(problem.parameters).test_reduction(
            problem.model, problem.loss_function, problem.batches([6, 6]), "median"
        )


# test_deterministic


def with_dropout(dropout):
    problem = problems.make("mse")
    return problems.Problem(
        model=nn.Sequential(problem.model[0], dropout, *problem.model[1:]),
        loss_function=problem.loss_function,
        inputs=problem.inputs,
        targets=problem.targets,
    )


def step(problem, way, **options):
    opt = HessianFree(problem.parameters)
    if way == "step":
        opt.step(problem.forward, **options)
    else:
        opt.acc_step(problem.model, problem.loss_function, problem.batches(), **options)
    return opt


def messages(caught):
    return [str(warning.message) for warning in caught if "deterministic" in str(warning.message)]


class MaskFromElsewhere(nn.Module):
    """Dropout by a generator that is not torch's own."""

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, x):
        return x * torch.tensor([self.draw() for _ in range(x.shape[1])], dtype=x.dtype)


def own_generator():
    generator = torch.Generator().manual_seed(0)
    return lambda: torch.rand((), generator=generator).item()


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("draw", [random.Random(0).random, own_generator()], ids=["python", "own"])
def test_random_numbers_that_are_not_torchs_warn_of_loss_outputs_and_product(way, draw):
    problem = with_dropout(MaskFromElsewhere(draw))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step(problem, way, test_deterministic=True)
    told = " ".join(messages(caught))
    assert "loss" in told
    assert "outputs" in told
    assert "product" in told


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize(
    ("dropout", "checked"), [(nn.Dropout(0.5), True), (MaskFromElsewhere(own_generator()), False)]
)
def test_dropout_does_not_warn_and_nothing_does_unless_asked(way, dropout, checked):
    with torch.random.fork_rng(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.manual_seed(0)
        step(with_dropout(dropout), way, test_deterministic=checked)
    assert messages(caught) == []


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_the_check_changes_nothing(way):
    """No warning on a deterministic problem, the same step to the bit, the random stream untouched."""
    checked, unchecked = problems.make("cross-entropy"), problems.make("cross-entropy")
    stream = torch.random.get_rng_state()
    opt = step(checked, way, test_deterministic=True)
    assert torch.equal(torch.random.get_rng_state(), stream)
    other = step(unchecked, way)
    assert torch.equal(checked.vector(), unchecked.vector())
    assert opt.state["num_cg_iters"] == other.state["num_cg_iters"]


def test_a_product_that_wavers_warns():
    problem = problems.make("mse")
    calls = []

    def wavering(v):
        calls.append(1)
        return v * (1 + 1e-6 * (len(calls) % 2))

    with pytest.warns(UserWarning, match="product"):
        HessianFree(problem.parameters).step(problem.forward, mvp=wavering, test_deterministic=True)


def test_a_loss_that_wavers_warns():
    problem = problems.make("mse")
    calls = []

    def wavering():
        calls.append(1)
        loss, outputs = problem.forward()
        return loss - 1e-3 * len(calls), outputs

    with pytest.warns(UserWarning, match="loss is not deterministic"):
        HessianFree(problem.parameters).step(wavering, test_deterministic=True)


@pytest.mark.parametrize("outputs", [lambda: None, lambda: (torch.ones(2), [torch.zeros(1)])])
def test_outputs_of_any_form_are_compared(outputs):
    x = nn.Parameter(torch.ones(3, dtype=torch.float64))
    opt = HessianFree([x], curvature_opt="hessian")
    opt.step(lambda: ((x**2).sum(), outputs()), test_deterministic=True)
    with pytest.warns(UserWarning, match="outputs"):
        opt.step(lambda: ((x**2).sum(), [torch.tensor(random.random())]), test_deterministic=True)
