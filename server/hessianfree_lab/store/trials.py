"""What came of the trials of a sweep: worked out from their runs whenever it is asked for."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, select, tuple_

from hessianfree_lab.lifecycle import ENDED, FROM_OUTSIDE, State
from hessianfree_lab.records.scalars import decode
from hessianfree_lab.records.sweeps import (
    BestTrial,
    Objective,
    Pruning,
    Reached,
    SweepSpec,
    Trial,
    TrialRun,
    TrialState,
)
from hessianfree_lab.store.tables import runs, summaries, trials
from hessianfree_lab.store.transaction import Transaction

_ENDED = frozenset(state.value for state in ENDED)


def read(tx: Transaction, sweep_id: str, spec: SweepSpec) -> list[Trial]:
    """Every trial of the sweep, by number."""
    objective = spec.objective
    of_trial = defaultdict(list)
    for row in tx.connection.execute(_runs(objective).where(runs.c.sweep_id == sweep_id)):
        of_trial[row.trial].append(row)
    asked = tx.connection.execute(
        select(trials).where(trials.c.sweep_id == sweep_id).order_by(trials.c.number)
    )
    return [assemble(row, of_trial[row.number], objective, spec.search.pruning) for row in asked]


def read_leaders(tx: Transaction, numbers: Mapping[str, int], objective: Objective) -> dict[str, BestTrial]:
    """By sweep, its completed trial of that number as the best one."""
    if not numbers:
        return {}
    of_sweep = defaultdict(list)
    among = tuple_(runs.c.sweep_id, runs.c.trial).in_(list(numbers.items()))
    for row in tx.connection.execute(_runs(objective).where(among)):
        of_sweep[row.sweep_id].append(row)
    asked = select(trials).where(tuple_(trials.c.sweep_id, trials.c.number).in_(list(numbers.items())))
    return {
        row.sweep_id: _as_best(assemble(row, of_sweep[row.sweep_id], objective))
        for row in tx.connection.execute(asked)
    }


def _as_best(trial: Trial) -> BestTrial:
    assert trial.value is not None
    value = trial.value
    told = [run for run in trial.runs if run.value is not None and math.isfinite(run.value)]
    nearest = min(told, key=lambda run: abs((run.value or 0.0) - value))
    return BestTrial(number=trial.number, params=trial.params, value=value, run=nearest.id)


def assemble(
    asked: Row[Any], rows: Sequence[Row[Any]], objective: Objective, pruning: Pruning | None = None
) -> Trial:
    """The trial of the row `asked`, whose runs the other rows are."""
    of_trial = [_run(row, objective) for row in rows]
    counted = [run for run in of_trial if run.state != State.CANCELLED]
    state, value = _outcome(counted, objective)
    is_stopped = asked.verdict == "pruned" and len(counted) < len(of_trial)
    if is_stopped and state not in ("queued", "running"):
        state, value = "pruned", None
    missing = [run for run in counted if _worth(run) is None]
    ended = [row.ended_at for row in rows if row.ended_at is not None]
    return Trial(
        number=asked.number,
        params=asked.params,
        state=state,
        value=value,
        is_uninformative=state == "failed" and all(run.cause in FROM_OUTSIDE for run in missing),
        runs=of_trial,
        rungs=_reached(asked, pruning),
        seconds=sum(run.seconds for run in of_trial),
        ended_at=max(ended, default=None) if state not in ("queued", "running") else None,
    )


def _outcome(counted: Sequence[TrialRun], objective: Objective) -> tuple[TrialState, float | None]:
    if not counted:
        return "cancelled", None
    if any(run.state not in _ENDED for run in counted):
        return ("queued" if all(run.state == State.QUEUED for run in counted) else "running"), None
    value = median([objective.worst if worth is None else worth for worth in map(_worth, counted)])
    return ("completed", value) if math.isfinite(value) else ("failed", None)


def median(values: Sequence[float]) -> float:
    """Of an even number the mean of the two in the middle; halves, since their sum may be beyond all floats."""
    ascending, last = sorted(values), len(values) - 1
    return ascending[last // 2] / 2 + ascending[(last + 1) // 2] / 2


def _reached(asked: Row[Any], pruning: Pruning | None) -> list[Reached]:
    if pruning is None:
        return []
    return [Reached(at=pruning.rung(rung), value=value) for rung, value in enumerate(asked.rungs or ())]


def _worth(run: TrialRun) -> float | None:
    """What a run that has ended counts as; None: it has failed, or ended without a finite value."""
    if run.state != State.COMPLETED or run.value is None or not math.isfinite(run.value):
        return None
    return run.value


def _run(row: Row[Any], objective: Objective) -> TrialRun:
    return TrialRun(
        id=row.id,
        name=row.name,
        seed=row.seed,
        state=row.state,
        cause=row.cause,
        value=_value(row, objective),
        step=row.step,
        seconds=row.seconds,
    )


def value_of(objective: Objective) -> ColumnElement[float | None]:
    """The objective of a run so far, as its summary has it; NULL where there is none that is finite."""
    if objective.at == "last":
        return summaries.c.last
    return summaries.c.min if objective.goal == "minimize" else summaries.c.max


def _value(row: Row[Any], objective: Objective) -> float | None:
    """The same of a row, with a last value that is not finite."""
    value: float | None = decode(row.odd_last) if objective.at == "last" and row.odd_last else row.value
    return value


def _runs(objective: Objective) -> Select[Any]:
    """Runs with what counts of their summaries, the oldest first."""
    of_metric = and_(summaries.c.run_id == runs.c.id, summaries.c.metric == objective.metric)
    return (
        select(
            runs.c.id,
            runs.c.name,
            runs.c.sweep_id,
            runs.c.trial,
            runs.c.state,
            runs.c.cause,
            runs.c.step,
            runs.c.seconds,
            runs.c.ended_at,
            runs.c.spec["seed"].as_integer().label("seed"),
            value_of(objective).label("value"),
            summaries.c.odd_last,
        )
        .outerjoin(summaries, of_metric)
        .order_by(runs.c.id)
    )
