"""Supervised tasks whose lowest training loss is known."""

import copy
from typing import Any

import torch
from torch import Tensor

from hessianfree_lab.training.problems.supervised import SupervisedTask

SUBOPTIMALITY = "loss of all training cases, less the lowest there is; after the step"


class TaskWithOptimum(SupervisedTask):
    """Evaluations say how far the training loss is from `optimum`, as `suboptimality`; None: they do not.

    Computed in float64, whatever the parameters have: in float32 nothing is seen below a ten-millionth of the loss.
    `exact` are the training inputs and targets in float64, or integers.
    """

    def __init__(
        self, *, optimum: float | None, exact: tuple[Tensor, Tensor], l2: float, **task: Any
    ) -> None:
        super().__init__(l2=l2, **task)
        device = self.parameters[0].device
        self._optimum, self._exact = optimum, tuple(part.to(device) for part in exact)
        self._penalty = 0.5 * l2

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        found = super().evaluate()
        if self._optimum is not None:
            inputs, targets = self._exact
            model = copy.deepcopy(self._model).double()
            loss = self._loss_function(model(inputs), targets)
            loss = loss + self._penalty * sum(p.square().sum() for p in model.parameters())
            found["suboptimality"] = loss.item() - self._optimum
        return found
