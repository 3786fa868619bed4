"""The deep autoencoders that Hessian-free optimization is known for [Hinton & Salakhutdinov 2006; Martens 2010, 5].

Sigmoid units, a linear code, mirrored decoder, sparse initialization. What is trained is the cross-entropy summed over
pixels, or half the squared error where pixels are no shares of white; mean over cases, with an L2 penalty. What the
papers report is the squared error summed over pixels, mean over cases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.records import Supply
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.autoencoders.autoencoder import autoencoder
from hessianfree_lab.training.problems.interface import Problem, no_supplies, nothing
from hessianfree_lab.training.problems.networks import sparse
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

MOST_CASES = 200_000


class ImageParams(Params):
    """Data, batches and penalty; the network is that of the papers."""

    cases: int | None = Field(None, ge=1, le=MOST_CASES, description="Training images; empty: all of them.")
    held_out_cases: int | None = Field(
        None, ge=1, le=MOST_CASES, description="Images held out for evaluation; empty: all of them."
    )
    batch_size: int | None = Field(None, ge=1, le=MOST_CASES, description="Cases a step; empty: all of them.")
    l2: float = Field(
        1e-5,
        ge=0,
        le=1e3,
        description="Adds this times half the squared norm of the parameters to the loss.",
    )


@dataclass(frozen=True, kw_only=True)
class DeepAutoencoder:
    """One of the three: `images(params)` are the training and the held-out ones, [N, widths[0]].

    `error` maps outputs and images to the squared error summed over pixels, mean over cases.
    """

    widths: tuple[int, ...]
    images: Callable[..., tuple[Tensor, Tensor]]
    loss_function: Callable[[], nn.Module]
    error: Callable[[Tensor, Tensor], Tensor]


def deep_autoencoder_problem(
    parts: DeepAutoencoder,
    *,
    name: str,
    title: str,
    description: str,
    params: type[Params],
    loss: str,
    missing: Callable[[], str] = nothing,
    supplies: Callable[[], Mapping[str, Supply]] = no_supplies,
) -> Problem:
    """The problem of it; `params` has `cases`, `held_out_cases`, `batch_size` and `l2`, and `loss` its unit."""

    def build(options: ImageParams, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
        model = autoencoder(parts.widths, "sigmoid", torch.Generator().manual_seed(seed), sparse)
        training, rest = parts.images(options)
        data = Split(inputs=training, targets=training, held_out_inputs=rest, held_out_targets=rest)
        return SupervisedTask(
            model=model.to(device, dtype),
            loss_function=parts.loss_function(),
            error=parts.error,
            data=data.placed(device, dtype),
            batch_size=options.batch_size,
            l2=options.l2,
            tells_training_error=True,
            seed=seed,
        )

    return Problem(
        name=name,
        title=title,
        description=description,
        params=params,
        metrics={
            "loss": f"{loss}, a case, and the L2 penalty",
            "eval_loss": f"{loss}, a held-out case",
            "eval_error": "squared reconstruction error, summed over pixels, a held-out case",
            "train_error": "the same of training cases",
        },
        build=build,
        divisible=True,
        missing=missing,
        supplies=supplies,
    )


def first(images: Tensor, cases: int | None) -> Tensor:
    """So many of the images, from the first on; None: all."""
    return images if cases is None else images[:cases]
