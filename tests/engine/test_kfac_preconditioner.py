"""Kronecker factors as preconditioner: exact where theory says so, and positive definite everywhere else."""

import pytest
import torch
from torch import nn

from engine.linearizations import at, dense, linearization
from hessianfree.parameters import Parameters
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.records import ForwardPass, Linearization


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def one_output():
    return nn.Linear(4, 1), nn.MSELoss(), torch.randn(9, 4), torch.randn(9, 1)


def one_channel():
    model = nn.Conv2d(2, 1, 3, stride=2, padding=1, dilation=1)
    return model, nn.MSELoss(), torch.randn(5, 2, 7, 7), torch.randn(5, 1, 4, 4)


@pytest.mark.parametrize("problem", [one_output, one_channel])
def test_a_linear_map_to_one_output_has_its_whole_curvature(problem):
    model, loss_function, inputs, targets = problem()
    here, B = linearization(model, loss_function, [(inputs, targets)])
    M = KFAC(model=model, ridge=1e-12, balance=0)(here, 0.0, None).inverse
    assert torch.allclose(dense(M, len(B)) @ B, torch.eye(len(B)), atol=1e-6)


def test_batches_are_weighed_as_the_curvature_is():
    model, loss_function, inputs, targets = one_output()
    inputs, targets = inputs[:8], targets[:8]
    halves = [(inputs[:4], targets[:4]), (inputs[4:], targets[4:])]
    here, B = linearization(model, loss_function, halves)
    M = KFAC(model=model, ridge=1e-12, balance=0)(here, 0.0, None).inverse
    assert torch.allclose(dense(M, len(B)) @ B, torch.eye(len(B)), atol=1e-6)


def test_the_damping_is_there_to_the_first_order_of_one_factor():
    model, loss_function, inputs, targets = one_output()
    here, B = linearization(model, loss_function, [(inputs, targets)])
    A = torch.cat([inputs, torch.ones(9, 1)], dim=1)
    A, G = A.T @ A / 9, torch.tensor(2.0)
    pi = (A.diagonal().mean() / G).sqrt()
    expected = torch.kron((G + 0.3 / pi) * torch.ones(1, 1), A + 0.3 * pi * torch.eye(5))
    M = KFAC(model=model, ridge=1e-12, damped=True, balance=0)(here, 0.09, None).inverse
    assert torch.allclose(dense(M, len(B)), torch.linalg.inv(expected), rtol=1e-6)


class Shared(nn.Module):
    """A layer called twice, a normalization, a weight that two layers share, a raw parameter, an unused layer."""

    def __init__(self):
        super().__init__()
        self.twice, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)
        self.one, self.other = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.other.weight = self.one.weight
        self.shift = nn.Parameter(torch.randn(4))
        self.unused = nn.Linear(3, 2)
        self.frozen = nn.Linear(4, 2)
        self.frozen.weight.requires_grad_(False)

    def forward(self, x):
        h = torch.tanh(self.twice(torch.tanh(self.twice(x)) + self.shift))
        return self.frozen(self.other(self.norm(self.one(h))))


MODELS = {
    "shared": (Shared, (6, 4), (6, 2)),
    "inplace": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 2)),
        (6, 4),
        (6, 2),
    ),
    "conv": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3, padding="same"), nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Linear(27, 2)
        ),
        (6, 1, 4, 4),
        (6, 2),
    ),
    "dead": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Hardtanh(50, 51), nn.Linear(3, 2)), (6, 4), (6, 2)),
}


