"""Sweeps: added, given their trials, ended, removed. The docstrings are the contract, as those of the interface are."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, delete, insert, select, update

from hessianfree_lab.errors import SweepNotFound, WrongState
from hessianfree_lab.lifecycle import State
from hessianfree_lab.records import JobSpec, Page
from hessianfree_lab.records.spaces import Params
from hessianfree_lab.records.sweeps import Standing, Sweep, SweepSpec, Trial
from hessianfree_lab.store import controls as control_table
from hessianfree_lab.store import jobs, rungs, standing
from hessianfree_lab.store import trials as trial_table
from hessianfree_lab.store.interface import SWEEPS
from hessianfree_lab.store.tables import runs, sweeps, trials
from hessianfree_lab.store.transaction import Transaction

Begin = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, kw_only=True)
class NewTrial:
    """A trial that is to be queued: its number, what it tries, and a job for each seed."""

    number: int
    params: Params
    jobs: Sequence[JobSpec]


@dataclass(frozen=True, kw_only=True)
class Underway:
    """A sweep that has not ended: of `total` trials `asked` are there, of these `open` have not ended."""

    id: str
    name: str
    spec: SweepSpec
    total: int
    asked: int
    open: int


class Sweeps:
    """Every method is one transaction; `SweepNotFound` for ids there are not."""

    def __init__(self, write: Begin, read: Begin, new_id: Callable[[], str]) -> None:
        self._write = write
        self._read = read
        self._new_id = new_id

    def add(self, spec: SweepSpec, *, total: int, idempotency_key: str | None = None) -> tuple[Sweep, bool]:
        """A validated sweep without trials yet, and whether it is new: a key seen before answers its sweep."""
        with self._write() as tx:
            if idempotency_key is not None:
                known = select(sweeps).where(sweeps.c.idempotency_key == idempotency_key)
                row = tx.connection.execute(known).one_or_none()
                if row is not None:
                    return _assemble(tx, [row])[0], False
            sweep_id = self._new_id()
            tx.connection.execute(
                insert(sweeps).values(
                    id=sweep_id,
                    name=spec.title,
                    spec=spec.model_dump(mode="json"),
                    state="running",
                    total=total,
                    created_at=tx.now,
                    idempotency_key=idempotency_key,
                )
            )
            _tell(tx, sweep_id)
            return _assemble(tx, [_find(tx, sweep_id)])[0], True

    def get(self, sweep_id: str) -> Sweep:
        """The sweep as it stands now."""
        with self._read() as tx:
            return _assemble(tx, [_find(tx, sweep_id)])[0]

    def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[Sweep]:
        """The newest first; the cursor is the id of the last."""
        with self._read() as tx:
            query = select(sweeps).order_by(sweeps.c.id.desc()).limit(limit + 1)
            if cursor is not None:
                query = query.where(sweeps.c.id < cursor)
            rows = tx.connection.execute(query).all()
            more = len(rows) > limit
            return Page(
                items=_assemble(tx, rows[:limit]),
                next_cursor=rows[limit - 1].id if more else None,
            )

    def running(self) -> list[Underway]:
        """The sweeps that have not ended, the oldest first: cheap, however many trials they have."""
        with self._read() as tx:
            query = select(sweeps).where(sweeps.c.state == "running").order_by(sweeps.c.id)
            rows = tx.connection.execute(query).all()
            ids = [row.id for row in rows]
            asked, still_open = standing.asked(tx, ids), standing.still_open(tx, ids)
            return [
                Underway(
                    id=row.id,
                    name=row.name,
                    spec=_spec(row),
                    total=row.total,
                    asked=asked.get(row.id, 0),
                    open=still_open.get(row.id, 0),
                )
                for row in rows
            ]

    def trials(self, sweep_id: str) -> list[Trial]:
        """Every trial, by number, as its runs stand now."""
        with self._read() as tx:
            return trial_table.read(tx, sweep_id, _spec(_find(tx, sweep_id)))

    def study(self, sweep_id: str) -> tuple[SweepSpec, list[Trial]]:
        """What the sweep searches, and all its trials."""
        with self._read() as tx:
            spec = _spec(_find(tx, sweep_id))
            return spec, trial_table.read(tx, sweep_id, spec)

    def add_trials(self, sweep_id: str, new: Sequence[NewTrial]) -> bool:
        """Queue the jobs of these trials. False, and nothing is: the sweep has ended, or a number is taken."""
        with self._write() as tx:
            # Nobody writes between this look and what follows: a store has one writer at a time, a database one store.
            state = tx.connection.scalar(select(sweeps.c.state).where(sweeps.c.id == sweep_id))
            if state != "running":
                return False
            numbers = [trial.number for trial in new]
            taken = select(trials.c.number).where(trials.c.sweep_id == sweep_id, trials.c.number.in_(numbers))
            if tx.connection.scalar(taken.limit(1)) is not None:
                return False
            tx.connection.execute(
                insert(trials),
                [{"sweep_id": sweep_id, "number": trial.number, "params": trial.params} for trial in new],
            )
            jobs.add_many(
                tx,
                [
                    jobs.NewJob(run_id=self._new_id(), spec=spec, sweep_id=sweep_id, trial=trial.number)
                    for trial in new
                    for spec in trial.jobs
                ],
            )
            _tell(tx, sweep_id)
            return True

    def due(self, sweep_id: str) -> list[rungs.Due]:
        """The trials that pruning has to judge now: cheap while there are none. None in a sweep without pruning."""
        with self._read() as tx:
            spec = _spec(_find(tx, sweep_id))
            pruning = spec.search.pruning
            return [] if pruning is None else rungs.due(tx, sweep_id, spec.objective, pruning)

    def judged(self, sweep_id: str) -> dict[int, rungs.Values]:
        """By number, what trials were worth at the rungs at which they were judged."""
        with self._read() as tx:
            return rungs.known(tx, sweep_id)

    def judge(self, sweep_id: str, judged: Sequence[rungs.Judged]) -> None:
        """Keep what was judged, and cancel the runs of those that are pruned. A sweep that has ended stays as it is."""
        with self._write() as tx:
            if _find(tx, sweep_id).state != "running":
                return
            for number in rungs.settle(tx, sweep_id, judged):
                _cancel_runs(tx, and_(runs.c.sweep_id == sweep_id, runs.c.trial == number))
            tx.touch_sweep(sweep_id)

    def complete(self, sweep_id: str) -> Sweep:
        """The sweep has all it wanted. What of it is still open is cancelled; one that has ended stays as it is."""
        with self._write() as tx:
            if _find(tx, sweep_id).state == "running":
                _end(tx, sweep_id, "completed")
            return _assemble(tx, [_find(tx, sweep_id)])[0]

    def fail(self, sweep_id: str, error: str) -> Sweep:
        """It cannot go on; `error` says why, in a sentence. Otherwise as `complete`."""
        with self._write() as tx:
            if _find(tx, sweep_id).state == "running":
                _end(tx, sweep_id, "failed", error=error)
            return _assemble(tx, [_find(tx, sweep_id)])[0]

    def cancel(self, sweep_id: str) -> Sweep:
        """Nothing more is tried: queued trials are cancelled at once, those that run are told. `WrongState`: ended."""
        with self._write() as tx:
            row = _find(tx, sweep_id)
            if row.state != "running":
                message = f"Sweep {sweep_id} is {row.state}: it cannot be cancelled."
                raise WrongState(message, state=row.state)
            _end(tx, sweep_id, "cancelled")
            return _assemble(tx, [_find(tx, sweep_id)])[0]

    def remove(self, sweep_id: str) -> None:
        """Forget the sweep; its runs stay, as runs of their own. `WrongState` while it is running."""
        with self._write() as tx:
            row = _find(tx, sweep_id)
            if row.state == "running":
                raise WrongState(
                    f"Sweep {sweep_id} is running: cancel it before it is removed.", state=row.state
                )
            belongs = runs.c.sweep_id == sweep_id
            ids = list(tx.connection.scalars(select(runs.c.id).where(belongs)))
            tx.connection.execute(update(runs).where(belongs).values(sweep_id=None, trial=None))
            tx.connection.execute(delete(sweeps).where(sweeps.c.id == sweep_id))
            tx.emit_runs(ids)
            _tell(tx, sweep_id)


def _end(
    tx: Transaction,
    sweep_id: str,
    state: Literal["completed", "cancelled", "failed"],
    *,
    error: str | None = None,
) -> None:
    ended = {"state": state, "ended_at": tx.now, "error": error}
    tx.connection.execute(update(sweeps).where(sweeps.c.id == sweep_id).values(**ended))
    _cancel_runs(tx, runs.c.sweep_id == sweep_id)
    _tell(tx, sweep_id)


def _cancel_runs(tx: Transaction, belongs: ColumnElement[bool]) -> None:
    """Those that are open. Without a process all at once, since there may be thousands; the others are few: as many as
    are trained.
    """
    of_sweep = and_(belongs, runs.c.state.in_(rungs.OPEN))
    is_held = runs.c.heard_at.is_not(None)
    for run_id in tx.connection.scalars(select(runs.c.id).where(of_sweep, is_held)).all():
        jobs.request_cancel(tx, run_id)
    waiting = select(runs.c.id).where(of_sweep, ~is_held)
    ids = tx.connection.scalars(waiting).all()
    if ids:
        control_table.settle_ended(tx, waiting)
        tx.connection.execute(
            update(runs)
            .where(of_sweep, ~is_held)
            .values(state=State.CANCELLED.value, ended_at=tx.now, pause_requested=False)
        )
        tx.emit_runs(ids)


def _tell(tx: Transaction, sweep_id: str) -> None:
    tx.emit_sweep(sweep_id)
    tx.wake(SWEEPS)


def _find(tx: Transaction, sweep_id: str) -> Row[Any]:
    row = tx.connection.execute(select(sweeps).where(sweeps.c.id == sweep_id)).one_or_none()
    if row is None:
        raise SweepNotFound(sweep_id)
    return row


def _spec(row: Row[Any]) -> SweepSpec:
    return SweepSpec.model_validate(row.spec)


def _assemble(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Sweep]:
    """Sweeps of these rows, in their order."""
    specs = {row.id: _spec(row) for row in rows}
    stand = standing.load(tx, {sweep_id: spec.objective for sweep_id, spec in specs.items()})
    return [_shown(row, specs[row.id], stand[row.id]) for row in rows]


def _shown(row: Row[Any], spec: SweepSpec, stands: Standing) -> Sweep:
    best = stands.best
    return Sweep(
        id=row.id,
        name=row.name,
        state=row.state,
        error=row.error,
        spec=spec,
        created_at=row.created_at,
        ended_at=row.ended_at,
        total=row.total,
        trials=dict(stands.trials),
        best=best,
        reached_target=best is not None and spec.objective.is_reached_by(best.value),
    )
