"""An objective whose data are spread over the ranks of a process group."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from hessianfree.exchange import Exchange
from hessianfree.interfaces import LinearMap
from hessianfree.objectives import BatchedObjective, ClosureObjective
from hessianfree.parameters import Parameters
from hessianfree.records import Linearization


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much this rank's part of an objective weighs: numbers of cases where losses are means, 1 where sums.

    `mean` tells which; gradient and curvature may be on other data than the loss.
    """

    mean: bool
    loss: float
    gradient: float
    products: float


Own = ClosureObjective | BatchedObjective


class DataParallel:
    """The sum of the ranks' objectives, or their mean weighted by cases, as if one process held all the data.

    Loss, gradient and their weights are one all-reduce together, a curvature product is one, and so is a loss: the
    least there can be, and nobody waits for numbers alone but where a loss is all that is asked for. What is answered
    has the same bits on all ranks, so that CG and all that is decided from it need no exchange. How a rank makes its
    part (recorded, recomputed, with fewer graphs) is its own affair.
    """

    def __init__(
        self,
        make: Callable[[], Own],
        weigh: Callable[[Own], Share],
        exchange: Exchange,
        parameters: Parameters,
    ) -> None:
        """`make()` answers this rank's own objective, `weigh` its share; what they raise is told to all ranks.

        Everything is to be asked for `among` them.
        """
        self._make, self._weigh = make, weigh
        self._exchange, self._parameters = exchange, parameters
        self.spread = parameters.spread

    @cached_property
    def _own(self) -> tuple[Own, Share]:
        objective = self._make()
        return objective, self._weigh(objective)

    def linearize(self) -> Linearization:
        found: list[Linearization] = []

        def local(into: Tensor) -> Sequence[float]:
            objective, share = self._own
            here = objective.linearize()
            found.append(here)
            torch.mul(here.gradient.to(into), share.gradient, out=into)
            entries = float(here.entries or 1)
            return (
                share.loss * here.loss,
                share.loss,
                share.gradient,
                share.products,
                entries * here.cost,
                entries * here.product_cost,
                entries,
                float(here.entries == 0),
            )

        gradient, totals = self._exchange.add_up(
            "gradient",
            local,
            self._parameters.zeros(),
            values=8,
            common=self._parameters.tensors,
        )
        loss, *weights, cost, product_cost, entries, unknown = totals
        (here,), (_, share) = found, self._own
        of_loss, of_gradient, of_products = weights if share.mean else (1.0, 1.0, 1.0)
        weight = share.products / of_products
        return Linearization(
            loss=loss / of_loss,
            gradient=gradient.div_(of_gradient),
            curvature=self._summed(here.curvature, weight),
            cost=cost / entries,
            product_cost=product_cost / entries,
            entries=0 if unknown else round(entries),
            passes=tuple(replace(forward, weight=weight * forward.weight) for forward in here.passes),
            ranks=self._exchange,
        )

    def loss_at(self, step: Tensor) -> float:
        def local(into: Tensor) -> Sequence[float]:
            del into
            objective, share = self._own
            return share.loss * objective.loss_at(step), share.loss

        nothing = torch.zeros(0, dtype=torch.float64, device=step.device)
        _, (loss, weight) = self._exchange.add_up("loss", local, nothing, values=2, common=[step])
        return loss / weight if self._own[1].mean else loss

    def probe(self, vector: Tensor) -> tuple[float, Any, Tensor]:
        """Of this rank's own part."""
        return self._own[0].probe(vector)

    def _summed(self, curvature: LinearMap, weight: float) -> LinearMap:
        def product(vector: Tensor) -> Tensor:
            def local(into: Tensor) -> tuple[()]:
                torch.mul(curvature(vector).detach().to(into), weight, out=into)
                return ()

            total, _ = self._exchange.add_up("product", local, vector, common=[vector])
            return total

        return product


def by_cases(cases: float | None, reduction: str) -> Callable[[Own], Share]:
    """Weighs a closure's loss, which is a mean over `cases` or (reduction "sum") a sum.

    Weighing raises a ValueError where `reduction` or `cases` is out of bounds, or missing.
    """

    def weigh(objective: Own) -> Share:
        del objective
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction must be "mean" or "sum"; got {reduction!r}')
        if reduction == "mean" and (cases is None or not 0 < cases < math.inf):
            raise ValueError(
                "in a process group a rank weighs as much as it has cases: say how many forward's loss is a mean over "
                'on this rank, cases= (of the judge judge_cases=) a number above 0, or reduction="sum" where it is '
                f"a sum; got {cases}"
            )
        weight = 1.0 if reduction == "sum" or cases is None else float(cases)
        return Share(mean=reduction == "mean", loss=weight, gradient=weight, products=weight)

    return weigh


def by_entries(reduction: str) -> Callable[[Own], Share]:
    """Weighs a loss over lists of batches, which is a mean over target entries or (reduction "sum") a sum."""

    def weigh(objective: Own) -> Share:
        assert isinstance(objective, BatchedObjective)
        of_loss, of_gradient, of_products = objective.entries if reduction == "mean" else (1, 1, 1)
        return Share(
            mean=reduction == "mean",
            loss=of_loss,
            gradient=of_gradient,
            products=of_products,
        )

    return weigh
