"""What estimates of a curvature matrix share: random vectors that a resumed run draws again, and a floor."""

from collections.abc import Mapping

import torch
from torch import Tensor


def call_number(memory: Mapping[str, Tensor] | None) -> int:
    """How many calls came before this one, by the `calls` that they left in their memory."""
    return 0 if memory is None else int(memory["calls"])


def generator(like: Tensor, seed: int, call: int) -> torch.Generator:
    """A generator on the device of `like` for one call of a preconditioner, apart from torch's own."""
    return torch.Generator(like.device).manual_seed(seed + call)


def own_generator(shared: torch.Generator, rank: int) -> torch.Generator:
    """For what a rank draws for its own data: as `shared`, but another for every rank."""
    if rank == 0:
        return shared
    # The CPU's generator looks at 32 bits alone; a multiple of a neighbour would be the seed of a later call.
    return torch.Generator(shared.device).manual_seed((shared.initial_seed() + rank * 0x9E3779B1) % 2**32)


def signs(like: Tensor, generator: torch.Generator) -> Tensor:
    """+1 or -1 with equal chances in every entry: a Rademacher vector shaped like `like`."""
    bits = torch.randint(0, 2, like.shape, generator=generator, device=like.device)
    return bits.to(like.dtype).mul_(2).sub_(1)


def least_divisor(largest: Tensor) -> Tensor:
    """Without damping, what has no curvature would be divided by zero: by this instead, beside `largest`, >= 0."""
    return torch.where(largest > 0, largest * torch.finfo(largest.dtype).eps, torch.ones_like(largest))
