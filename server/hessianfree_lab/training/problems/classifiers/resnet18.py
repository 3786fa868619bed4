"""ResNet-18 for small images [He et al. 2016], normalized in groups of channels [Wu & He 2018]."""

import math

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.training.problems.classifiers.image_classifier import (
    ImageClassifierParams,
    MeanOfPlaces,
    Shape,
    image_classifier_problem,
)

BLOCKS = 2  # of each stage
STAGES = 4
GROUPS = 32  # of channels, or as many as divide them


class Resnet18Params(ImageClassifierParams):
    """Which images, how many, the network's width, batches and penalty."""

    width: int = Field(
        64, ge=1, le=256, description="Channels of the first stage; each other has twice the last's."
    )


def normalization(channels: int) -> nn.GroupNorm:
    """Of each case on its own, and without a state: what batch normalization is not."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


class Block(nn.Module):
    """x -> relu(x' + f(x)), f two normalized convolutions; x' is x, or where sizes differ a convolution of it."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, stride=stride, padding=1, bias=False)
        self.first_norm = normalization(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = normalization(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != channels:
            shortcut = nn.Conv2d(inputs, channels, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(shortcut, normalization(channels))

    def forward(self, images: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(images)))
        shortcut: Tensor = self.shortcut(images)
        return functional.relu(self.second_norm(self.second(inner)) + shortcut)


def resnet18(width: int, shape: Shape) -> nn.Sequential:
    """Images [N, channels, H, W] -> logits [N, classes].

    As the authors have it for CIFAR, the first convolution is 3 x 3 and nothing is pooled after it; the four stages of
    two blocks are those of ImageNet's network of 18 layers.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(shape.channels, width, 3, padding=1, bias=False),
        normalization(width),
        nn.ReLU(),
    ]
    inputs = width
    for stage in range(STAGES):
        channels = width * 2**stage
        for block in range(BLOCKS):
            layers.append(Block(inputs, channels, stride=2 if stage > 0 and block == 0 else 1))
            inputs = channels
    return nn.Sequential(*layers, MeanOfPlaces(), nn.Linear(inputs, shape.classes))


def network(params: Resnet18Params, shape: Shape) -> nn.Sequential:
    return resnet18(params.width, shape)


RESNET18 = image_classifier_problem(
    network,
    name="resnet18",
    title="ResNet-18",
    description=(
        "A residual network of 18 layers and 11 million parameters on CIFAR's or MNIST's images, normalized by groups "
        "of channels instead of batches, without augmentation [He et al. 2016; Wu & He 2018]."
    ),
    params=Resnet18Params,
)
