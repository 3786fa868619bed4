"""The recommended settings against the constructor's own, on a deep net that is hard to train."""

import pytest
import torch
from torch import nn

from hessianfree import HessianFree
from hessianfree.preconditioners.kfac import KFAC


def deep_autoencoder():
    torch.manual_seed(0)
    widths = [30, 16, 8, 3, 8, 16, 30]
    layers = []
    for i in range(6):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.Sigmoid()]
    model = nn.Sequential(*layers[:-1]).double()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(4 if p.dim() == 2 else 0)
    images = torch.sigmoid(3 * torch.randn(80, 3).double() @ torch.randn(3, 30).double())
    return model, images


def trained(make, gradients):
    """The loss after so many gradients' worth of steps."""
    model, images = deep_autoencoder()
    optimizer = make(model)

    def forward():
        outputs = model(images)
        return nn.functional.binary_cross_entropy_with_logits(outputs, images, reduction="sum") / 80, outputs

    while gradients > 0:
        optimizer.step(forward)
        gradients -= optimizer.last_report.gradient_equivalents
    return optimizer.last_report.loss_after


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
def test_with_a_model_it_gets_further_for_as_much_arithmetic():
    with_model = trained(lambda model: HessianFree.recommended(model.parameters(), model), 600)
    defaults = trained(lambda model: HessianFree(model.parameters()), 600)
    assert with_model < defaults - 0.1


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
def test_it_never_takes_a_step_that_makes_the_loss_worse():
    model, images = deep_autoencoder()
    optimizer = HessianFree.recommended(model.parameters(), model, damping=1e-6)

    def forward():
        outputs = model(images)
        return nn.functional.binary_cross_entropy_with_logits(outputs, images), outputs

    for _ in range(8):
        optimizer.step(forward)
    reports = zip(optimizer.state["init_losses"], optimizer.state["final_losses"], strict=True)
    assert all(after <= before for before, after in reports)


def test_the_initial_damping_and_the_preconditioner_depend_on_the_model():
    model = nn.Linear(2, 1)
    assert isinstance(HessianFree.recommended(model.parameters(), model).method.preconditioner, KFAC)
    assert HessianFree.recommended(model.parameters(), model).param_groups[0]["damping"] == 0.1
    without = HessianFree.recommended(model.parameters())
    assert without.method.preconditioner is None
    assert without.param_groups[0]["damping"] == 1.0
    given = HessianFree.recommended(model.parameters(), damping=3.0, weight_decay=0.5, maximize=True)
    assert given.param_groups[0]["damping"] == 3.0
    assert given.param_groups[0]["weight_decay"] == 0.5
    assert given.maximize