@pytest.mark.parametrize("damping", [0.0, 1e-3, 10.0])
@pytest.mark.parametrize("name", MODELS)
def test_it_is_symmetric_and_positive_definite(name, damping):
    make, shape, answer = MODELS[name]
    model = make()
    parameters = Parameters([list(model.parameters())])
    inputs, targets = torch.randn(shape), torch.randn(answer)

    def run():
        outputs = model(inputs)
        return nn.functional.mse_loss(outputs, targets), outputs

    here = Linearization(
        loss=0.0,
        gradient=parameters.zeros(),
        curvature=lambda v: v,
        cost=1.0,
        product_cost=4 / 3,
        passes=(ForwardPass(parameters=parameters, weight=1.0, run=run),),
    )
    part = KFAC(model=model, damped=True)
    matrix = dense(part(here, damping, None).inverse, parameters.dimension)
    assert torch.isfinite(matrix).all()
    assert torch.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-10 * matrix.abs().max().item())
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_each_layer_is_damped_in_units_of_its_curvature():
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    with torch.no_grad():
        model[2].weight.mul_(100)
    here, _ = linearization(model, nn.MSELoss(), [(torch.randn(9, 3), torch.randn(9, 2))])
    prepared = KFAC(model=model)(here, 0.1, None)
    factors = prepared.memory
    sizes = {"0": 8, "norm": 4, "1": 6}
    expected = []
    for name, size in sizes.items():
        if name == "norm":
            mean = factors["rest"][8:12].mean()
        else:
            mean = factors[f"A{name}"].diagonal().mean() * factors[f"G{name}"].diagonal().mean()
        expected.append(mean.sqrt().expand(size))
    assert torch.allclose(prepared.damping_units, torch.cat(expected))
    assert KFAC(model=model, balance=0)(here, 0.1, None).damping_units is None


class Unusual(nn.Module):
    """Uses one layer's weight without calling it, names another's input, and runs it without a graph as well."""

    def __init__(self):
        super().__init__()
        self.unseen, self.named = nn.Linear(3, 2), nn.Linear(2, 1)

    def forward(self, x):
        h = torch.tanh(nn.functional.linear(x, self.unseen.weight, self.unseen.bias))
        with torch.no_grad():
            self.named(10 * h)
        return self.named(input=h)


def test_a_layer_used_without_a_call_has_a_diagonal():
    model = Unusual()
    here, B = linearization(model, nn.MSELoss(), [(torch.randn(40, 3), torch.randn(40, 1))])
    M = dense(KFAC(model=model, ridge=1e-9)(here, 0.0, None).inverse, len(B))
    assert torch.equal(M[:8, :8], torch.diag(M[:8, :8].diagonal()))
    assert torch.allclose(M[8:, 8:] @ B[8:, 8:], torch.eye(3), atol=1e-5)


def test_layers_changed_in_place_afterwards_are_seen_as_they_were():
    inverses = []
    for inplace in (False, True):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=inplace), nn.Linear(3, 1))
        here, B = linearization(model, nn.MSELoss(), [(torch.randn(7, 4), torch.randn(7, 1))])
        inverses.append(dense(KFAC(model=model)(here, 0.1, None).inverse, len(B)))
    assert torch.equal(*inverses)


def test_factors_are_moving_averages_and_renewed_when_due():
    model, loss_function, inputs, targets = one_output()
    first, _ = linearization(model, loss_function, [(inputs, targets)])
    second, _ = linearization(model, loss_function, [(3 * inputs, targets)])
    part = KFAC(model=model, decay=0.25, every=2)
    after = [part(first, 0.1, None)]
    for here in (second, second, second):
        after.append(part(here, 0.1, after[-1].memory))
    assert torch.equal(after[0].memory["A0"], after[1].memory["A0"])
    assert after[1].cost == 0 < after[2].cost
    A = torch.cat([inputs, torch.ones(9, 1)], dim=1)
    B = torch.cat([3 * inputs, torch.ones(9, 1)], dim=1)
    assert torch.allclose(after[2].memory["A0"], (0.25 * A.T @ A + 0.75 * B.T @ B) / 9)
    v = torch.randn(5)
    assert torch.equal(after[2].inverse(v), after[3].inverse(v))


def test_without_forward_passes_it_says_so():
    with pytest.raises(ValueError, match="KFAC needs forward passes"):
        KFAC(model=nn.Linear(1, 1))(at(torch.eye(2)), 1.0, None)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ridge", 0.0, "above 0"),
        ("balance", 2, "from 0 to 1"),
        ("decay", 1.0, "below 1"),
        ("every", 0, "at least 1"),
    ],
)
def test_settings_out_of_bounds_are_refused(name, value, allowed):
    with pytest.raises(ValueError, match=f"{name} must be .*{allowed}.*got {value}"):
        KFAC(model=nn.Linear(1, 1), **{name: value})
