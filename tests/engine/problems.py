"""Small problems in float64, each with all that a closure needs; and their exact derivatives by torch.func.

A problem is made anew by every call, from the same seed: two optimizers get two equal copies.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call, jacrev


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A model, a loss and data; `forward` is the closure that `HessianFree.step` takes."""

    model: nn.Module
    loss_function: Callable
    inputs: torch.Tensor
    targets: torch.Tensor

    def forward(self):
        outputs = self.model(self.inputs)
        return self.loss_function(outputs, self.targets), outputs

    @property
    def parameters(self):
        return list(self.model.parameters())

    @property
    def trainable(self):
        return [p for p in self.model.parameters() if p.requires_grad]

    @property
    def dimension(self):
        return sum(p.numel() for p in self.trainable)

    def batches(self, sizes=(5, 7)):
        """The data as a list of `(inputs, targets)`, as `acc_step` takes it."""
        sizes = list(sizes)
        return list(zip(self.inputs.split(sizes), self.targets.split(sizes), strict=True))

    def vector(self):
        """The trainable parameters, flat, `[P]`."""
        return torch.cat([p.detach().reshape(-1) for p in self.trainable])

    def outputs_at(self, vector):
        """The outputs, flat, as a differentiable function of a vector `[P]` of trainable parameters."""
        return self._call(vector).reshape(-1)

    def loss_at(self, vector):
        """The loss as a differentiable function of a vector `[P]` of trainable parameters."""
        return self.loss_function(self._call(vector), self.targets)

    def dense_gradient(self):
        return jacrev(self.loss_at)(self.vector())

    def dense_hessian(self):
        return jacrev(jacrev(self.loss_at))(self.vector())

    def dense_ggn(self):
        shape = self._call(self.vector()).shape
        J = jacrev(self.outputs_at)(self.vector())
        H = jacrev(jacrev(lambda z: self.loss_function(z.reshape(shape), self.targets)))(
            self.outputs_at(self.vector())
        )
        return J.T @ H @ J

    def dense(self, curvature_opt):
        return self.dense_ggn() if curvature_opt == "ggn" else self.dense_hessian()

    def _call(self, vector):
        replaced, position = {}, 0
        for name, p in self.model.named_parameters():
            if p.requires_grad:
                replaced[name] = vector[position : position + p.numel()].reshape(p.shape)
                position += p.numel()
        return functional_call(self.model, replaced, (self.inputs,))


class TiedAutoencoder(nn.Module):
    """One weight matrix used twice, the second time transposed."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(0.5 * torch.randn(3, 5))
        self.bias = nn.Parameter(torch.zeros(5))

    def forward(self, x):
        return torch.tanh(x @ self.weight.T) @ self.weight + self.bias


class WithUnusedParameter(nn.Module):
    """A parameter that requires a gradient and never gets one lies between two that do."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.unused = nn.Parameter(torch.ones(2, 2))
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


class CoupledLogCosh(nn.Module):
    """A convex loss that no closed form covers, and whose Hessian couples the outputs of a sample."""

    def forward(self, outputs, targets):
        residuals = outputs - targets
        return torch.log(torch.cosh(residuals)).mean() + 0.5 * nn.functional.softplus(residuals.sum(1)).mean()


def mlp(outputs=3):
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


def frozen_mlp():
    model = mlp()
    for p in model[0].parameters():
        p.requires_grad = False
    return model


def convolutional_net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(2 * 3 * 3, 3))


def regression(model, loss_function, inputs=4, outputs=3, samples=12):
    return Problem(
        model=model,
        loss_function=loss_function,
        inputs=torch.randn(samples, inputs),
        targets=torch.randn(samples, outputs),
    )


def classification(loss_function, model=None):
    return Problem(
        model=mlp() if model is None else model,
        loss_function=loss_function,
        inputs=torch.randn(12, 4),
        targets=torch.randint(0, 3, (12,)),
    )


def with_ignored_targets():
    problem = classification(nn.CrossEntropyLoss(ignore_index=1))
    problem.targets[:3] = 1
    return problem


def class_probabilities():
    return Problem(
        model=mlp(),
        loss_function=nn.CrossEntropyLoss(label_smoothing=0.1),
        inputs=torch.randn(12, 4),
        targets=torch.softmax(torch.randn(12, 3), 1),
    )


def pixel_classes():
    """Outputs `[N, C, 3, 3]`, targets `[N, 3, 3]`."""
    return Problem(
        model=nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 3, 1)),
        loss_function=nn.CrossEntropyLoss(),
        inputs=torch.randn(4, 1, 5, 5),
        targets=torch.randint(0, 3, (4, 3, 3)),
    )


def binary(loss_function):
    return Problem(
        model=mlp(),
        loss_function=loss_function,
        inputs=torch.randn(12, 4),
        targets=torch.randint(0, 2, (12, 3)).double(),
    )


def images():
    return Problem(
        model=convolutional_net(),
        loss_function=nn.CrossEntropyLoss(),
        inputs=torch.randn(6, 1, 5, 5),
        targets=torch.randint(0, 3, (6,)),
    )


FACTORIES = {
    "mse": lambda: regression(mlp(), nn.MSELoss()),
    "mse-sum": lambda: regression(mlp(), nn.MSELoss(reduction="sum")),
    "cross-entropy": lambda: classification(nn.CrossEntropyLoss()),
    "cross-entropy-sum": lambda: classification(nn.CrossEntropyLoss(reduction="sum")),
    "cross-entropy-weighted": lambda: classification(
        nn.CrossEntropyLoss(weight=torch.tensor([0.2, 1.0, 3.0]))
    ),
    "cross-entropy-smoothed": lambda: classification(nn.CrossEntropyLoss(label_smoothing=0.2)),
    "cross-entropy-ignoring": with_ignored_targets,
    "cross-entropy-probabilities": class_probabilities,
    "cross-entropy-pixels": pixel_classes,
    "bce": lambda: binary(nn.BCEWithLogitsLoss()),
    "bce-sum": lambda: binary(nn.BCEWithLogitsLoss(reduction="sum")),
    "bce-weighted": lambda: binary(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.5, 2.0, 4.0]))),
    "coupled": lambda: regression(mlp(), CoupledLogCosh()),
    "frozen": lambda: regression(frozen_mlp(), nn.MSELoss()),
    "convolutional": images,
    "tied": lambda: regression(TiedAutoencoder(), nn.MSELoss(), inputs=5, outputs=5),
    "unused": lambda: regression(WithUnusedParameter(), nn.MSELoss(), outputs=2),
}
NAMES = sorted(FACTORIES)


def make(name, seed=0):
    """The problem `name` in float64; the same one at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return FACTORIES[name]()
        finally:
            torch.set_default_dtype(default)
