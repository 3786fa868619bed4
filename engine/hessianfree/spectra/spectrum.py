"""What is known of a spectrum."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """The eigenvalues of a symmetric matrix [P, P], estimated from products with it.

    `largest` and `smallest` are Ritz values: eigenvalues reach at least as far, and one lies within `largest_error`
    and `smallest_error` of them. `trace` is a mean over the probes, `trace_error` its standard error; None: one
    probe tells of none. The spectrum as a whole is `weights` at `nodes`: a share `weights[i]` of the P eigenvalues lies
    about `nodes[i]`.
    """

    dimension: int  # P
    largest: float
    largest_error: float
    smallest: float
    smallest_error: float
    trace: float
    trace_error: float | None
    nodes: tuple[float, ...]  # ascending
    weights: tuple[float, ...]  # >= 0; they add up to 1
    probes: int
    products: int

    def density(self, points: Sequence[float], width: float) -> tuple[float, ...]:
        """Share of the eigenvalues per unit at `points`, each node a Gaussian of standard deviation `width`.

        [Ghorbani, Krishnan & Xiao 2019, 2]. Integrates to 1 over the real line.

        Raises:
            ValueError: `width` is not positive.
        """
        if not width > 0:
            raise ValueError(f"width must be > 0; got {width}")
        nodes, weights, at = (
            torch.tensor(v, dtype=torch.float64) for v in (self.nodes, self.weights, points)
        )
        bells = torch.exp(-0.5 * ((at[:, None] - nodes) / width) ** 2) / (width * math.sqrt(2 * math.pi))
        found: list[float] = (bells @ weights).tolist()
        return tuple(found)
