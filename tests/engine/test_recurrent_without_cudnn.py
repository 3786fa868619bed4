"""cuDNN's recurrent layers: left by themselves, while every other layer keeps cuDNN."""

import copy

import pytest
import torch
from torch import nn

from hessianfree.evaluation import DifferentiablePaths, Evaluation
from hessianfree.optimizer import HessianFree


def closure(model, x):
    def forward():
        outputs = model(x)
        return torch.cosh(outputs).mean(), outputs

    return forward


class CudnnRnn(torch.autograd.Function):
    """Stands for cuDNN's kernel, on any machine: its node has the name, and no second derivative."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return torch.tanh(x @ weight.T)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        slope = g * (1 - torch.tanh(x @ weight.T) ** 2)
        return slope @ weight, (slope.flatten(0, -2).T @ x.flatten(0, -2))


class CudnnLayer(nn.RNN):
    """As torch's RNN on a GPU: cuDNN unless that is off."""

    def forward(self, x):
        if torch.backends.cudnn.enabled:
            return CudnnRnn.apply(x, self.weight_ih_l0)
        return torch.tanh(x @ self.weight_ih_l0.T)


class Spy(nn.Conv1d):
    def forward(self, x):
        SEEN.append(torch.backends.cudnn.enabled)
        return super().forward(x)


SEEN = []


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_recurrent_layers_go_without_cudnn_and_convolutions_keep_it(curvature_opt):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(Spy(3, 3, 1), CudnnLayer(4, 3, bias=False), Spy(3, 2, 1)).double()
        x = torch.randn(2, 3, 4, dtype=torch.float64)
    trained = [p for name, p in model.named_parameters() if "hh" not in name]
    twin = copy.deepcopy(model)
    SEEN.clear()
    opt = HessianFree(trained, curvature_opt, damping=2.0)
    with pytest.warns(UserWarning, match="recurrent layers run without cuDNN") as caught:
        opt.step(closure(model, x))
    opt.step(closure(model, x))
    assert len(caught) == 1
    assert all(SEEN)
    assert torch.backends.cudnn.enabled
    other = HessianFree(
        [p for name, p in twin.named_parameters() if "hh" not in name], curvature_opt, damping=2.0
    )
    with torch.backends.cudnn.flags(enabled=False):
        other.step(closure(twin, x))
        other.step(closure(twin, x))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-14)


class Failing(nn.RNN):
    def __init__(self, error):
        super().__init__(4, 3)
        self.error = error

    def forward(self, x):
        assert not torch.backends.cudnn.enabled
        raise self.error


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_cudnn_is_on_again_after_a_recurrent_layer_has_failed(error):
    layer = Failing(error)
    paths = DifferentiablePaths(recurrent=True)
    with pytest.raises(error), Evaluation(torch.device("cpu"), paths) as evaluation:
        evaluation.run(lambda: layer(torch.ones(2, 4)))
    assert torch.backends.cudnn.enabled


def test_cudnn_is_on_for_what_a_closure_does_after_such_a_failure():
    layer = Failing(KeyError)

    def forward():
        with pytest.raises(KeyError):
            layer(torch.ones(2, 4))
        return torch.backends.cudnn.enabled

    with Evaluation(torch.device("cpu"), DifferentiablePaths(recurrent=True)) as evaluation:
        assert evaluation.run(forward)
