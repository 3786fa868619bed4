"""The three models that the engine is measured on: fully connected, convolutional, recurrent."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model and a batch; `forward()` answers (loss, outputs)."""

    title: str
    model: nn.Module
    forward: Callable[[], tuple[Tensor, Tensor]]


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


def deep_autoencoder(device: str = "cpu") -> Workload:
    """784-400-200-100-50-25-6 and back, sigmoid, a linear code; batch 1,000; cross-entropy over pixels."""
    torch.manual_seed(0)
    widths = [784, 400, 200, 100, 50, 25, 6, 25, 50, 100, 200, 400, 784]
    layers: list[nn.Module] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(fan_in, fan_out))
        if i not in (5, len(widths) - 2):
            layers.append(nn.Sigmoid())
    images = torch.rand(1000, 784, device=device)
    return _workload(
        "deep autoencoder", nn.Sequential(*layers).to(device), nn.BCEWithLogitsLoss(), images, images
    )


def small_conv_net(device: str = "cpu") -> Workload:
    """Two convolutions on 28x28, batch 256, cross-entropy."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 10)),
    ).to(device)
    images = torch.rand(256, 1, 28, 28, device=device)
    classes = torch.randint(10, (256,), device=device)
    return _workload("conv net", model, nn.CrossEntropyLoss(), images, classes)


def tanh_rnn(device: str = "cpu") -> Workload:
    """100 hidden units, 50 time steps, batch 128, cross-entropy."""
    torch.manual_seed(0)
    sequence = torch.rand(50, 128, 10, device=device)
    classes = torch.randint(5, (128,), device=device)
    return _workload("tanh RNN", TanhRNN(10, 100, 5).to(device), nn.CrossEntropyLoss(), sequence, classes)


WORKLOADS = (deep_autoencoder, small_conv_net, tanh_rnn)


def _workload(
    title: str, model: nn.Module, loss_function: nn.Module, inputs: Tensor, targets: Tensor
) -> Workload:
    def forward() -> tuple[Tensor, Tensor]:
        outputs = model(inputs)
        return loss_function(outputs, targets), outputs

    return Workload(title=title, model=model, forward=forward)
