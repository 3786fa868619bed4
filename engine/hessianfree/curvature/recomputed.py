"""Curvature products from forward passes made anew for each: more time, less memory."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.autograd.forward_ad as forward_mode
from torch import Tensor

from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.curvature.loss_hessian import LossHessian, tensors_of
from hessianfree.interfaces import CurvatureAt, FlatView, LinearMap

Pass = Callable[[], tuple[Tensor, Any]]


def recomputed(curvature: CurvatureAt, run: Pass, differentiable: Pass, parameters: FlatView) -> LinearMap:
    """`curvature` as a map that keeps no graph.

    `run()` and `differentiable()` are the same forward pass, that answers loss and outputs; the second for graphs that
    are differentiated twice.
    """
    plain = getattr(curvature, "plain", curvature)  # a recording would be replayed only once
    if plain is GaussNewton:
        return RecomputedGaussNewton(run, differentiable, parameters)
    return lambda vector: plain(*differentiable(), parameters)(vector)


class RecomputedGaussNewton:
    """v -> J' H_L J v, with J v from forward-mode differentiation.

    Two forward passes a product, one with tangents and without a graph, and one with the graph of a gradient, which is
    all the memory it takes. Where a layer has no forward mode, J v comes from GaussNewton's two reverse passes,
    which take the memory of their graph for the time of a product.
    """

    product_cost: ClassVar[float] = 5 / 3

    def __init__(self, run: Pass, differentiable: Pass, parameters: FlatView) -> None:
        self._run, self._differentiable, self._parameters = run, differentiable, parameters
        self._has_forward_mode = True

    def __call__(self, vector: Tensor, /) -> Tensor:
        tangents = self._tangents(vector) if self._has_forward_mode else None
        with torch.enable_grad():
            loss, outputs = self._differentiable()
            if tangents is None:
                return GaussNewton(loss, outputs, self._parameters)(vector)
            back = LossHessian(loss, outputs, self._parameters)
            return back.pull_back([tangents[i] for i in back.places], vector)

    def _tangents(self, vector: Tensor) -> list[Tensor | None] | None:
        try:
            with torch.no_grad(), self._parameters.tangents(vector):
                _, outputs = self._run()
                return [_tangent(tensor) for tensor in tensors_of(outputs)]
        except (NotImplementedError, RuntimeError):  # torch's, of layers without forward mode
            self._has_forward_mode = False
            return None


def _tangent(tensor: Tensor) -> Tensor | None:
    tangent: Tensor | None = forward_mode.unpack_dual(tensor).tangent  # type: ignore[no-untyped-call]
    return tangent
