"""The smallest use: a network, a closure, five steps."""

import torch

from hessianfree.optimizer import HessianFree

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(10, 10, bias=False), torch.nn.ReLU(), torch.nn.Linear(10, 10))
loss_function = torch.nn.MSELoss()
optimizer = HessianFree(model.parameters(), verbose=True)

for _ in range(5):
    inputs, targets = torch.rand(16, 10), torch.rand(16, 10)

    def forward(inputs=inputs, targets=targets):
        outputs = model(inputs)
        return loss_function(outputs, targets), outputs

    optimizer.step(forward)
