"""Dense indefinite systems in float64, and a function with a saddle."""

import torch


def indefinite(n=20, negative=5, seed=0, largest=10.0):
    """A symmetric matrix with `negative` eigenvalues below zero, in a random basis, and a right-hand side."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    eigenvalues = torch.linspace(0.5, largest, n, dtype=torch.float64)
    eigenvalues[:negative] *= -1
    return (Q * eigenvalues) @ Q.T, torch.randn(n, generator=generator, dtype=torch.float64)


class Saddle:
    """x^2 - y^2 + y^4 from beside its saddle at the origin; the minima, -1/4, are at y = +-sqrt(1/2)."""

    lowest = -0.25

    def __init__(self, x=1.0, y=1e-3):
        self.parameter = torch.nn.Parameter(torch.tensor([x, y], dtype=torch.float64))

    def forward(self):
        x, y = self.parameter
        return x**2 - y**2 + y**4, None
