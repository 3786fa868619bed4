"""The deep autoencoder of curves [Hinton & Salakhutdinov 2006; Martens 2010, 5]."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from hessianfree_lab.records import Supply
from hessianfree_lab.training.datasets import CURVES, curves_images, supply
from hessianfree_lab.training.problems.autoencoders.autoencoder import PixelCrossEntropy, reconstruction_error
from hessianfree_lab.training.problems.autoencoders.curves import curves
from hessianfree_lab.training.problems.autoencoders.deep import (
    DeepAutoencoder,
    ImageParams,
    deep_autoencoder_problem,
    first,
)

WIDTHS = (784, 400, 200, 100, 50, 25, 6)
TRAINING, HELD_OUT = 0, 1  # the generator's own seeds: they are the same images for every job


class CurvesAutoencoderParams(ImageParams):
    """Which curves, how many, batches and penalty; the network is that of the papers."""

    dataset: Literal["curves-like", "curves"] = Field(
        "curves-like",
        description="Generated here, or the file digs3pts_1.mat of the papers; errors of the two cannot be compared.",
    )
    cases: int = Field(20_000, ge=1, le=60_000, description="Training images.")
    held_out_cases: int = Field(10_000, ge=1, le=60_000, description="Images held out for evaluation.")
    l2: float = Field(
        0.0,
        ge=0,
        le=1e3,
        description="Adds this times half the squared norm of the parameters to the loss.",
    )


def images(params: CurvesAutoencoderParams) -> tuple[Tensor, Tensor]:
    if params.dataset == "curves":
        training, rest = curves_images()
        return first(training, params.cases), first(rest, params.held_out_cases)
    return curves(params.cases, TRAINING), curves(params.held_out_cases, HELD_OUT)


def supplies() -> dict[str, Supply]:
    """The generated ones are everywhere."""
    return {"dataset": supply([CURVES], always=["curves-like"])}


CURVES_AUTOENCODER = deep_autoencoder_problem(
    DeepAutoencoder(
        widths=WIDTHS, images=images, loss_function=PixelCrossEntropy, error=reconstruction_error
    ),
    name="curves-autoencoder",
    title="Curves autoencoder",
    description=(
        "The deep autoencoder 784-400-200-100-50-25-6 and back, of sigmoid units, on 20,000 images of smooth curves: "
        "a long plateau where every image gets the mean image, and bad scaling beyond it."
    ),
    params=CurvesAutoencoderParams,
    loss="cross-entropy of the pixels, nats",
    supplies=supplies,
)
