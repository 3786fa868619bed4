"""A small classifier of the digits."""

import torch
from pydantic import Field
from torch import nn

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.classification import error_rate
from hessianfree_lab.training.problems.digits import digits, held_out
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.networks import Activation, perceptron
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask


class ClassifierParams(Params):
    """The network and its batches."""

    hidden_size: int = Field(32, ge=1, le=4_000, description="Units of the hidden layer.")
    activation: Activation = Field("tanh", description="Of the hidden layer.")
    batch_size: int | None = Field(None, ge=1, le=1_497, description="Cases a step; empty: all 1,497.")


def build(params: ClassifierParams, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
    generator = torch.Generator().manual_seed(seed)
    model = perceptron([64, params.hidden_size, 10], params.activation, generator).to(device, dtype)
    (images, labels), is_held_out = digits(), held_out()
    data = Split(
        inputs=images[~is_held_out],
        targets=labels[~is_held_out],
        held_out_inputs=images[is_held_out],
        held_out_targets=labels[is_held_out],
    )
    return SupervisedTask(
        model=model,
        loss_function=nn.CrossEntropyLoss(),
        error=error_rate,
        data=data.placed(device, dtype),
        batch_size=params.batch_size,
        seed=seed,
    )


DIGITS_CLASSIFIER = Problem(
    name="digits-classifier",
    title="Digits classifier",
    description="A network 64-32-10 that reads 1,497 handwritten digits of 8 x 8 pixels; 300 more are held out.",
    params=ClassifierParams,
    metrics={
        "loss": "cross-entropy, nats a case",
        "eval_loss": "the same on held-out digits",
        "eval_error": "share of held-out digits misread",
    },
    build=build,
    divisible=True,
)
