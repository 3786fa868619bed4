"""Batches that grow from step to step, with the data of gradient, curvature and judgement apart."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class StepData:
    """The data of one step: lists of `(inputs, targets)`, as `HessianFree.acc_step` takes them.

    `curvature` is a part of `gradient`, which is a part of `judge`; None: the step is judged on the gradient's data.
    """

    gradient: list[Batch]
    curvature: list[Batch]
    judge: list[Batch] | None

    @property
    def lists(self) -> dict[str, list[Batch] | None]:
        """Keyword arguments of `acc_step`.

        The search sees what the gradient is the gradient of: on other data even a short step may not descend.
        """
        return {
            "loss_datalist": self.gradient,
            "mvp_datalist": self.curvature,
            "judge_datalist": self.judge,
        }


class GrowingBatches(Iterator[StepData]):
    """Data for one step after the other, without end: min(first * growth^k, N) random cases in step k.

    Early steps need no exact gradient, late ones do [Byrd et al. 2012; Martens & Grosse 2015, 13]: with N cases,
    growth = (N / first)^(1 / 500) reaches all of them in step 500. Curvature tolerates less data than the gradient
    [Martens 2010, 4.5; Byrd et al. 2011]. The step is judged on more data than it is made from, its own among it, so
    that one that suits its own data alone is told (see `judge_forward` of `HessianFree.step`). From the step on whose
    judge would need more cases than there are, the gradient takes them all, and judges itself.

    What a step gets depends on the seed and the step's number alone, so `state_dict` is two numbers. Costs a
    permutation of N and a copy of the cases a step.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        *,
        first: int,
        growth: float = 1.0,
        curvature_share: float = 1.0,
        judge_share: float = 4.0,
        most_cases: int | None = None,
        seed: int = 0,
    ) -> None:
        """`inputs` and `targets` have a case an entry along dimension 0.

        Args:
            inputs, targets: The data, of N cases.
            first: Cases of the first gradient, 1 to N.
            growth: Factor from step to step, >= 1.
            curvature_share: Of the gradient's cases, those for the curvature; above 0, at most 1.
            judge_share: Cases to judge by, in multiples of the gradient's; 1: the gradient's own.
            most_cases: No batch of a list has more; None: every list has one batch.
            seed: Of the random choice.

        Raises:
            ValueError: one of them is out of bounds; the message names it.
        """
        if len(inputs) != len(targets):
            raise ValueError(f"inputs and targets must be equally many; got {len(inputs)} and {len(targets)}")
        if not 1 <= first <= len(inputs):
            raise ValueError(f"first must be from 1 to the {len(inputs)} cases there are; got {first}")
        if not 1 <= growth < math.inf:
            raise ValueError(f"growth must be >= 1 and finite; got {growth}")
        if not 0 < curvature_share <= 1:
            raise ValueError(f"curvature_share must be above 0 and at most 1; got {curvature_share}")
        if not 1 <= judge_share < math.inf:
            raise ValueError(f"judge_share must be >= 1 and finite; got {judge_share}")
        if most_cases is not None and most_cases < 1:
            raise ValueError(f"most_cases must be at least 1, or None; got {most_cases}")
        self._inputs, self._targets = inputs, targets
        self._first, self._growth = first, growth
        self._curvature_share, self._judge_share = curvature_share, judge_share
        self._most_cases = most_cases
        self._seed, self._step = seed, 0

    def __next__(self) -> StepData:
        size, judge = self._sizes()
        generator = torch.Generator().manual_seed(_mixed(self._seed, self._step))
        order = torch.randperm(len(self._inputs), generator=generator)
        self._step += 1
        curvature = math.ceil(self._curvature_share * size)
        gradient = self._batches(order[:size])
        return StepData(
            gradient=gradient,
            curvature=gradient if curvature == size else self._batches(order[:curvature]),
            judge=None if judge == size else [*gradient, *self._batches(order[size:judge])],
        )

    def state_dict(self) -> dict[str, int]:
        """Which step comes next, and the seed."""
        return {"step": self._step, "seed": self._seed}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on as the iterator that `state_dict` is from would; data and settings are those of this one."""
        self._step, self._seed = int(state_dict["step"]), int(state_dict["seed"])

    def _sizes(self) -> tuple[int, int]:
        """Cases of the gradient, and cases to judge by."""
        cases = len(self._inputs)
        # Beyond any number of cases a power may be beyond any float.
        doublings = self._step * math.log2(self._growth)
        size = cases if doublings > 60 else min(cases, math.ceil(self._first * 2**doublings - 1e-9))
        judge = math.ceil(self._judge_share * size)
        return (size, judge) if judge <= cases else (cases, cases)

    def _batches(self, chosen: Tensor) -> list[Batch]:
        parts = [chosen] if self._most_cases is None else torch.split(chosen, self._most_cases)
        inputs, targets = self._inputs, self._targets
        return [(inputs[part.to(inputs.device)], targets[part.to(targets.device)]) for part in parts]


def _mixed(seed: int, step: int) -> int:
    """Another number for every pair: seeds that follow each other must not share the data of shifted steps."""
    return (seed * 1_000_003 + step) % 2**63
