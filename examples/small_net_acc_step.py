"""`acc_step`: the same step, accumulated over batches, with less data for the curvature than for loss and gradient."""

import torch
from two_moons import accuracy, network, two_moons

from hessianfree.optimizer import HessianFree

points, classes = two_moons(1_000)
batches = list(zip(points.split(250), classes.split(250), strict=True))
model = network()
loss_function = torch.nn.CrossEntropyLoss()
optimizer = HessianFree(model.parameters(), damping=0.1, verbose=True)
optimizer.test_reduction(model, loss_function, batches, reduction="mean")

for step in range(15):
    # A different quarter of the data for each step's curvature products, which are most of its cost.
    curvature_batch = [batches[step % len(batches)]]
    optimizer.acc_step(model, loss_function, batches, mvp_datalist=curvature_batch, reduction="mean")
print(f"accuracy {accuracy(model, points, classes):.3f}")
