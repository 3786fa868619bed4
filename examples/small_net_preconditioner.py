"""The empirical-Fisher preconditioner, on and off: whether it pays depends on the problem, so measure it on yours."""

import torch
from two_moons import network, two_moons

from hessianfree.optimizer import HessianFree

points, classes = two_moons(400)
loss_function = torch.nn.CrossEntropyLoss()


def train(*, preconditioned: bool, steps: int = 15) -> None:
    model = network()
    optimizer = HessianFree(model.parameters(), damping=0.1)

    def forward():
        outputs = model(points)
        return loss_function(outputs, classes), outputs

    iterations = 0
    for _ in range(steps):
        M = None
        if preconditioned:
            M = optimizer.get_preconditioner(model, loss_function, points, classes, reduction="mean")
        loss = optimizer.step(forward, M_func=M)
        iterations += optimizer.last_report.cg_iterations
    title = "with preconditioner" if preconditioned else "without"
    print(f"{title:20s} loss {loss:.6f} after {steps} steps and {iterations} CG iterations")


train(preconditioned=False)
train(preconditioned=True)
