"""Tikhonov damping."""

from torch import Tensor

from hessianfree.interfaces import LinearMap


class Damped:
    """v -> B v + damping * v [Martens 2010, 4.1]; `damping` is a float or a [P] vector, one entry a parameter."""

    def __init__(self, curvature: LinearMap, damping: float | Tensor) -> None:
        self.curvature = curvature
        self.damping = damping

    def __call__(self, vector: Tensor, /) -> Tensor:
        return self.curvature(vector) + self.damping * vector
