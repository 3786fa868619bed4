"""`step`: train on a closure, and read from the report what each step did."""

import torch
from two_moons import accuracy, network, two_moons

from hessianfree.optimizer import HessianFree

points, classes = two_moons(400)
model = network()
loss_function = torch.nn.CrossEntropyLoss()
optimizer = HessianFree(model.parameters(), damping=0.1)


def forward():
    outputs = model(points)
    return loss_function(outputs, classes), outputs


for step in range(1, 21):
    loss = optimizer.step(forward)
    report = optimizer.last_report
    print(
        f"step {step:2d}  loss {loss:.5f}  damping {report.damping:.1e}  ratio {report.reduction_ratio:5.2f}  "
        f"{report.cg_iterations:3d} CG iterations: {report.cg_stop}"
    )
print(f"accuracy {accuracy(model, points, classes):.3f}")
