"""The deep autoencoder that Hessian-free optimization is known for [Hinton & Salakhutdinov 2006; Martens 2010, 5]."""

import torch
from pydantic import Field

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.autoencoders import (
    PixelCrossEntropy,
    autoencoder,
    reconstruction_error,
)
from hessianfree_lab.training.problems.curves import curves
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.networks import sparse
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

WIDTHS = (784, 400, 200, 100, 50, 25, 6)
TRAINING, HELD_OUT = 0, 1  # the data's own seeds: they are the same images for every job


class CurvesAutoencoderParams(Params):
    """Data, batches and penalty; the network is that of the papers."""

    cases: int = Field(20_000, ge=1, le=60_000, description="Training images.")
    held_out_cases: int = Field(10_000, ge=1, le=60_000, description="Images held out for evaluation.")
    batch_size: int | None = Field(None, ge=1, le=60_000, description="Cases a step; empty: all of them.")
    l2: float = Field(
        0.0, ge=0, le=1e3, description="Adds this times half the squared norm of the parameters to the loss."
    )


def build(
    params: CurvesAutoencoderParams, seed: int, device: torch.device, dtype: torch.dtype
) -> SupervisedTask:
    model = autoencoder(WIDTHS, "sigmoid", torch.Generator().manual_seed(seed), sparse)
    training, rest = (
        curves(count, data).to(device, dtype)
        for count, data in ((params.cases, TRAINING), (params.held_out_cases, HELD_OUT))
    )
    return SupervisedTask(
        model=model.to(device, dtype),
        loss_function=PixelCrossEntropy(),
        error=reconstruction_error,
        data=Split(inputs=training, targets=training, held_out_inputs=rest, held_out_targets=rest),
        batch_size=params.batch_size,
        l2=params.l2,
        seed=seed,
    )


CURVES_AUTOENCODER = Problem(
    name="curves-autoencoder",
    title="Curves autoencoder",
    description=(
        "The deep autoencoder 784-400-200-100-50-25-6 and back, of sigmoid units, on 20,000 images of smooth curves: "
        "a long plateau where every image gets the mean image, and bad scaling beyond it."
    ),
    params=CurvesAutoencoderParams,
    metrics={
        "loss": "cross-entropy of the pixels, nats a case, and the L2 penalty",
        "eval_loss": "cross-entropy on held-out images",
        "eval_error": "squared reconstruction error a held-out case",
    },
    build=build,
)
