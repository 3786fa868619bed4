"""Tasks with a model, a loss and data: training batches in a seeded order, and a held-out part."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Landscape
from hessianfree_lab.training.problems.interface import Batch


@dataclass(frozen=True, kw_only=True)
class Split:
    """Inputs and targets of the training and the held-out part, `[N, ...]` each."""

    inputs: Tensor
    targets: Tensor
    held_out_inputs: Tensor
    held_out_targets: Tensor


class SupervisedTask:
    """A model on data. `error` maps outputs and targets of the held-out part to `eval_error`.

    `l2` times half the squared norm of the parameters is part of the loss that is trained, not of `eval_loss`.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        loss_function: nn.Module,
        error: Callable[[Tensor, Tensor], Tensor],
        data: Split,
        batch_size: int | None,
        seed: int,
        l2: float = 0.0,
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
        self._batch_size, self._l2 = batch_size or cases, l2
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.long)  # what is left of this epoch
        self._judges = torch.Generator().manual_seed(
            seed
        )  # of its own: it must not change the order of batches
        self._chosen = torch.arange(cases, device=data.inputs.device)
        self.batch: Batch = self._batch_of(data.inputs, data.targets)

    def next_batch(self) -> None:
        """The next cases of a seeded permutation; those too few for a batch at its end wait for another epoch."""
        if not self.is_stochastic:
            return
        if len(self._order) < self._batch_size:
            self._order = torch.randperm(len(self._data.inputs), generator=self._generator)
        chosen, self._order = self._order[: self._batch_size], self._order[self._batch_size :]
        self._chosen = chosen.to(self._data.inputs.device)
        self.batch = self._batch_of(self._data.inputs[self._chosen], self._data.targets[self._chosen])

    def forward(self) -> tuple[Tensor, Tensor]:
        return self._forward_on(self.batch)

    def forward_on_more(self, share: float) -> Callable[[], tuple[Tensor, Tensor]]:
        """`forward` on the cases of this step and others, `share` times as many together, or all there are."""
        others = torch.randperm(len(self._data.inputs), generator=self._judges).to(self._chosen.device)
        others = others[~torch.isin(others, self._chosen)]
        more = torch.cat([self._chosen, others[: math.ceil((share - 1) * len(self._chosen))]])
        batch = self._batch_of(self._data.inputs[more], self._data.targets[more])
        return lambda: self._forward_on(batch)

    def _forward_on(self, batch: Batch) -> tuple[Tensor, Tensor]:
        outputs = self._model(batch.inputs)
        loss: Tensor = self._loss_function(outputs, batch.targets)
        # The parameters count as outputs then: the Gauss-Newton matrix has the penalty's curvature, too.
        if self._l2:
            loss = loss + 0.5 * self._l2 * sum(p.square().sum() for p in self.parameters)
        return loss, outputs

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        outputs = self._model(self._data.held_out_inputs)
        targets = self._data.held_out_targets
        return {
            "eval_loss": self._loss_function(outputs, targets).item(),
            "eval_error": self._error(outputs, targets).item(),
        }

    def state(self) -> dict[str, Any]:
        return {
            "model": self._model.state_dict(),
            "order": self._order,
            "generator": self._generator.get_state(),
            "judges": self._judges.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._model.load_state_dict(state["model"])
        self._order = state["order"]
        self._generator.set_state(state["generator"])
        self._judges.set_state(state["judges"])

    def position(self) -> dict[str, float]:
        return {}

    def landscape(self) -> Landscape | None:
        return None

    def _batch_of(self, inputs: Tensor, targets: Tensor) -> Batch:
        return Batch(model=self._model, loss_function=self._loss_function, inputs=inputs, targets=targets)
