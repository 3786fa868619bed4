"""Random slopes at a model's outputs, whose covariance is the loss's Hessian there."""

import pytest
import torch
from torch import nn

from engine.linearizations import hessian_of
from hessianfree.curvature.loss_hessian import LossHessian
from hessianfree.parameters import Parameters
from hessianfree.preconditioners.output_samples import sample


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


class SquaredLogSum(nn.Module):
    """Convex in each row, and no softmax's."""

    def forward(self, outputs, targets):
        return (outputs.logsumexp(1).square() + (outputs - targets).square().sum(1)).sum()


LOSSES = {
    "squared error": (nn.MSELoss(), lambda: torch.randn(3, 4)),
    "cross-entropy of pixels": (nn.BCEWithLogitsLoss(reduction="sum"), lambda: torch.rand(3, 4)),
    "cross-entropy of classes": (nn.CrossEntropyLoss(), lambda: torch.randint(4, (3,))),
    "classes that weigh differently, one of them nothing": (
        nn.CrossEntropyLoss(weight=torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64)),
        lambda: torch.tensor([0, 2, 3]),
    ),
    "blocks of another kind": (SquaredLogSum(), lambda: torch.randn(3, 4)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_samples_have_the_loss_hessian_as_covariance(name):
    loss_function, targets_of = LOSSES[name]
    model, inputs, targets = nn.Linear(5, 4), torch.randn(3, 5), targets_of()
    outputs = model(inputs)
    hessian = LossHessian(loss_function(outputs, targets), outputs, Parameters([list(model.parameters())]))
    generator = torch.Generator().manual_seed(1)
    draws = torch.stack([sample(hessian, 0.5, generator)[0].flatten() for _ in range(4000)])
    expected = 0.5 * hessian_of(lambda z: loss_function(z.view(3, 4), targets), outputs.detach().flatten())
    assert torch.allclose(draws.T @ draws / len(draws), expected, atol=0.06 * expected.abs().max().item())


def test_classes_cost_no_product_each():
    """Rows of thousands are as good as short ones."""
    outputs, products = torch.randn(5, 2_000).requires_grad_(), []

    class Counted(LossHessian):
        def in_outputs(self, tangents):
            products.append(tangents)
            return super().in_outputs(tangents)

    scaled = outputs * 1.0
    loss = nn.functional.cross_entropy(scaled, torch.randint(2_000, (5,)))
    hessian = Counted(loss, scaled, Parameters([[outputs]]))
    (drawn,) = sample(hessian, 1.0, torch.Generator().manual_seed(0))
    assert len(products) == 3
    slope = torch.autograd.grad(loss, scaled)[0]
    assert not torch.allclose(drawn.abs(), 5**0.5 * slope.abs())  # not the fall-back
    p = torch.softmax(scaled.detach(), 1)
    assert drawn.sum(1).abs().max() < 1e-12  # what adds to all logits alike changes nothing
    assert drawn.square().sum(1) == pytest.approx(((p - p.square()) / 5).sum(1).tolist(), rel=0.3)


def test_a_loss_of_another_form_falls_back_on_its_slopes():
    model, inputs = nn.Linear(5, 4), torch.randn(3, 5)
    outputs = model(inputs)
    loss = outputs.sum(dim=0).square().mean()  # couples the rows
    hessian = LossHessian(loss, outputs, Parameters([list(model.parameters())]))
    (drawn,) = sample(hessian, 1.0, torch.Generator().manual_seed(0))
    slope = torch.autograd.grad(loss, outputs)[0]
    assert torch.allclose(drawn.abs(), 3**0.5 * slope.abs())
