"""Small models with buffers of every kind, and steps on them."""

import torch
from torch import nn


class Codebook(nn.Module):
    """Buffers that the output depends on, changed in each of the ways that forward passes use."""

    def __init__(self):
        super().__init__()
        self.register_buffer("in_place", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("by_data", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("rebound", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("steady", torch.arange(3, dtype=torch.float64))
        self.register_buffer("absent", None)
        self.register_buffer("late", None)

    def forward(self, x):
        with torch.no_grad():
            mean = x.detach().mean(0)
            self.in_place.mul_(0.9).add_(0.1 * mean)
            self.by_data.data.mul_(0.8).add_(0.2 * mean)
            self.rebound = 0.7 * self.rebound + 0.3 * mean
            self.late = mean if self.late is None else self.late + mean
            if "new" not in self._buffers:
                self.register_buffer("new", mean.clone())
        return x + self.in_place + self.by_data**2 + torch.sin(self.rebound) + 0.1 * self.late + self.steady


LAYERS = {
    "batch norm": lambda: nn.BatchNorm1d(3),
    "cumulative": lambda: nn.BatchNorm1d(3, momentum=None),
    "untracked": lambda: nn.BatchNorm1d(3, track_running_stats=False),
    "without weights": lambda: nn.BatchNorm1d(3, affine=False),
    "instance norm": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 3)), nn.InstanceNorm1d(1, track_running_stats=True), nn.Flatten()
    ),
    "untracked instance norm": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 3)), nn.InstanceNorm1d(1), nn.Flatten()
    ),
    "codebook": Codebook,
    "without buffers": lambda: nn.LayerNorm(3),
}


def made(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3), LAYERS[name](), nn.Tanh(), nn.Linear(3, 2)).double()
        data = torch.randn(12, 4, dtype=torch.float64), torch.randn(12, 2, dtype=torch.float64)
    return model, data


def advance(opt, model, data, way, **options):
    x, y = data
    if way == "step":
        return opt.step(lambda: (nn.functional.mse_loss(out := model(x), y), out), **options)
    return opt.acc_step(model, nn.functional.mse_loss, [(x[:5], y[:5]), (x[5:], y[5:])], **options)


def buffers(model):
    return {name: tensor.clone() for name, tensor in model.named_buffers()}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name in found:
        assert torch.equal(found[name], expected[name]), name
