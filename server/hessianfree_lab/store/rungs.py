"""What the trials of a sweep are worth at its rungs: read from their runs as they come there, kept as it was judged."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy import Row, and_, or_, select, update

from hessianfree_lab.lifecycle import FROM_OUTSIDE, State
from hessianfree_lab.records.scalars import decode
from hessianfree_lab.records.sweeps import Objective, Pruning
from hessianfree_lab.store import chunks
from hessianfree_lab.store.rows import SECONDS
from hessianfree_lab.store.tables import runs, trials
from hessianfree_lab.store.transaction import Transaction
from hessianfree_lab.store.trials import median

OPEN = (State.QUEUED.value, State.RUNNING.value, State.PAUSED.value)
Verdict = Literal["pruned", "passed"]
"""`pruned`: ended early; `passed`: it had ended before that. A trial that has either is not judged again."""
Values = tuple[float | None, ...]
"""What a trial was worth at the rungs, from the first; None: nothing was measured until then."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """A trial that is to be judged: `new` are its values at rungs where it was not. `has_ended`: no more come."""

    number: int
    known: Values
    new: Values
    has_ended: bool


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A trial with its values at all rungs at which it was judged. No verdict: it goes on."""

    number: int
    values: Values
    verdict: Verdict | None


def due(tx: Transaction, sweep_id: str, objective: Objective, pruning: Pruning) -> list[Due]:
    """By number, the trials that have come to a rung since they were judged, or have ended."""
    found = []
    for number, rows in _climbing(tx, sweep_id).items():
        known = _values(rows[0].rungs)
        counted = [row for row in rows if row.state != State.CANCELLED]
        new = _new_values(tx, counted, len(known), objective, pruning)
        has_ended = not any(row.state in OPEN for row in counted)
        if new or has_ended:
            found.append(Due(number=number, known=known, new=new, has_ended=has_ended))
    return found


def known(tx: Transaction, sweep_id: str) -> dict[int, Values]:
    """By number, the values of those trials that were judged."""
    query = select(trials.c.number, trials.c.rungs).where(
        trials.c.sweep_id == sweep_id, trials.c.rungs.is_not(None)
    )
    return {number: _values(rungs) for number, rungs in tx.connection.execute(query)}


def settle(tx: Transaction, sweep_id: str, judged: Sequence[Judged]) -> list[int]:
    """Keep what was judged, and answer which trials are pruned; whoever was judged by somebody else is left out."""
    settled = []
    for trial in judged:
        of_trial = and_(trials.c.sweep_id == sweep_id, trials.c.number == trial.number)
        row = tx.connection.execute(select(trials.c.rungs, trials.c.verdict).where(of_trial)).one_or_none()
        if row is None or row.verdict is not None or len(_values(row.rungs)) > len(trial.values):
            continue
        changed = {"rungs": list(trial.values), "verdict": trial.verdict}
        tx.connection.execute(update(trials).where(of_trial).values(**changed))
        settled += [trial.number] if trial.verdict == "pruned" else []
    return settled


def _climbing(tx: Transaction, sweep_id: str) -> dict[int, list[Row[Any]]]:
    """The runs of every trial without a verdict of which a run has begun."""
    begun = select(runs.c.trial).where(
        runs.c.sweep_id == sweep_id, or_(runs.c.state != State.QUEUED.value, runs.c.step > 0)
    )
    of_trial = and_(runs.c.sweep_id == trials.c.sweep_id, runs.c.trial == trials.c.number)
    query = (
        select(
            trials.c.number,
            trials.c.rungs,
            runs.c.id,
            runs.c.state,
            runs.c.cause,
            runs.c.step,
            runs.c.steps,
            runs.c.seconds,
            runs.c.spec["budget"]["seconds"].as_float().label("budget_seconds"),
        )
        .join(runs, of_trial)
        .where(trials.c.sweep_id == sweep_id, trials.c.verdict.is_(None), trials.c.number.in_(begun))
        .order_by(trials.c.number, runs.c.id)
    )
    found = defaultdict(list)
    for row in tx.connection.execute(query):
        found[row.number].append(row)
    return found


def _new_values(
    tx: Transaction, counted: Sequence[Row[Any]], first: int, objective: Objective, pruning: Pruning
) -> Values:
    """At the rungs from `first` on that all its runs have come to, those left out that have ended.

    A trial that ended early counts at the first rung that none of its runs came to: as good or as bad as it was.
    """
    new: list[float | None] = []
    while counted:
        at = pruning.rung(first + len(new))
        if any(at >= _budget(row, pruning) for row in counted):
            break  # it is as good as done
        if any(row.state in OPEN and not _has_reached(row, at, pruning) for row in counted):
            break
        is_behind_all = not any(_has_reached(row, at, pruning) for row in counted)
        if is_behind_all and all(row.cause in FROM_OUTSIDE for row in counted):
            break  # it says nothing
        new.append(_value(tx, counted, at, objective, pruning))
        if is_behind_all:
            break
    return tuple(new)


def _budget(row: Row[Any], pruning: Pruning) -> float:
    budget = row.steps if pruning.of == "steps" else row.budget_seconds
    return math.inf if budget is None else float(budget)


def _has_reached(row: Row[Any], at: float, pruning: Pruning) -> bool:
    return bool((row.step if pruning.of == "steps" else row.seconds) >= at)


def _value(
    tx: Transaction, counted: Sequence[Row[Any]], at: float, objective: Objective, pruning: Pruning
) -> float | None:
    worths = []
    for row in counted:
        if row.state == State.FAILED and not _has_reached(row, at, pruning):
            worth = None if row.cause in FROM_OUTSIDE else objective.worst
        else:
            worth = _worth(tx, row.id, at, objective, pruning)
        worths += [] if worth is None else [worth]
    return median(worths) if worths else None


def _worth(tx: Transaction, run_id: str, at: float, objective: Objective, pruning: Pruning) -> float | None:
    """The objective of a run at the last of its rows that is not beyond the rung; what is not finite is the worst."""
    metric = objective.metric
    in_steps = pruning.of == "steps"
    piece = chunks.read(tx, run_id, [metric, SECONDS], None, math.floor(at) if in_steps else None)
    values, measured = piece.columns[metric]
    if not in_steps:
        measured = measured & (piece.columns[SECONDS][0] <= at)
    values = values[measured]
    if not len(values):
        return None
    finite = values[np.isfinite(values)]
    if objective.at == "last":
        return float(values[-1]) if np.isfinite(values[-1]) else objective.worst
    if not len(finite):
        return objective.worst
    return float(finite.min() if objective.goal == "minimize" else finite.max())


def _values(rungs: Sequence[Any] | None) -> Values:
    return tuple(decode(value) for value in rungs or ())
