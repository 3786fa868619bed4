"""A deep autoencoder of the digits: the kind of network that made Hessian-free known [Martens 2010]."""

import torch
from pydantic import Field

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.autoencoders.autoencoder import (
    PixelCrossEntropy,
    autoencoder,
    reconstruction_error,
)
from hessianfree_lab.training.problems.digits import digits, held_out
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.networks import Activation
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

PIXELS = 64


class AutoencoderParams(Params):
    """The network and its batches."""

    hidden_size: int = Field(
        50, ge=2, le=2_000, description="Units of the outer hidden layers; inner ones: half."
    )
    code_size: int = Field(6, ge=1, le=500, description="Units of the code in the middle.")
    activation: Activation = Field("tanh", description="Of every layer but the code and the output.")
    batch_size: int | None = Field(None, ge=1, le=1_497, description="Cases a step; empty: all 1,497.")


def build(params: AutoencoderParams, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
    outer, inner = params.hidden_size, max(params.hidden_size // 2, 1)
    generator = torch.Generator().manual_seed(seed)
    widths = [PIXELS, outer, inner, params.code_size]
    model = autoencoder(widths, params.activation, generator).to(device, dtype)
    images, is_held_out = digits()[0], held_out()
    training, rest = images[~is_held_out], images[is_held_out]
    data = Split(inputs=training, targets=training, held_out_inputs=rest, held_out_targets=rest)
    return SupervisedTask(
        model=model,
        loss_function=PixelCrossEntropy(),
        error=reconstruction_error,
        data=data.placed(device, dtype),
        batch_size=params.batch_size,
        seed=seed,
    )


DIGITS_AUTOENCODER = Problem(
    name="digits-autoencoder",
    title="Digits autoencoder",
    description=(
        "A deep autoencoder 64-50-25-6-25-50-64 of 1,497 handwritten digits of 8 x 8 pixels (300 more are held out): "
        "badly scaled, with long plateaus for first-order methods."
    ),
    params=AutoencoderParams,
    metrics={
        "loss": "cross-entropy of the pixels, nats a case",
        "eval_loss": "the same on held-out digits",
        "eval_error": "squared reconstruction error a held-out case",
    },
    build=build,
    divisible=True,
)
