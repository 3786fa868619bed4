"""Random slopes of a loss in a model's outputs, with the loss's curvature as their covariance."""

import math

import torch
from torch import Tensor

from hessianfree.curvature.loss_hessian import LossHessian
from hessianfree.preconditioners.estimates import signs

MOST_CLASSES = 256
"""Rows of outputs up to this length have their block of the loss's Hessian made whole, a product a column."""


def sample(hessian: LossHessian, weight: float, generator: torch.Generator) -> list[Tensor]:
    """u with mean 0 and E[u u'] = weight * H_L, a tensor for each of the outputs that the loss uses.

    J'u then has the Gauss-Newton matrix as its covariance: what [Martens & Grosse 2015, 2.2] get from targets drawn
    from the model's own prediction, for any loss. No name of a loss is asked for: H_L is taken to be diagonal (squared
    error, cross-entropy of pixels), or made of a block for each row of the last dimension where outputs are one
    tensor: that of a softmax, however long the row, or another; a product with a random vector tells which. Where none
    holds, or a row of another block is longer than MOST_CLASSES, u is the loss's own slope, row by row with random
    signs: the empirical Fisher matrix's. Negative curvature counts as none.
    """
    arguments = hessian.arguments
    probe = [signs(argument.detach(), generator) for argument in arguments]
    seen = hessian.in_outputs(probe)
    diagonal = hessian.in_outputs([torch.ones_like(argument) for argument in arguments])
    if _alike([d * z for d, z in zip(diagonal, probe, strict=True)], seen):
        return [
            (weight * d).clamp(min=0).sqrt() * signs(d, generator)
            for d in (part.detach() for part in diagonal)
        ]
    if len(arguments) == 1 and arguments[0].dim() > 0:
        drawn = _of_softmax(hessian, probe[0], seen[0], weight, generator)
        if drawn is not None:
            return [drawn]
    if len(arguments) == 1 and arguments[0].dim() > 0 and arguments[0].shape[-1] <= MOST_CLASSES:
        blocks = _blocks(hessian)
        if _alike([torch.einsum("...ij,...j->...i", blocks, probe[0])], seen):
            values, vectors = torch.linalg.eigh(weight * blocks)
            scaled = values.clamp(min=0).sqrt() * signs(values, generator)
            return [torch.einsum("...ij,...j->...i", vectors, scaled)]
    return [_signed_rows(slope.detach(), weight, generator) for slope in hessian.slopes]


def _of_softmax(
    hessian: LossHessian, probe: Tensor, seen: Tensor, weight: float, generator: torch.Generator
) -> Tensor | None:
    """u where the block of each row is a multiple r of diag(p) - p p', p the row's softmax; None where it is not.

    sqrt(p) e - p (sqrt(p)'e), for random signs e, has that covariance: no block is made, which would take a product a
    class, and as many decompositions as there are rows. r comes from one more product, with a ramp: random signs of a
    short row may all be equal, and that is what such a block does not see. `seen` is the product with `probe`.
    """
    (output,) = hessian.arguments
    p = torch.softmax(output.detach(), dim=-1)

    def block(vector: Tensor) -> Tensor:
        return p * (vector - (p * vector).sum(-1, keepdim=True))

    ramp = torch.linspace(-1, 1, p.shape[-1], dtype=p.dtype, device=p.device).expand_as(p)
    expected, found = block(ramp), hessian.in_outputs([ramp.contiguous()])[0].detach()
    square = expected.square().sum(-1, keepdim=True)
    # A row that is nearly sure of its class has a block of rounding alone: it counts as none.
    r = torch.where(
        square > torch.finfo(p.dtype).eps ** 2, (expected * found).sum(-1, keepdim=True) / square, 0.0
    )
    if not _alike([r * block(probe)], [seen]):
        return None
    root = p.sqrt() * signs(p, generator)
    return (weight * r).clamp(min=0).sqrt() * (root - p * root.sum(-1, keepdim=True))


def _blocks(hessian: LossHessian) -> Tensor:
    """[..., C, C] for an output [..., C]: column c of every row's block by one product."""
    (output,) = hessian.arguments
    columns = []
    for c in range(output.shape[-1]):
        unit = torch.zeros_like(output)
        unit[..., c] = 1
        columns.append(hessian.in_outputs([unit])[0].detach())
    return torch.stack(columns, dim=-1)


def _signed_rows(slope: Tensor, weight: float, generator: torch.Generator) -> Tensor:
    """A mean over N rows has slopes of 1/N, and 1/N^2 in their squares: undone by the root of N."""
    rows = slope.shape[0] if slope.dim() > 0 else 1
    shape = (rows, *(1 for _ in slope.shape[1:])) if slope.dim() > 0 else ()
    return signs(slope.new_zeros(shape), generator) * slope * math.sqrt(abs(weight) * rows)


def _alike(expected: list[Tensor], seen: list[Tensor]) -> bool:
    """Equal but for rounding, beside the largest entry."""
    for a, b in zip(expected, seen, strict=True):
        tolerance = 1e3 * torch.finfo(b.dtype).eps * b.abs().amax()
        if (a - b).abs().amax() > tolerance:
            return False
    return True
