"""Preconditioners made of an estimate of the curvature's diagonal."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.preconditioners import estimates
from hessianfree.preconditioners.empirical_fisher import EXPONENT, diag_to_preconditioner
from hessianfree.records import Linearization, Preconditioning


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A diagonal [P], and what it took: curvature products, and gradients of other work."""

    diagonal: Tensor
    products: int = 0
    cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class EstimatedDiagonal(ABC):
    """(|d| + damping)^-exponent, with d an estimate of the diagonal of B from `probes` random vectors.

    Where noise or an indefinite B make an entry of d negative its magnitude counts. `every` steps the estimate is
    renewed; the older ones keep the weight `decay` in it.
    """

    probes: int = 10
    every: int = 1
    decay: float = 0.0
    exponent: float = EXPONENT
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("probes", self.probes), ("every", self.every)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1); got {self.decay}")
        if not self.exponent > 0:
            raise ValueError(f"exponent must be above 0; got {self.exponent}")

    @abstractmethod
    def estimate(self, here: Linearization, generator: torch.Generator) -> Estimate:
        """The diagonal of `here.curvature`."""

    def __call__(
        self, here: Linearization, damping: float | Tensor, memory: Mapping[str, Tensor] | None
    ) -> Preconditioning:
        call = estimates.call_number(memory)
        if memory is None or call % self.every == 0:
            found = self.estimate(here, estimates.generator(here.gradient, self.seed, call))
            diagonal = found.diagonal
            if memory is not None:
                diagonal = torch.lerp(diagonal, memory["diagonal"], self.decay)
        else:
            diagonal = memory["diagonal"]
            found = Estimate(diagonal=diagonal)
        magnitude = diagonal.abs()
        magnitude.clamp_(min=estimates.least_divisor(magnitude.max()))
        return Preconditioning(
            inverse=diag_to_preconditioner(magnitude, damping, self.exponent),
            memory={"calls": torch.tensor(call + 1), "diagonal": diagonal},
            products=found.products,
            cost=found.cost,
        )
