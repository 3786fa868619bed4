"""Kronecker factors in whole steps: damping in their units, more progress an iteration, resumption."""

import pytest
import torch
from torch import nn

from engine.linearizations import linearization
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import LastIterate
from hessianfree.linesearch import FixedScale
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.stopping import IterationLimit, ResidualTolerance


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def deep_autoencoder():
    torch.manual_seed(1)
    widths = [20, 12, 6, 3, 6, 12, 20]
    layers = []
    for i in range(6):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.Sigmoid()]
    return nn.Sequential(*layers[:-1]), torch.sigmoid(2 * torch.randn(40, 3) @ torch.randn(3, 20))


def run(preconditioned, steps=3, resume_at=None):
    model, images = deep_autoencoder()
    method = Method(
        solver=ConjugateGradient(max_iter=8),
        preconditioner=KFAC(model=model, damped=True, every=2) if preconditioned else None,
    )
    optimizer = HessianFree.from_method(model.parameters(), method, damping=1e-2)
    for step in range(steps):
        if step == resume_at:
            saved = optimizer.state_dict()
            optimizer = HessianFree.from_method(model.parameters(), method, damping=1e-2)
            optimizer.load_state_dict(saved)

        def forward():
            outputs = model(images)
            return nn.functional.binary_cross_entropy_with_logits(outputs, images), outputs

        optimizer.step(forward)
    return optimizer.last_report.loss_after


@pytest.mark.filterwarnings("ignore:The reduction ratio")
def test_as_many_iterations_get_further():
    assert run(preconditioned=True) < run(preconditioned=False)


@pytest.mark.filterwarnings("ignore:The reduction ratio")
def test_a_resumed_run_repeats_the_uninterrupted_one():
    assert run(preconditioned=True, steps=4) == run(preconditioned=True, steps=4, resume_at=3)


def test_the_step_damps_by_these_units():
    """With all of the Krylov space, the step is the damped Newton step, whatever preconditions it."""
    model, images = deep_autoencoder()

    def forward():
        outputs = model(images)
        return nn.functional.binary_cross_entropy_with_logits(outputs, images), outputs

    here, B = linearization(model, nn.functional.binary_cross_entropy_with_logits, [(images, images)])
    loss, _ = forward()
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
    part = KFAC(model=model, damped=True)
    units = part(here, 0.1, None).damping_units
    expected = torch.linalg.solve(B + 0.1 * torch.diag(units), -gradient)
    method = Method(
        solver=ConjugateGradient(
            max_iter=2000, stopping=(IterationLimit(), ResidualTolerance(relative=1e-12))
        ),
        preconditioner=part,
        selector=LastIterate(),
        search=FixedScale(),
    )
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    optimizer = HessianFree.from_method(model.parameters(), method, damping=0.1)
    optimizer.step(forward)
    moved = torch.cat([p.detach().flatten() for p in model.parameters()]) - before
    assert torch.allclose(moved, expected, rtol=1e-6, atol=1e-9)
    promised = optimizer.last_trace.agreement.predicted
    assert promised == pytest.approx((0.5 * gradient @ expected).item(), rel=1e-6)
