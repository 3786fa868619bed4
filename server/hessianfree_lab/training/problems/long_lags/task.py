"""Sequences whose target hangs on what came long before [Hochreiter & Schmidhuber 1997, 5], for a recurrent network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.long_lags.recurrent import RecurrentNetwork
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

ALMOST = 0.001  # [Martens & Sutskever 2011, 4.1]: a run succeeds with a share of wrong answers below it
SOLVED = f"1 where less than {ALMOST} of the fresh sequences are answered wrongly, 0 else"
FRESH_SEEDS = 2**31  # from here on no job has its seed


class LongLagParams(Params):
    """How long, how many, and the network."""

    length: int = Field(30, ge=10, le=2_000, description="Length of the sequences: the lag is at least half.")
    cases: int = Field(5_000, ge=1, le=100_000, description="Training sequences.")
    held_out_cases: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="Fresh sequences, never trained on, for the error; of a thousand or fewer not one may be wrong.",
    )
    hidden_size: int = Field(100, ge=2, le=2_000, description="Hidden units.")
    batch_size: int | None = Field(None, ge=1, le=100_000, description="Cases a step; empty: all of them.")


@dataclass(frozen=True, kw_only=True)
class LongLagTask:
    """`draw(cases, length, generator)` answers sequences [N, T, inputs] and targets, [N, ...].

    The network has so many `outputs`, after the last input or, if it `answers_always`, after each. `error` maps outputs
    and targets to the share of cases that are wrong.
    """

    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    inputs: int
    outputs: int
    loss_function: nn.Module
    error: Callable[[Tensor, Tensor], Tensor]
    answers_always: bool = False


class SolvableTask(SupervisedTask):
    """Evaluations say whether it is `solved`."""

    def evaluate(self) -> dict[str, float]:
        found = super().evaluate()
        cases = len(self._data.held_out_inputs)
        wrong = round(found["eval_error"] * cases)  # a whole number again: the mean was rounded
        return found | {"solved": float(wrong < ALMOST * cases)}


def long_lag_problem(
    lag_of: Callable[[Any], LongLagTask],
    *,
    name: str,
    title: str,
    description: str,
    params: type[LongLagParams],
    loss: str,
    error: str,
) -> Problem:
    """The problem of learning what `lag_of` makes of the options; `loss` and `error` say what these are."""

    def build(options: LongLagParams, seed: int, device: torch.device, dtype: torch.dtype) -> SolvableTask:
        lag = lag_of(options)
        generator = torch.Generator().manual_seed(seed)
        model = RecurrentNetwork(
            lag.inputs, options.hidden_size, lag.outputs, generator, answers_always=lag.answers_always
        )
        sequences, targets = lag.draw(options.cases, options.length, generator)
        fresh = lag.draw(
            options.held_out_cases, options.length, torch.Generator().manual_seed(FRESH_SEEDS + seed)
        )
        return SolvableTask(
            model=model.to(device, dtype),
            loss_function=lag.loss_function,
            error=lag.error,
            data=Split(
                inputs=sequences, targets=targets, held_out_inputs=fresh[0], held_out_targets=fresh[1]
            ).placed(device, dtype),
            batch_size=options.batch_size,
            seed=seed,
        )

    return Problem(
        name=name,
        title=title,
        description=description,
        params=params,
        metrics={
            "loss": loss,
            "eval_loss": "the same on fresh sequences",
            "eval_error": error,
            "solved": SOLVED,
        },
        build=build,
        divisible=True,
    )
