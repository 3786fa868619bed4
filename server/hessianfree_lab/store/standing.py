"""How sweeps stand: their trials by state and the best of each, counted by the database where they lie.

What a trial is worth is said once more here, as trials.py says it of one: the contract's tests hold both together.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Subquery, and_, case, func, or_, select

from hessianfree_lab.lifecycle import State
from hessianfree_lab.records.sweeps import TRIAL_STATES, Objective, Standing
from hessianfree_lab.store import trials as trial_table
from hessianfree_lab.store.rungs import OPEN
from hessianfree_lab.store.tables import runs, summaries, trials
from hessianfree_lab.store.transaction import Transaction


def asked(tx: Transaction, sweep_ids: Sequence[str]) -> dict[str, int]:
    """By sweep, how many trials it has; one without any is left out."""
    query = select(trials.c.sweep_id, func.count()).where(trials.c.sweep_id.in_(sweep_ids))
    return _numbers(tx, query.group_by(trials.c.sweep_id))


def still_open(tx: Transaction, sweep_ids: Sequence[str]) -> dict[str, int]:
    """By sweep, how many of its trials have a run that has not ended; one without any is left out."""
    query = select(runs.c.sweep_id, func.count(runs.c.trial.distinct())).where(
        runs.c.sweep_id.in_(sweep_ids), runs.c.state.in_(OPEN)
    )
    return _numbers(tx, query.group_by(runs.c.sweep_id))


def _numbers(tx: Transaction, query: Select[Any, int]) -> dict[str, int]:
    return {sweep_id: number for sweep_id, number in tx.connection.execute(query)}  # noqa: C416


def load(tx: Transaction, objectives: Mapping[str, Objective]) -> dict[str, Standing]:
    """Of each of these sweeps, whose objectives they are. What is kept is not counted anew."""
    if tx.kept is None:
        return _count(tx, objectives)
    kept, version = tx.kept.standings
    found = kept.find(objectives)
    if missing := {sweep_id: objectives[sweep_id] for sweep_id in objectives if sweep_id not in found}:
        counted = _count(tx, missing)
        kept.keep(counted, version=version)
        found |= counted
    return found


def _count(tx: Transaction, objectives: Mapping[str, Objective]) -> dict[str, Standing]:
    """Sweeps of one metric and goal in one query: pages mostly have a single one."""
    alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for sweep_id, objective in objectives.items():
        alike[objective.metric, objective.goal, objective.at].append(sweep_id)
    found: dict[str, Standing] = {}
    for sweep_ids in alike.values():
        found |= _count_alike(tx, sweep_ids, objectives[sweep_ids[0]])
    return found


def _count_alike(tx: Transaction, sweep_ids: Sequence[str], objective: Objective) -> dict[str, Standing]:
    counts = {sweep_id: dict.fromkeys(TRIAL_STATES, 0) for sweep_id in sweep_ids}
    for sweep_id, number in asked(tx, sweep_ids).items():
        counts[sweep_id]["cancelled"] = number  # but for those that follow
    leaders = {}
    for row in tx.connection.execute(_by_state(sweep_ids, objective)):
        counts[row.sweep_id][row.state] = row.number
        counts[row.sweep_id]["cancelled"] -= row.number
        if row.state == "completed":
            leaders[row.sweep_id] = row.trial
    best = trial_table.read_leaders(tx, leaders, objective)
    return {sweep_id: Standing(trials=counts[sweep_id], best=best.get(sweep_id)) for sweep_id in sweep_ids}


def _by_state(sweep_ids: Sequence[str], objective: Objective) -> Select[str, str, int, int]:
    """Rows (sweep, state, number of its trials in it, the best of them by number); none for a state without trials."""
    outcome = _outcomes(sweep_ids, objective)
    within = (outcome.c.sweep_id, outcome.c.state)
    ranked = select(
        outcome.c.sweep_id,
        outcome.c.state,
        func.count().over(partition_by=within).label("number"),
        outcome.c.trial,
        func.row_number()
        .over(partition_by=within, order_by=(outcome.c.value.asc().nulls_last(), outcome.c.trial))
        .label("place"),
    ).subquery()
    return select(ranked.c.sweep_id, ranked.c.state, ranked.c.number, ranked.c.trial).where(
        ranked.c.place == 1
    )


def _outcomes(sweep_ids: Sequence[str], objective: Objective) -> Subquery:
    """Rows (sweep_id, trial, state, value), but for trials of which no run counts; the least value is the best."""
    of_run = _worths(sweep_ids, objective)
    is_middle = of_run.c.place.in_([(of_run.c.runs + 1) // 2, (of_run.c.runs + 2) // 2])
    middle = case((is_middle, of_run.c.worth))
    unknown = func.count(case((is_middle & of_run.c.worth.is_(None), 1)))
    still_open = func.count(case((of_run.c.state.in_(OPEN), 1)))
    queued = func.count(case((of_run.c.state == State.QUEUED.value, 1)))
    stopped = func.count(
        case((of_run.c.state == State.CANCELLED.value, 1))
    )  # there are none but of pruned ones
    state = case(
        (and_(still_open > 0, queued == func.count() - stopped), "queued"),
        (still_open > 0, "running"),
        (stopped > 0, "pruned"),
        (unknown > 0, "failed"),
        else_="completed",
    )
    return (
        select(
            of_run.c.sweep_id,
            of_run.c.trial,
            state.label("state"),
            # Of an even number the mean of the two in the middle; halves, since their sum may be beyond all floats.
            (func.min(middle) / 2 + func.max(middle) / 2).label("value"),
        )
        .group_by(of_run.c.sweep_id, of_run.c.trial)
        .subquery()
    )


def _worths(sweep_ids: Sequence[str], objective: Objective) -> Subquery:
    """Rows of runs that count: what each is worth, small being good; its place among its trial's, the best first.

    Cancelled ones do not, but of trials that were pruned: there they say that it came to that.
    """
    of_metric = and_(summaries.c.run_id == runs.c.id, summaries.c.metric == objective.metric)
    sign = 1 if objective.goal == "minimize" else -1
    worth = case((runs.c.state == State.COMPLETED.value, sign * trial_table.value_of(objective)))
    of_trial = (runs.c.sweep_id, runs.c.trial)
    return (
        select(
            runs.c.sweep_id,
            runs.c.trial,
            runs.c.state,
            worth.label("worth"),
            func.count().over(partition_by=of_trial).label("runs"),
            func.row_number().over(partition_by=of_trial, order_by=worth.asc().nulls_last()).label("place"),
        )
        .outerjoin(summaries, of_metric)
        .join(trials, and_(trials.c.sweep_id == runs.c.sweep_id, trials.c.number == runs.c.trial))
        .where(
            runs.c.sweep_id.in_(sweep_ids),
            or_(runs.c.state != State.CANCELLED.value, trials.c.verdict == "pruned"),
        )
        .subquery()
    )
