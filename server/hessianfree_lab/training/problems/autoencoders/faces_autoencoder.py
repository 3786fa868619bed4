"""The deep autoencoder of faces [Hinton & Salakhutdinov 2006; Martens 2010, 5]: real-valued pixels, linear outputs."""

from torch import Tensor, nn

from hessianfree_lab.training.datasets import FACES, faces_images
from hessianfree_lab.training.problems.autoencoders.deep import (
    DeepAutoencoder,
    ImageParams,
    deep_autoencoder_problem,
    first,
)

WIDTHS = (625, 2000, 1000, 500, 30)


class HalfSquaredError(nn.Module):
    """Half the squared error summed over pixels, mean over cases: minus the log-likelihood of N(outputs, 1)."""

    def forward(self, outputs: Tensor, pixels: Tensor) -> Tensor:
        return 0.5 * (outputs - pixels).square().sum() / len(pixels)


def squared_error(outputs: Tensor, pixels: Tensor) -> Tensor:
    """Summed over pixels, mean over cases."""
    return (outputs - pixels).square().sum(dim=1).mean()


def images(params: ImageParams) -> tuple[Tensor, Tensor]:
    training, rest = faces_images()
    return first(training, params.cases), first(rest, params.held_out_cases)


FACES_AUTOENCODER = deep_autoencoder_problem(
    DeepAutoencoder(widths=WIDTHS, images=images, loss_function=HalfSquaredError, error=squared_error),
    name="faces-autoencoder",
    title="Faces autoencoder",
    description=(
        "The deep autoencoder 625-2000-1000-500-30 and back, of sigmoid units with linear outputs, on 103,500 images "
        "of the faces of 25 people; 41,400 of 10 others are held out."
    ),
    params=ImageParams,
    loss="half the squared error, summed over pixels",
    missing=FACES.missing,
)
