"""Convolutional networks that tell the classes of labelled images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.records import Supply
from hessianfree_lab.training.datasets import LABELLED, labelled_images, supply
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.classification import error_rate
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

MOST_CASES = 60_000


class ImageClassifierParams(Params):
    """Which images, how many, batches and penalty."""

    dataset: Literal["cifar-10", "cifar-100", "mnist", "fashion-mnist"] = Field(
        "cifar-10", description="Which labelled images; their files must be on the worker."
    )
    cases: int | None = Field(None, ge=1, le=MOST_CASES, description="Training images; empty: all of them.")
    held_out_cases: int | None = Field(
        None, ge=1, le=MOST_CASES, description="Images held out for evaluation; empty: all of them."
    )
    batch_size: int | None = Field(128, ge=1, le=MOST_CASES, description="Cases a step; empty: all of them.")
    l2: float = Field(
        0.0, ge=0, le=1e3, description="Adds this times half the squared norm of the parameters to the loss."
    )


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a network is to read and to tell."""

    channels: int
    classes: int


class MeanOfPlaces(nn.Module):
    """[N, channels, H, W] -> [N, channels]; on a GPU, unlike adaptive pooling, with a gradient that repeats."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def kaiming(model: nn.Module, generator: torch.Generator) -> None:
    """Convolutions and linear layers as [He et al. 2015] begin, before rectifiers: variance 2 / inputs, no biases.

    Drawn on the CPU in float64, so that one seed is one network everywhere; `model` must be there, in float64.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def supplies() -> dict[str, Supply]:
    """Any of the sets will do: a job says which it wants."""
    names = ("cifar-10", "cifar-100", "mnist", "fashion-mnist")
    return {"dataset": supply([LABELLED[name] for name in names])}


def image_classifier_problem(
    network: Callable[[Any, Shape], nn.Module],
    *,
    name: str,
    title: str,
    description: str,
    params: type[ImageClassifierParams],
) -> Problem:
    """The problem of `network(options, shape)`, whose parameters are drawn here."""

    def build(
        options: ImageClassifierParams, seed: int, device: torch.device, dtype: torch.dtype
    ) -> SupervisedTask:
        found = labelled_images(options.dataset)
        training, rest = found.training[: options.cases], found.test[: options.held_out_cases]
        model = network(options, Shape(channels=training.shape[1], classes=found.classes)).double()
        kaiming(model, torch.Generator().manual_seed(seed))
        scale = _scale(training)
        return SupervisedTask(
            model=model.to(device, dtype),
            loss_function=nn.CrossEntropyLoss(),
            error=error_rate,
            data=Split(
                inputs=scale(training.to(device), dtype),
                targets=found.training_labels[: options.cases],
                held_out_inputs=scale(rest.to(device), dtype),
                held_out_targets=found.test_labels[: options.held_out_cases],
            ).placed(device, dtype),
            batch_size=options.batch_size,
            l2=options.l2,
            seed=seed,
        )

    return Problem(
        name=name,
        title=title,
        description=description,
        params=params,
        metrics={
            "loss": "cross-entropy, nats a case, and the L2 penalty",
            "eval_loss": "cross-entropy, nats a test image",
            "eval_error": "share of test images in the wrong class",
        },
        build=build,
        supplies=supplies,
        divisible=True,
    )


def _scale(training: Tensor) -> Callable[[Tensor, torch.dtype], Tensor]:
    """What gives each channel of the training images mean 0 and variance 1."""
    pixels = training.transpose(0, 1).flatten(1)
    counts = torch.stack([torch.bincount(channel.long(), minlength=256) for channel in pixels]).double()
    values = torch.arange(256, dtype=torch.float64)
    mean = (counts * values).sum(1) / counts.sum(1)
    deviation = ((counts * values.square()).sum(1) / counts.sum(1) - mean.square()).sqrt()

    def scaled(images: Tensor, dtype: torch.dtype) -> Tensor:
        shift, unit = (part[:, None, None].to(images.device, dtype) for part in (mean, deviation))
        return (images.to(dtype) - shift) / unit

    return scaled
