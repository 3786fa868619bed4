"""All-CNN-C: convolutions alone [Springenberg et al. 2015, table 1]."""

from pydantic import Field
from torch import nn

from hessianfree_lab.training.problems.classifiers.image_classifier import (
    ImageClassifierParams,
    MeanOfPlaces,
    Shape,
    image_classifier_problem,
)


class AllCnnCParams(ImageClassifierParams):
    """Which images, how many, the network's width, batches and penalty."""

    width: int = Field(
        96, ge=1, le=384, description="Channels of the first three convolutions; the others have twice."
    )


def allcnnc(width: int, shape: Shape) -> nn.Sequential:
    """Images [N, channels, H, W] -> logits [N, classes]; H and W at least 9.

    Strides in place of pooling, a mean over places in place of dense layers. Without the original's dropout, which is
    no fixed function, and without the rectifier after the last convolution, where a negative logit would learn nothing.
    """
    wide = 2 * width
    layers: list[nn.Module] = []
    for inputs, outputs, kernel, stride, padding in (
        (shape.channels, width, 3, 1, 1),
        (width, width, 3, 1, 1),
        (width, width, 3, 2, 1),
        (width, wide, 3, 1, 1),
        (wide, wide, 3, 1, 1),
        (wide, wide, 3, 2, 1),
        (wide, wide, 3, 1, 0),
        (wide, wide, 1, 1, 0),
    ):
        layers += [nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(wide, shape.classes, 1), MeanOfPlaces())


def network(params: AllCnnCParams, shape: Shape) -> nn.Sequential:
    return allcnnc(params.width, shape)


ALLCNNC = image_classifier_problem(
    network,
    name="allcnnc",
    title="All-CNN-C",
    description=(
        "A network of nine convolutions and 1.4 million parameters on CIFAR's or MNIST's images, without any "
        "normalization, dropout or augmentation: deep and badly scaled [Springenberg et al. 2015]."
    ),
    params=AllCnnCParams,
)
