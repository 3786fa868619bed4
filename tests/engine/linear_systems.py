"""Dense symmetric positive definite systems, in float64, and how far an x is from solving one."""

import math

import torch


def system(n=30, condition=1e3, seed=0):
    """An s.p.d. matrix with eigenvalues spread evenly over `condition`, in a random basis, and a right-hand side."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    eigenvalues = torch.logspace(0, math.log10(condition), n, dtype=torch.float64)
    return (Q * eigenvalues) @ Q.T, torch.randn(n, generator=generator, dtype=torch.float64)


def relative_error(x, exact):
    return ((x - exact).norm() / exact.norm()).item()


def quadratic(A, b, x):
    return (0.5 * x @ A @ x - b @ x).item()
