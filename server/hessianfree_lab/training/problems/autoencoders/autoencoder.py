"""Deep autoencoders of images with pixels in [0, 1]: network, loss and error."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.training.problems.networks import Activation, Initialization, glorot, perceptron


def autoencoder(
    widths: Sequence[int],
    activation: Activation,
    generator: torch.Generator,
    initialize: Initialization = glorot,
) -> nn.Sequential:
    """From pixels through `widths` to the code, which is linear, and mirrored back to logits of pixels."""
    encoder = perceptron(widths, activation, generator, initialize)
    decoder = perceptron(widths[::-1], activation, generator, initialize)
    return nn.Sequential(*encoder, *decoder)


class PixelCrossEntropy(nn.Module):
    """Binary cross-entropy of logits with pixels in [0, 1], summed over pixels, mean over cases; in nats."""

    def forward(self, logits: Tensor, pixels: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, pixels, reduction="sum") / len(pixels)


def reconstruction_error(logits: Tensor, pixels: Tensor) -> Tensor:
    """Squared error summed over pixels, mean over cases."""
    return (torch.sigmoid(logits) - pixels).square().sum(dim=1).mean()
