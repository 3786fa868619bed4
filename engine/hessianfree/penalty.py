"""Weight decay: a quadratic penalty as part of the objective."""

from dataclasses import replace

import torch
from torch import Tensor

from hessianfree.curvature.damped import Damped
from hessianfree.interfaces import Objective
from hessianfree.parameters import Parameters
from hessianfree.records import Linearization


class Penalized:
    """objective + 0.5 * sum_i weight_i * theta_i^2, over the trainable parameters theta.

    Loss, gradient, curvature and trial losses all belong to the sum, so that the reduction ratio compares like with
    like. (Decoupled decay would shrink parameters behind the back of model and line search.) Costs O(P) a call.
    """

    def __init__(self, objective: Objective, parameters: Parameters, weight: float | Tensor) -> None:
        """`weight`: a float, or a [P] vector where groups differ."""
        self._objective, self._parameters, self._weight = objective, parameters, weight
        self.spread = objective.spread

    def linearize(self) -> Linearization:
        here = self._objective.linearize()
        position = self._position()
        return replace(
            here,
            loss=here.loss + self._penalty(position),
            gradient=here.gradient + self._weight * position,
            curvature=Damped(here.curvature, self._weight),
        )

    def loss_at(self, step: Tensor) -> float:
        return self._objective.loss_at(step) + self._penalty(self._position() + step)

    def _position(self) -> Tensor:
        return self._parameters.flatten(self._parameters.tensors)

    def _penalty(self, position: Tensor) -> float:
        return 0.5 * torch.dot(self._weight * position, position).item()
