"""The deep autoencoder of handwritten digits [Hinton & Salakhutdinov 2006; Martens 2010, 5], or of clothes."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from hessianfree_lab.records import Supply
from hessianfree_lab.training.datasets import LABELLED, labelled_images, supply
from hessianfree_lab.training.problems.autoencoders.autoencoder import PixelCrossEntropy, reconstruction_error
from hessianfree_lab.training.problems.autoencoders.deep import (
    DeepAutoencoder,
    ImageParams,
    deep_autoencoder_problem,
    first,
)

WIDTHS = (784, 1000, 500, 250, 30)
WHITE = 255


class MnistAutoencoderParams(ImageParams):
    """Which images, how many, batches and penalty; the network is that of the papers."""

    dataset: Literal["mnist", "fashion-mnist"] = Field(
        "mnist", description="Digits, or clothes of the same size."
    )


def images(params: MnistAutoencoderParams) -> tuple[Tensor, Tensor]:
    found = labelled_images(params.dataset)
    return (
        first(found.training, params.cases).flatten(1) / WHITE,
        first(found.test, params.held_out_cases).flatten(1) / WHITE,
    )


def supplies() -> dict[str, Supply]:
    """Either of the two sets will do: a job says which it wants."""
    return {"dataset": supply([LABELLED["mnist"], LABELLED["fashion-mnist"]])}


MNIST_AUTOENCODER = deep_autoencoder_problem(
    DeepAutoencoder(
        widths=WIDTHS, images=images, loss_function=PixelCrossEntropy, error=reconstruction_error
    ),
    name="mnist-autoencoder",
    title="MNIST autoencoder",
    description=(
        "The deep autoencoder 784-1000-500-250-30 and back, of sigmoid units, on the 60,000 digits of MNIST or the "
        "clothes of Fashion-MNIST; 10,000 more are held out."
    ),
    params=MnistAutoencoderParams,
    loss="cross-entropy of the pixels, nats",
    supplies=supplies,
)
