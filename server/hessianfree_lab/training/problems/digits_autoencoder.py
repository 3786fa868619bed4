"""A deep autoencoder of the digits: the kind of network that made Hessian-free known [Martens 2010]."""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.digits import digits, held_out
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.networks import Activation, perceptron
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


class PixelCrossEntropy(nn.Module):
    """Binary cross-entropy of logits with pixels in [0, 1], summed over pixels, mean over cases; in nats."""

    def forward(self, logits: Tensor, pixels: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, pixels, reduction="sum") / len(pixels)


def reconstruction_error(logits: Tensor, pixels: Tensor) -> Tensor:
    """Squared error summed over pixels, mean over cases."""
    return (torch.sigmoid(logits) - pixels).square().sum(dim=1).mean()


def build(params: AutoencoderParams, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
    outer, inner = params.hidden_size, max(params.hidden_size // 2, 1)
    generator = torch.Generator().manual_seed(seed)
    encoder = perceptron([PIXELS, outer, inner, params.code_size], params.activation, generator)
    decoder = perceptron([params.code_size, inner, outer, PIXELS], params.activation, generator)
    model = nn.Sequential(*encoder, *decoder).to(device, dtype)
    images, is_held_out = digits()[0].to(device, dtype), held_out().to(device)
    training, rest = images[~is_held_out], images[is_held_out]
    return SupervisedTask(
        model=model,
        loss_function=PixelCrossEntropy(),
        error=reconstruction_error,
        data=Split(inputs=training, targets=training, held_out_inputs=rest, held_out_targets=rest),
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
)
