"""The three models that the engine is measured on: fully connected, convolutional, recurrent."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model, a mean loss and data; `forward()` answers (loss, outputs).

    With its damping, CG on the Gauss-Newton matrix has work for thirty iterations and more; the Hessian's keeps the
    first iterates away from directions of negative curvature.
    """

    title: str
    model: nn.Module
    loss_function: nn.Module
    inputs: Tensor
    targets: Tensor
    damping: dict[str, float]  # by curvature
    sample_dimension: int = 0  # of the inputs

    def forward(self) -> tuple[Tensor, Tensor]:
        outputs = self.model(self.inputs)
        return self.loss_function(outputs, self.targets), outputs

    def batches(self, count: int) -> list[Batch]:
        """The data as `count` batches of (inputs, targets)."""
        inputs = self.inputs.tensor_split(count, dim=self.sample_dimension)
        return list(zip(inputs, self.targets.tensor_split(count), strict=True))


class TanhRNN(nn.Module):
    """A plain recurrent net written as a loop; the class of a sequence is read from the last state."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.into = nn.Linear(inputs, hidden)
        self.recur = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, classes)

    def forward(self, sequence: Tensor) -> Tensor:  # [T, N, D] -> [N, C]
        state = torch.zeros(sequence.shape[1], self.recur.in_features, device=sequence.device)
        for x in sequence:
            state = torch.tanh(self.into(x) + self.recur(state))
        return self.out(state)


def deep_autoencoder(device: str = "cpu", samples: int = 1000) -> Workload:
    """784-400-200-100-50-25-6 and back, sigmoid, a linear code; cross-entropy over pixels.

    Initialized sparsely, 15 incoming weights a unit [Martens 2010, 5]: from torch's own initialization the gradient all
    but vanishes on its way to the code, and CG is done after a few iterations. Images of six degrees of freedom.
    """
    torch.manual_seed(0)
    widths = [784, 400, 200, 100, 50, 25, 6, 25, 50, 100, 200, 400, 784]
    layers: list[nn.Module] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        layers.append(_sparse(nn.Linear(fan_in, fan_out)))
        if i not in (5, len(widths) - 2):
            layers.append(nn.Sigmoid())
    images = torch.sigmoid(torch.randn(samples, 6) @ torch.randn(6, 784)).to(device)
    return Workload(
        title="autoencoder",
        model=nn.Sequential(*layers).to(device),
        loss_function=nn.BCEWithLogitsLoss(),
        inputs=images,
        targets=images,
        damping={"ggn": 1e-4, "hessian": 0.1},
    )


def small_conv_net(device: str = "cpu", samples: int = 256) -> Workload:
    """Two convolutions on 28x28, cross-entropy."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 10)),
    )
    return Workload(
        title="conv net",
        model=model.to(device),
        loss_function=nn.CrossEntropyLoss(),
        inputs=torch.rand(samples, 1, 28, 28).to(device),
        targets=torch.randint(10, (samples,)).to(device),
        damping={"ggn": 1e-3, "hessian": 0.3},
    )


def tanh_rnn(device: str = "cpu", samples: int = 128) -> Workload:
    """100 hidden units, 50 time steps, cross-entropy."""
    torch.manual_seed(0)
    return Workload(
        title="tanh RNN",
        model=TanhRNN(10, 100, 5).to(device),
        loss_function=nn.CrossEntropyLoss(),
        inputs=torch.rand(50, samples, 10).to(device),
        targets=torch.randint(5, (samples,)).to(device),
        damping={"ggn": 1e-3, "hessian": 0.3},
        sample_dimension=1,
    )


WORKLOADS: tuple[Callable[..., Workload], ...] = (deep_autoencoder, small_conv_net, tanh_rnn)


@torch.no_grad()
def _sparse(linear: nn.Linear) -> nn.Linear:
    linear.bias.zero_()
    for row in linear.weight:
        chosen = torch.randperm(len(row))[:15]
        row.zero_()
        row[chosen] = torch.randn(len(chosen))
    return linear
