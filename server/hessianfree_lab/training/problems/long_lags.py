"""Sequences whose target hangs on what came long before [Hochreiter & Schmidhuber 1997, 5], for a recurrent network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.recurrent import RecurrentNetwork
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

FRESH = 1_000  # sequences never trained on
FRESH_SEEDS = 2**31  # from here on no job has its seed


class LongLagParams(Params):
    """How long, how many, and the network."""

    length: int = Field(30, ge=10, le=2_000, description="Length of the sequences: the lag is at least half.")
    cases: int = Field(5_000, ge=1, le=100_000, description="Training sequences.")
    hidden_size: int = Field(100, ge=2, le=2_000, description="Hidden units.")
    batch_size: int | None = Field(None, ge=1, le=100_000, description="Cases a step; empty: all of them.")


@dataclass(frozen=True, kw_only=True)
class LongLagTask:
    """`draw(cases, length, generator)` answers sequences [N, T, inputs] and targets; one output a `outputs`.

    `error` maps outputs and targets to the share that is wrong.
    """

    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    inputs: int
    outputs: int
    loss_function: nn.Module
    error: Callable[[Tensor, Tensor], Tensor]


def long_lag_problem(
    lag: LongLagTask, *, name: str, title: str, description: str, metrics: Mapping[str, str]
) -> Problem:
    """The problem of learning `lag` with tanh units."""

    def build(params: LongLagParams, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
        generator = torch.Generator().manual_seed(seed)
        model = RecurrentNetwork(lag.inputs, params.hidden_size, lag.outputs, generator)
        sequences, targets = lag.draw(params.cases, params.length, generator)
        fresh = lag.draw(FRESH, params.length, torch.Generator().manual_seed(FRESH_SEEDS + seed))
        return SupervisedTask(
            model=model.to(device, dtype),
            loss_function=lag.loss_function,
            error=lag.error,
            data=Split(
                inputs=sequences.to(device, dtype),
                targets=_placed(targets, device, dtype),
                held_out_inputs=fresh[0].to(device, dtype),
                held_out_targets=_placed(fresh[1], device, dtype),
            ),
            batch_size=params.batch_size,
            seed=seed,
        )

    return Problem(
        name=name, title=title, description=description, params=LongLagParams, metrics=metrics, build=build
    )


def _placed(targets: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Classes stay integers."""
    return targets.to(device, dtype if targets.is_floating_point() else None)
