"""Images of smooth curves: what the deep autoencoder of the Hessian-free papers was trained on, made anew.

After the description of the CURVES images in [Hinton & Salakhutdinov 2006, supporting material]: one curve an image,
through three random points, so six degrees of freedom. Only alike: never to be compared with figures for the original.
"""

from functools import cache

import torch
from torch import Tensor

SIDE = 28  # pixels
MARGIN = 3.0  # pixels between the three points and the border; the curve may bulge over it
HALF_WIDTH = 0.5  # pixels of full ink on either side of the curve, which fades over one more
CHUNK = 250  # images drawn at once: what that takes stays in the processor's caches
SEGMENTS = 24  # straight pieces a curve is drawn with; the pixels of finer ones differ by at most 0.04


@cache
def curves(count: int, seed: int = 0) -> Tensor:
    """`count` images [count, 784] with pixels in [0, 1], anti-aliased, float32; the same ones for the same seed.

    The curve is the parabola p(t) with p(0), p(1/2) and p(1) uniform in the image. Fewer images of a seed are the first
    of more. Made once a process, and shared: not to be changed in place.
    """
    generator = torch.Generator().manual_seed(seed)
    points = MARGIN + (SIDE - 1 - 2 * MARGIN) * torch.rand(count, 3, 2, generator=generator)
    return torch.cat([_drawn(chunk) for chunk in torch.split(points, CHUNK)])


def _drawn(points: Tensor) -> Tensor:
    """[N, 3, 2] -> [N, 784]"""
    t = torch.linspace(0, 1, SEGMENTS + 1)
    through = torch.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)])  # Lagrange's polynomials
    knots = torch.einsum("npc,pk->nkc", points, through)
    axis = torch.arange(SIDE, dtype=torch.float32)
    pixels = torch.cartesian_prod(axis, axis)
    return (HALF_WIDTH + 1 - _distances(pixels, knots)).clamp(0, 1)


def _distances(pixels: Tensor, knots: Tensor) -> Tensor:
    """Of each pixel [Q, 2] from the polygon through the knots [N, K, 2]; [N, Q]"""
    nearest = torch.full((len(knots), len(pixels)), torch.inf)
    for start, end in zip(knots.unbind(1), knots.unbind(1)[1:], strict=False):
        along = (end - start)[:, None, :]
        from_start = pixels - start[:, None, :]
        share = ((from_start * along).sum(-1) / along.square().sum(-1).clamp(min=1e-12)).clamp(0, 1)
        nearest = torch.minimum(nearest, (from_start - share[..., None] * along).square().sum(-1))
    return nearest.sqrt()
