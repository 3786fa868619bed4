"""A deterministic function instead of a network: Rosenbrock's valley, with the Hessian as curvature."""

import torch

from hessianfree.optimizer import HessianFree

position = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
optimizer = HessianFree([position], curvature_opt="hessian", damping=1.0)


def forward():
    x, y = position
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2, None


for step in range(1, 101):
    loss = optimizer.step(forward)
    if step % 10 == 0 or loss < 1e-12:
        x, y = position.tolist()
        print(f"step {step:3d}  x = {x:.6f}  y = {y:.6f}  f = {loss:.3e}")
    if loss < 1e-12:
        break
