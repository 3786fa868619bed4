"""The recommended settings on batches that grow: an autoencoder of noisy waves, 64-32-4-32-64."""

import math
import warnings
from itertools import islice

import torch
from torch import nn

from hessianfree import HessianFree
from hessianfree.batches import GrowingBatches

torch.manual_seed(0)
time = torch.linspace(0, 2 * math.pi, 64)
frequency, phase = 1 + 2 * torch.rand(4_000, 1), 2 * math.pi * torch.rand(4_000, 1)
waves = torch.sin(frequency * time + phase) + 0.05 * torch.randn(4_000, 64)

model = nn.Sequential(
    *(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 4)),
    *(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 64)),
)
loss_function = nn.MSELoss()

# The model is watched for its preconditioner. That a step disappoints the quadratic model may happen, and is told.
optimizer = HessianFree.recommended(model.parameters(), model)
warnings.filterwarnings("ignore", "The reduction ratio")

batches = GrowingBatches(waves, waves, first=100, growth=1.06, judge_share=4)
for step, data in enumerate(islice(batches, 60), start=1):
    optimizer.acc_step(model, loss_function, **data.lists)
    if step % 10 == 0:
        with torch.no_grad():
            loss = loss_function(model(waves), waves).item()
        print(f"step {step}: {len(data.gradient[0][0])} waves, loss on all of them {loss:.5f}")
