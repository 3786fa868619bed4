"""Tasks with a model, a loss and data: training batches in a seeded order, and a held-out part."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hessianfree.batches import GrowingBatches, StepData
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Landscape
from hessianfree_lab.training.problems.interface import Batch

EVALUATED = 1_000
"""Cases at a time, of an evaluation."""

_Mean = Callable[[Tensor, Tensor], Tensor]
"""Maps outputs and targets to a mean over cases."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Inputs and targets of the training and the held-out part, `[N, ...]` each; the latter may be empty."""

    inputs: Tensor
    targets: Tensor
    held_out_inputs: Tensor
    held_out_targets: Tensor

    def placed(self, device: torch.device, dtype: torch.dtype) -> "Split":
        """There, with `dtype` where it is floating point: classes and tokens stay integers.

        A tensor that has two parts, as images that are their own targets, stays one.
        """
        parts = vars(self)
        moved = {
            id(part): part.to(device, dtype if part.is_floating_point() else None) for part in parts.values()
        }
        return Split(**{name: moved[id(part)] for name, part in parts.items()})


class SupervisedTask:
    """A model on data. `error` maps outputs and targets of the held-out part to `eval_error`; None: it has none.

    With `tells_training_error`, evaluations say the same of the training part as `train_error`.

    `l2` times half the squared norm of the parameters is part of the loss that is trained, not of `eval_loss`.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        loss_function: nn.Module,
        error: _Mean | None,
        data: Split,
        batch_size: int | None,
        seed: int,
        l2: float = 0.0,
        tells_training_error: bool = False,
    ) -> None:
        cases = len(data.inputs)
        if batch_size is not None and batch_size > cases:
            path = "problem_params.batch_size"
            message = (
                f"{path} = {batch_size}: there are {cases} training cases; leave it empty for all of them."
            )
            raise InvalidRequest([Fault(path, message)])
        self.parameters: Sequence[nn.Parameter] = list(model.parameters())
        self.is_stochastic = batch_size is not None and batch_size < cases
        self._model, self._loss_function, self._error, self._data = model, loss_function, error, data
        self.batch_size, self._l2 = batch_size or cases, l2
        self._tells_training_error = tells_training_error
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.long)  # what is left of this epoch
        self._judges = torch.Generator().manual_seed(
            seed
        )  # of its own: it must not change the order of batches
        self._chosen = torch.arange(cases, device=data.inputs.device)
        self.batch: Batch = self._batch_of(data.inputs, data.targets)
        self._seed = seed
        self._parted: GrowingBatches | None = None
        self.parts: StepData | None = None

    def part(self, *, growth: float, curvature_share: float, judge_share: float) -> None:
        """From the next step on: `parts`, data for gradient, curvature and judge apart, see `GrowingBatches`.

        The first of its batches has the batch size, or all cases. To be called before the first step.
        """
        self._parted = GrowingBatches(
            self._data.inputs,
            self._data.targets,
            first=self.batch_size,
            growth=growth,
            curvature_share=curvature_share,
            judge_share=judge_share,
            seed=self._seed,
        )

    def next_batch(self) -> None:
        """The next cases of a seeded permutation; those too few for a batch at its end wait for another epoch.

        Where there are `parts`, others in number and choice; the batch is the gradient's.
        """
        if self._parted is not None:
            self.parts = next(self._parted)
            self.batch = self._batch_of(*self.parts.gradient[0])
            return
        if not self.is_stochastic:
            return
        if len(self._order) < self.batch_size:
            self._order = torch.randperm(len(self._data.inputs), generator=self._generator)
        chosen, self._order = self._order[: self.batch_size], self._order[self.batch_size :]
        self._chosen = chosen.to(self._data.inputs.device)
        self.batch = self._batch_of(self._data.inputs[self._chosen], self._data.targets[self._chosen])

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.forward_on(self.batch)

    def judges(self, share: float) -> Batch:
        """The cases of this step and others, `share` times as many together, or all there are."""
        others = torch.randperm(len(self._data.inputs), generator=self._judges).to(self._chosen.device)
        others = others[~torch.isin(others, self._chosen)]
        more = torch.cat([self._chosen, others[: math.ceil((share - 1) * len(self._chosen))]])
        return self._batch_of(self._data.inputs[more], self._data.targets[more])

    def forward_on(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss and outputs."""
        outputs = self._model(batch.inputs)
        return self.loss(outputs, batch.targets), outputs

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What is trained: the mean over cases, and the penalty."""
        loss: Tensor = self._loss_function(outputs, targets)
        # The parameters count as outputs then: the Gauss-Newton matrix has the penalty's curvature, too.
        if self._l2:
            loss = loss + 0.5 * self._l2 * sum(p.square().sum() for p in self.parameters)
        return loss

    @property
    def cases(self) -> int:
        """How many there are to train on."""
        return len(self._data.inputs)

    @torch.no_grad()
    def training_loss(self) -> float:
        """What is trained, on all training cases, whatever the batch."""
        data = self._data
        penalty = sum(float(p.square().sum()) for p in self.parameters)
        return (
            self._means_of({"": self._loss_function}, data.inputs, data.targets)[""]
            + 0.5 * self._l2 * penalty
        )

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        data, found = self._data, {}
        if len(data.held_out_inputs):
            told: dict[str, _Mean] = {"eval_loss": self._loss_function}
            if self._error is not None:
                told["eval_error"] = self._error
            found = self._means_of(told, data.held_out_inputs, data.held_out_targets)
        if self._tells_training_error and self._error is not None:
            found |= self._means_of({"train_error": self._error}, data.inputs, data.targets)
        return found

    def _means_of(self, functions: Mapping[str, _Mean], inputs: Tensor, targets: Tensor) -> dict[str, float]:
        """The means over cases of what are means over cases, a part of them at a time for the sake of memory."""
        totals = dict.fromkeys(functions, 0.0)
        for some, wanted in zip(torch.split(inputs, EVALUATED), torch.split(targets, EVALUATED), strict=True):
            outputs = self._model(some)
            for name, function in functions.items():
                totals[name] += len(some) * function(outputs, wanted).item()
        return {name: total / len(inputs) for name, total in totals.items()}

    def state(self) -> dict[str, Any]:
        return {
            "model": self._model.state_dict(),
            "order": self._order,
            "generator": self._generator.get_state(),
            "judges": self._judges.get_state(),
            "parted": self._parted and self._parted.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._model.load_state_dict(state["model"])
        self._order = state["order"]
        self._generator.set_state(state["generator"])
        self._judges.set_state(state["judges"])
        if self._parted is not None:
            self._parted.load_state_dict(state["parted"])

    def position(self) -> dict[str, float]:
        return {}

    def landscape(self) -> Landscape | None:
        return None

    def _batch_of(self, inputs: Tensor, targets: Tensor) -> Batch:
        return Batch(model=self._model, loss_function=self._loss_function, inputs=inputs, targets=targets)
