"""Random vectors for estimates of a curvature matrix, the same again in a resumed run."""

from collections.abc import Mapping

import torch
from torch import Tensor


def call_number(memory: Mapping[str, Tensor] | None) -> int:
    """How many calls came before this one, by the `calls` that they left in their memory."""
    return 0 if memory is None else int(memory["calls"])


def generator(like: Tensor, seed: int, call: int) -> torch.Generator:
    """A generator on the device of `like` for one call of a preconditioner, apart from torch's own."""
    return torch.Generator(like.device).manual_seed(seed + call)


def signs(like: Tensor, generator: torch.Generator) -> Tensor:
    """+1 or -1 with equal chances in every entry: a Rademacher vector shaped like `like`."""
    bits = torch.randint(0, 2, like.shape, generator=generator, device=like.device)
    return bits.to(like.dtype).mul_(2).sub_(1)
