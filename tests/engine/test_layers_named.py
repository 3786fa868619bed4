"""What cannot be differentiated twice is an error that names the layer, and never a number that is silently wrong."""

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from hessianfree.errors import ClosureError, NotTwiceDifferentiableError
from hessianfree.optimizer import HessianFree


class OnceCubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class DetachedCubed(OnceCubed):
    """As written with NumPy, or under no_grad by hand: nothing raises."""

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (3 * x**2 * g).detach()


class RightCubed(OnceCubed):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class StraightThrough(torch.autograd.Function):
    """Rounds; its backward passes on what arrives."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


class Step(torch.autograd.Function):
    """A slope of zero everywhere is differentiable, without a graph."""

    @staticmethod
    def forward(ctx, x):
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        return torch.zeros_like(g)


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function.apply(x)


class NoDerivative(nn.Module):
    """An operation of torch's own whose backward pass has none."""

    def forward(self, x):
        return torch.segment_reduce(x**2, "mean", lengths=torch.ones(len(x), dtype=torch.int64))


class Block(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.before = nn.Linear(3, 3)
        self.attn = inner

    def forward(self, x):
        return torch.tanh(self.attn(self.before(x)))


def made(inner):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.ModuleDict(
            {"encoder": nn.Sequential(nn.Linear(4, 3), Block(inner)), "head": nn.Linear(3, 2)}
        )
        data = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.head = model["encoder"], model["head"]

        def forward(self, x):
            return self.head(self.encoder(x))

    return Model().double(), data


def advance(model, data, curvature_opt="ggn", way="step", loss_function=nn.functional.mse_loss):
    opt = HessianFree(model.parameters(), curvature_opt, damping=2.0)
    if way == "acc_step":
        return opt.acc_step(model, loss_function, [(data[0][:2], data[1][:2]), (data[0][2:], data[1][2:])])
    return opt.step(lambda: (loss_function(out := model(data[0]), data[1]), out))


def bits(model):
    return [t.clone() for t in model.state_dict().values()]


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize(
    ("inner", "named", "node"),
    [
        (lambda: Apply(OnceCubed), r"encoder\.1\.attn \(Apply\)", "OnceCubedBackward"),
        (lambda: Apply(DetachedCubed), r"encoder\.1\.attn \(Apply\)", "DetachedCubedBackward"),
        (NoDerivative, r"encoder\.1\.attn \(NoDerivative\)", "SegmentReduceBackward0"),
    ],
    ids=["once_differentiable", "detached", "no derivative"],
)
def test_the_error_names_the_layer_the_node_and_a_way_out(inner, named, node, way, curvature_opt):
    model, data = made(inner())
    before, state = bits(model), torch.get_rng_state()
    with pytest.raises(NotTwiceDifferentiableError, match=named) as raised:
        advance(model, data, curvature_opt, way)
    assert isinstance(raised.value, ClosureError)
    assert node in str(raised.value)
    assert "mvp" in str(raised.value)
    assert raised.value.__cause__ is not None
    assert all(torch.equal(a, b) for a, b in zip(bits(model), before, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.is_anomaly_enabled()


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch.compile has several to give
def test_a_compiled_layer_is_named():
    inner = torch.compile(nn.Sequential(nn.Linear(3, 3), nn.Tanh()).double(), backend="aot_eager")
    model, data = made(inner)
    with pytest.raises(NotTwiceDifferentiableError, match=r"encoder\.1\.attn.*CompiledFunctionBackward"):
        advance(model, data)


class LossFunction(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, outputs, targets):
        return self.function.apply(outputs - targets).sum()


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("function", [OnceCubed, DetachedCubed])
def test_a_loss_is_named(function, curvature_opt):
    """What arrives there is a constant: only asking again shows that the graph is lost."""
    model, data = made(nn.Identity())
    with pytest.raises(NotTwiceDifferentiableError, match=r"^LossFunction .*CubedBackward"):
        advance(model, data, curvature_opt, loss_function=LossFunction(function))


def test_outside_of_all_modules():
    model, (x, y) = made(nn.Identity())

    def forward():
        outputs = OnceCubed.apply(model(x))
        return nn.functional.mse_loss(outputs, y), outputs

    with pytest.raises(NotTwiceDifferentiableError, match=r"outside of all modules.*OnceCubedBackward"):
        HessianFree(model.parameters(), damping=2.0).step(forward)


def test_a_path_around_the_layer_does_not_hide_it():
    """Autograd passes the broken path by and adds up the others: numbers, and wrong ones."""

    class Residual(nn.Module):
        def forward(self, x):
            return x + OnceCubed.apply(x)

    model, data = made(Residual())
    with pytest.raises(NotTwiceDifferentiableError, match=r"encoder\.1\.attn \(Residual\)"):
        advance(model, data)


@pytest.mark.filterwarnings("ignore::UserWarning")  # a cube has negative curvature
@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("function", [RightCubed, StraightThrough, Step])
def test_custom_functions_that_keep_their_graph_are_welcome(function, way, curvature_opt):
    model, data = made(Apply(function))
    assert advance(model, data, curvature_opt, way) > 0


@pytest.mark.parametrize("inner", [lambda: Apply(OnceCubed), lambda: Apply(DetachedCubed), NoDerivative])
def test_a_product_of_ones_own_needs_no_second_derivative(inner):
    model, (x, y) = made(inner())
    opt = HessianFree(model.parameters(), damping=2.0)
    opt.step(lambda: (nn.functional.mse_loss(out := model(x), y), out), mvp=lambda v: 0.1 * v)
    assert opt.last_report.accepted


@pytest.mark.parametrize("inner", [lambda: Apply(OnceCubed), NoDerivative])
def test_a_frozen_layer_needs_none_either(inner):
    """As the message says: with all before it frozen, no derivative goes through it."""
    model, data = made(inner())
    for p in model.encoder.parameters():
        p.requires_grad = False
    assert advance(model, data) > 0


def test_another_error_is_passed_on_as_it_is():
    model, (x, y) = made(nn.Identity())
    calls = []

    def forward():
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("the disk is full")
        return nn.functional.mse_loss(out := model(x), y), out

    with pytest.raises(RuntimeError, match=r"^the disk is full$"):
        HessianFree(model.parameters(), damping=2.0).step(forward)
    assert len(calls) == 2


def test_a_complaint_whose_origin_is_not_found_is_passed_on():
    model, (x, y) = made(nn.Identity())

    def product(v):
        raise RuntimeError("Double backward: the derivative for aten::mine is not implemented")

    with pytest.raises(RuntimeError, match="aten::mine"):
        HessianFree(model.parameters()).step(
            lambda: (nn.functional.mse_loss(out := model(x), y), out), mvp=product
        )
