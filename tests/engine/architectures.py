"""Small networks put together from blocks, in float64: what hypothesis draws, and what a draw builds."""

import math
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn

from engine.problems import CoupledLogCosh, Problem

WIDTH = 4  # features of a vector, of a sequence's element
CHANNELS = 2  # of an image
CLASSES = 3


class Residual(nn.Module):
    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x):
        return x + self.inner(x)


class Tied(nn.Module):
    """One weight, used plain and transposed."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(0.7 * torch.randn(3, WIDTH))

    def forward(self, x):
        return torch.tanh(x @ self.weight.T) @ self.weight


class Unused(nn.Module):
    """A parameter that nothing depends on."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return x


class SoftmaxAttention(nn.Module):
    """One head, written out."""

    def __init__(self):
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x):
        scores = self.queries(x) @ self.keys(x).transpose(1, 2) / math.sqrt(WIDTH)
        return torch.softmax(scores, -1) @ self.values(x)


class LibraryAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Recurrent(nn.Module):
    """All states of one of torch's recurrent layers."""

    def __init__(self, kind):
        super().__init__()
        self.layer = kind(WIDTH, WIDTH, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


class Loop(nn.Module):
    """A recurrence written by hand; the last state stands for all."""

    def __init__(self):
        super().__init__()
        self.into, self.recur = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x):
        states = [torch.zeros_like(x[:, 0])]
        for element in x.unbind(1):
            states.append(torch.tanh(self.into(element) + self.recur(states[-1])))
        return torch.stack(states[1:], 1)


class OverTime(nn.Module):
    """A module for [N, D, T] on sequences [N, T, D]."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.transpose(1, 2)).transpose(1, 2)


class MeanOverTime(nn.Module):
    def forward(self, x):
        return x.mean(1)


ANYWHERE = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "dropout": lambda: nn.Dropout(0.5),
    "unused": Unused,
}
ON_FEATURES = {
    "linear": lambda: nn.Linear(WIDTH, WIDTH),
    "linear without bias": lambda: nn.Linear(WIDTH, WIDTH, bias=False),
    "residual": lambda: Residual(nn.Linear(WIDTH, 3), nn.Tanh(), nn.Linear(3, WIDTH)),
    "tied": Tied,
    "layer norm": lambda: nn.LayerNorm(WIDTH),
}
BLOCKS = {
    "vectors": {
        **ANYWHERE,
        **ON_FEATURES,
        "batch norm": lambda: nn.BatchNorm1d(WIDTH),
        "group norm": lambda: nn.GroupNorm(2, WIDTH),
    },
    "images": {
        **ANYWHERE,
        "convolution": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
        "strided convolution": lambda: nn.Conv2d(CHANNELS, CHANNELS, 2, stride=2, padding=1, bias=False),
        "depthwise convolution": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS),
        "residual": lambda: Residual(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.Tanh()),
        "batch norm": lambda: nn.BatchNorm2d(CHANNELS),
        "group norm": lambda: nn.GroupNorm(1, CHANNELS),
        "max pool": lambda: nn.MaxPool2d(3, stride=1, padding=1),
        "average pool": lambda: nn.AvgPool2d(2, stride=1, padding=1),
    },
    "sequences": {
        **ANYWHERE,
        **ON_FEATURES,
        "convolution": lambda: OverTime(nn.Conv1d(WIDTH, WIDTH, 2, padding=1)),
        "batch norm": lambda: OverTime(nn.BatchNorm1d(WIDTH)),
        "softmax attention": SoftmaxAttention,
        "library attention": LibraryAttention,
        "residual attention": lambda: Residual(nn.LayerNorm(WIDTH), SoftmaxAttention()),
        "RNN": lambda: Recurrent(nn.RNN),
        "GRU": lambda: Recurrent(nn.GRU),
        "LSTM": lambda: Recurrent(nn.LSTM),
        "loop": Loop,
    },
}
INPUTS = {"vectors": (WIDTH,), "images": (CHANNELS, 4, 4), "sequences": (3, WIDTH)}
HEADS = {
    "vectors": lambda: [nn.Linear(WIDTH, CLASSES)],
    "images": lambda: [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * CHANNELS, CLASSES)],
    "sequences": lambda: [MeanOverTime(), nn.Linear(WIDTH, CLASSES)],
}
LOSSES = {
    "mse": nn.MSELoss(),
    "mse sum": nn.MSELoss(reduction="sum"),
    "cross-entropy": nn.CrossEntropyLoss(),
    "smoothed cross-entropy": nn.CrossEntropyLoss(label_smoothing=0.2),
    "bce": nn.BCEWithLogitsLoss(),
    "bce sum": nn.BCEWithLogitsLoss(reduction="sum"),
    "poisson": nn.PoissonNLLLoss(),
    "huber": nn.HuberLoss(delta=0.5),
    "coupled": CoupledLogCosh(),
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One draw. `frozen` are positions among the parameters; the head's are never frozen."""

    domain: str
    blocks: tuple[str, ...]
    loss: str = "mse"
    frozen: frozenset[int] = frozenset()
    batch_statistics: bool = False  # whether batch norms normalize by the batch
    samples: int = 5
    seed: int = 0

    @property
    def is_sum_over_samples(self):
        """Whether loss and curvature of some data are the sums of those of its parts."""
        return not (self.batch_statistics and "batch norm" in self.blocks)

    def problem(self):
        """Model, loss and data; the same at every call."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            default = torch.get_default_dtype()
            torch.set_default_dtype(torch.float64)
            try:
                return self._problem()
            finally:
                torch.set_default_dtype(default)

    def _problem(self):
        blocks = [BLOCKS[self.domain][name]() for name in self.blocks]
        head = HEADS[self.domain]()
        model = nn.Sequential(*blocks, *head).eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.train(self.batch_statistics)
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
        for i, p in enumerate(nn.Sequential(*blocks).parameters()):
            p.requires_grad = i not in self.frozen
        shape = (self.samples, CLASSES)
        classes = torch.randint(CLASSES, (self.samples,))
        targets = {"cross-entropy": classes, "smoothed cross-entropy": classes, "poisson": torch.rand(shape)}
        return Problem(
            model=model,
            loss_function=LOSSES[self.loss],
            inputs=torch.randn(self.samples, *INPUTS[self.domain]),
            targets=targets.get(self.loss, torch.rand(shape) if "bce" in self.loss else torch.randn(shape)),
        )


@st.composite
def architectures(draw):
    domain = draw(st.sampled_from(sorted(BLOCKS)))
    return Architecture(
        domain=domain,
        blocks=tuple(draw(st.lists(st.sampled_from(sorted(BLOCKS[domain])), min_size=1, max_size=4))),
        loss=draw(st.sampled_from(sorted(LOSSES))),
        frozen=draw(st.frozensets(st.integers(0, 7), max_size=3)),
        batch_statistics=draw(st.booleans()),
        samples=draw(st.integers(4, 6)),
        seed=draw(st.integers(0, 1000)),
    )
