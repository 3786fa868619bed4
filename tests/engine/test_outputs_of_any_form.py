"""Outputs as tuples, lists and dicts, and parameters that the loss uses directly: J'H_L J against dense matrices.

The reference writes the loss as a function of all its arguments, the outputs and the parameters, and differentiates
each of the two halves by torch.func.
"""

import math
from collections import namedtuple

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from engine import problems
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.errors import ClosureError
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters

CLOSE = {"rtol": 1e-9, "atol": 1e-12}

Answer = namedtuple("Answer", ["hidden", "logits"])


class TwoHeads(nn.Module):
    """Answers a hidden layer, and logits computed from it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        return hidden, self.last(hidden).tanh()


class Case:
    """A model of two outputs; `loss(hidden, logits, weights)` with weights the [P] vector of the parameters."""

    def __init__(self, loss):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = TwoHeads().double()
            self.x = torch.randn(6, 4, dtype=torch.float64)
        self.loss = loss
        self.parameters = Parameters([list(self.model.parameters())])
        self.theta = self.parameters.flatten(self.parameters.tensors)

    def outputs_of(self, theta):
        names = [name for name, _ in self.model.named_parameters()]
        return functional_call(
            self.model, dict(zip(names, self.parameters.split(theta), strict=True)), (self.x,)
        )

    def dense(self):
        """[J; I]' H [J; I], H the Hessian in all arguments at once, each independent of the others."""
        hidden, logits = self.outputs_of(self.theta)
        point = torch.cat([hidden.reshape(-1), logits.reshape(-1), self.theta]).detach()

        def arguments(theta):
            h, z = self.outputs_of(theta)
            return torch.cat([h.reshape(-1), z.reshape(-1), theta])

        def loss(arguments):
            h, z, theta = arguments.split([hidden.numel(), logits.numel(), len(self.theta)])
            return self.loss(h.view_as(hidden), z.view_as(logits), theta)

        J = jacrev(arguments)(self.theta)
        return J.T @ jacrev(jacrev(loss))(point) @ J

    def matrix(self, form=lambda hidden, logits: (hidden, logits), curvature=GaussNewton):
        hidden, logits = self.model(self.x)
        weights = torch.cat([p.reshape(-1) for p in self.parameters.tensors])
        product = curvature(self.loss(hidden, logits, weights), form(hidden, logits), self.parameters)
        return torch.stack([product(e) for e in torch.eye(len(self.theta), dtype=torch.float64)])


def through_logits(hidden, logits, weights):
    return torch.logsumexp(logits, 1).sum() + (logits**4).sum()


def through_both(hidden, logits, weights):
    """Couples the two, so that holding one fixed while the other moves is something."""
    return through_logits(hidden, logits, weights) + (hidden[:, :2].exp() * logits**2).sum()


def with_penalty(loss):
    def penalized(hidden, logits, weights):
        return loss(hidden, logits, weights) + 0.3 * (weights**4).sum()

    return penalized


def entangled(hidden, logits, weights):
    """The parameters meet the outputs in one term."""
    return through_both(hidden, logits, weights) + (hidden.sum() * weights[:5].sin().sum()) ** 2


