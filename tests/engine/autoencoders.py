"""Deep sigmoid autoencoders on images of random curves, sparsely initialized [Martens 2010, 5]."""

import itertools

import torch
from torch import nn


def curves(samples, side, generator):
    """Images `[samples, side * side]` in [0, 1], each of a quadratic Bezier curve drawn with a soft pen."""
    points = torch.rand(samples, 3, 2, generator=generator)
    t = torch.linspace(0, 1, 4 * side)
    weights = torch.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2])
    ink = torch.einsum("npx,pt->ntx", points, weights)
    pixel = (torch.arange(side) + 0.5) / side
    near = torch.exp(-0.5 * ((ink[..., None] - pixel) * side / 0.7) ** 2)
    return (near[:, :, 0, :, None] * near[:, :, 1, None, :]).amax(1).reshape(samples, -1)


def sparse_autoencoder(widths, generator):
    """Encoder through `widths` and the mirrored decoder; sigmoid units but for code and output, which are linear.

    Each unit gets 15 incoming weights from N(0, 1), the others zero [Martens 2010, 5]; biases are zero.
    """
    mirrored = [*widths, *reversed(widths[:-1])]
    layers = []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(mirrored)):
        linear = nn.Linear(inputs, outputs)
        with torch.no_grad():
            linear.weight.zero_()
            linear.bias.zero_()
            for row in linear.weight:
                chosen = torch.randperm(inputs, generator=generator)[:15]
                row[chosen] = torch.randn(len(chosen), generator=generator)
        layers.append(linear)
        if i + 2 not in (len(widths), len(mirrored)):
            layers.append(nn.Sigmoid())
    return nn.Sequential(*layers)


def cross_entropy(logits, images):
    """Nats an image: the sum over its pixels, the mean over images."""
    return nn.functional.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def plateau(images):
    """The lowest loss of an output that is the same for every image: that of the mean image."""
    mean = images.mean(0).clamp(1e-6, 1 - 1e-6)
    return cross_entropy(torch.logit(mean).expand_as(images), images).item()
