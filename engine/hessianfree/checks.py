"""Checks that a user can ask for: is the objective deterministic, does the loss add up over batches?"""

from collections.abc import Sequence
from typing import Any, Protocol
from warnings import warn

import torch
from torch import Tensor

from hessianfree.errors import ReductionError
from hessianfree.parameters import Parameters


class Probed(Protocol):
    """An objective that can be asked the same question twice."""

    def probe(self, vector: Tensor) -> tuple[float, Any, Tensor]: ...


def warn_if_not_deterministic(objective: Probed, parameters: Parameters) -> None:
    """Evaluate loss, outputs and one curvature product twice, and warn for each that differs.

    Dropout, data loading inside the closure and atomic additions on a GPU are the usual causes. CG assumes one fixed
    matrix and the line search one fixed function.
    """
    vector = _random_vector(parameters)
    for name, first, second in zip(
        ("loss", "outputs", "curvature product"),
        objective.probe(vector),
        objective.probe(vector),
        strict=True,
    ):
        if not _same(first, second):
            warn(f"The {name} is not deterministic: two evaluations at the same point differ.", stacklevel=3)


def check_reduction(
    accumulated: Probed, concatenated: Probed, parameters: Parameters, *, rtol: float, atol: float
) -> None:
    """Compare an objective summed over batches with the same on the concatenated data.

    Raises:
        ReductionError: loss or a curvature product differ by more than atol + rtol * |expected|.
    """
    vector = _random_vector(parameters)
    loss, _, product = accumulated.probe(vector)
    expected_loss, _, expected_product = concatenated.probe(vector)
    gradient = accumulated.linearize().gradient  # type: ignore[attr-defined]
    expected_gradient = concatenated.linearize().gradient  # type: ignore[attr-defined]
    for name, found, expected in (
        ("loss", torch.tensor(loss), torch.tensor(expected_loss)),
        ("gradient", gradient, expected_gradient),
        ("curvature product", product, expected_product),
    ):
        if not torch.allclose(found, expected, rtol=rtol, atol=atol):
            raise ReductionError(
                f"the {name} accumulated over the batches differs from the one on the concatenated data by up to "
                f"{(found - expected).abs().max().item():.3e}: is `reduction` that of the loss function, and does no "
                "layer mix the samples of a batch?"
            )


def concatenate(batches: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """A list of `(inputs, targets)` batches as one batch."""
    inputs, targets = zip(*batches, strict=True)
    return torch.cat(inputs), torch.cat(targets)


def _random_vector(parameters: Parameters) -> Tensor:
    """A vector from a generator of its own: a check must not change the user's random stream."""
    generator = torch.Generator(device="cpu").manual_seed(0)
    vector = torch.randn(parameters.dimension, generator=generator, dtype=parameters.dtype)
    return vector.to(parameters.device)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return isinstance(second, Tensor) and torch.equal(first, second)
    if isinstance(first, dict):
        return all(_same(first[key], second[key]) for key in first)
    if isinstance(first, tuple | list):
        return all(map(_same, first, second))
    return bool(first == second)