FORMS = {
    "tuple": lambda hidden, logits: (hidden, logits),
    "list, other order": lambda hidden, logits: [logits, hidden],
    "dict": lambda hidden, logits: {"logits": logits, "hidden": hidden},
    "named tuple": Answer,
    "nested": lambda hidden, logits: {"a": [None, {"b": (logits,)}], "c": (hidden, 3, "name")},
    "with entries that have no gradient": lambda hidden, logits: (
        hidden.detach(),
        logits.argmax(1),
        hidden,
        logits,
        torch.ones(3),
    ),
    "the same one twice": lambda hidden, logits: (hidden, logits, hidden, {"again": logits}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "loss",
    [through_logits, through_both, with_penalty(through_logits), with_penalty(through_both), entangled],
)
def test_the_matrix_is_that_of_the_definition(loss, form):
    case = Case(loss)
    dense = case.dense()
    assert dense.abs().max() > 1e-2
    torch.testing.assert_close(case.matrix(FORMS[form]), dense, **CLOSE)


def test_the_arguments_held_fixed_matter():
    """Or the test above would pass with total derivatives in place of partial ones."""
    both, logits = Case(through_both), Case(through_logits)
    assert (both.dense() - logits.dense()).abs().max() > 1e-2
    assert (both.dense() - both.matrix(curvature=Hessian)).abs().max() > 1e-2


def test_an_output_that_the_loss_does_not_use_changes_no_bit():
    case = Case(through_logits)
    assert torch.equal(case.matrix(lambda hidden, logits: (hidden, logits)), case.matrix(lambda _, z: z))


def test_a_listed_parameter_is_what_it_is():
    """A weight among the outputs: the loss's own dependence on it, counted once."""
    case = Case(with_penalty(through_logits))
    form = lambda _, logits: (logits, case.model.last.weight)  # noqa: E731
    torch.testing.assert_close(case.matrix(form), case.dense(), **CLOSE)


def test_a_penalty_that_only_some_parameters_pay():
    """And through views of them: the last bias alone."""
    case = Case(lambda hidden, logits, weights: through_logits(hidden, logits, weights))
    plain = case.dense()
    hidden, logits = case.model(case.x)
    loss = through_logits(hidden, logits, None) + 0.5 * (case.model.last.bias[1:].view(1, 1) ** 2).sum()
    product = GaussNewton(loss, logits, case.parameters)
    expected = plain.clone()
    expected[-1, -1] += 1.0
    matrix = torch.stack([product(e) for e in torch.eye(len(plain), dtype=torch.float64)])
    torch.testing.assert_close(matrix, expected, **CLOSE)


def test_a_penalty_linear_in_the_parameters_has_no_curvature():
    case = Case(lambda hidden, logits, weights: through_logits(hidden, logits, weights) + 0.1 * weights.sum())
    torch.testing.assert_close(case.matrix(), case.dense(), **CLOSE)


def test_of_a_linear_model_with_a_penalty_it_is_the_hessian():
    generator = torch.Generator().manual_seed(2)
    model = nn.Linear(4, 3).double()
    x = torch.randn(7, 4, dtype=torch.float64, generator=generator)
    targets = torch.randint(0, 3, (7,), generator=generator)

    def forward():
        outputs = model(x)
        penalty = 0.5 * 0.1 * sum((p**2).sum() for p in model.parameters())
        return nn.functional.cross_entropy(outputs, targets) + penalty, outputs

    parameters = Parameters([list(model.parameters())])
    v = torch.randn(15, dtype=torch.float64, generator=generator)
    products = [curvature(*forward(), parameters)(v) for curvature in (GaussNewton, Hessian)]
    torch.testing.assert_close(products[0], products[1], **CLOSE)


def test_one_output_without_a_penalty_is_spared_the_detour():
    """No backward pass goes past an output when the slopes are taken: the model's own nodes stay asleep."""
    ran = []
    for loss_of in (through_logits, with_penalty(through_logits)):
        case = Case(loss_of)
        hidden, logits = case.model(case.x)
        weights = torch.cat([p.reshape(-1) for p in case.parameters.tensors])
        loss = loss_of(hidden, logits, weights)
        calls = []
        hidden.grad_fn.register_hook(lambda *_, calls=calls: calls.append(1))
        GaussNewton(loss, logits, case.parameters)
        ran.append(len(calls))
    assert ran == [1, 2], "J'w alone; J'w and the cut pass"


@pytest.mark.parametrize("form", ["tuple", "dict"])
def test_accumulated_steps_take_them_too(form):
    def loss_function(outputs, targets):
        hidden, logits = outputs if form == "tuple" else (outputs["hidden"], outputs["logits"])
        return nn.functional.mse_loss(logits, targets) + (hidden**2).mean()

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = TwoHeads().double()

        def forward(self, x):
            return FORMS[form](*self.inner(x))

    def made():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = Model()
            x, y = torch.randn(8, 4, dtype=torch.float64), torch.randn(8, 2, dtype=torch.float64)
        return model, x, y

    whole, x, y = made()
    parts, _, _ = made()
    for _ in range(2):
        HessianFree(whole.parameters()).step(lambda: (loss_function(out := whole(x), y), out))
        HessianFree(parts.parameters()).acc_step(
            parts, loss_function, [(x[:3], y[:3]), (x[3:], y[3:])], test_deterministic=True
        )
    for p, q in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (lambda hidden, logits: None, "answered NoneType"),
        (lambda hidden, logits: {"name": "x", "count": 3}, "answered dict"),
        (lambda hidden, logits: (hidden.detach(), torch.ones(2)), "depend on no trainable parameter"),
        (lambda hidden, logits: (logits * 2, hidden + 1), "does not depend on the outputs"),
    ],
)
def test_outputs_of_no_use_are_refused(form, message):
    with pytest.raises(ClosureError, match=message):
        Case(through_both).matrix(form)


def test_a_step_on_a_penalized_quadratic_is_newtons():
    """One step without damping ends at the minimum of least squares with a ridge, which has a closed form."""
    problem = problems.make("mse-sum")
    X = torch.cat([problem.inputs, torch.ones(12, 1, dtype=torch.float64)], 1)
    model = nn.Linear(5, 3, bias=False).double()
    ridge = 0.7

    def forward():
        outputs = model(X)
        return 0.5 * ((outputs - problem.targets) ** 2).sum() + 0.5 * ridge * (model.weight**2).sum(), outputs

    HessianFree(model.parameters(), damping=0.0, adapt_damping=False).step(forward)
    expected = torch.linalg.solve(
        X.T @ X + ridge * torch.eye(5, dtype=torch.float64), X.T @ problem.targets
    ).T
    assert math.isclose((model.weight - expected).abs().max().item(), 0.0, abs_tol=1e-3)
