"""What users ask of jobs while they run: held back, let go on, given other settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update

from hessianfree_lab.errors import Fault, InvalidRequest, WrongState
from hessianfree_lab.lifecycle import ENDED, State
from hessianfree_lab.records import Applied, Command, Control, Run
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import QUEUE, commands_for
from hessianfree_lab.store.tables import controls, runs
from hessianfree_lab.store.transaction import Transaction

_IS_PENDING = controls.c.applied_at.is_(None) & controls.c.error.is_(None)
_TOO_LATE = "The run ended before it could take effect."


def request_pause(tx: Transaction, run_id: str, requested_by: str | None) -> Run:
    row = _open_job(tx, run_id, "paused")
    if not row.pause_requested:
        if row.state == State.QUEUED:
            run_table.move(tx, row, State.PAUSED, "paused", pause_requested=True)
            _add(tx, row, "pause", requested_by, applied_at=tx.now, step=row.step)
        else:
            _ask(tx, row, "pause", requested_by, is_wanted=True)
    return run_table.get(tx, run_id)


def request_resume(tx: Transaction, run_id: str, requested_by: str | None) -> Run:
    row = _open_job(tx, run_id, "resumed")
    if not row.pause_requested:
        if row.state != State.PAUSED:  # otherwise it has been asked already
            message = f"Run {run_id} is {row.state}: only a paused job can be resumed."
            raise WrongState(message, state=row.state)
    elif run_table.is_held(row):
        _ask(tx, row, "resume", requested_by, is_wanted=False)
    else:
        # Its attempt was lost while it was held back: that must not cost it the one it goes on with.
        attempts = max(row.max_attempts, row.attempt + 1)
        run_table.move(tx, row, State.QUEUED, "resumed", pause_requested=False, max_attempts=attempts)
        _add(tx, row, "resume", requested_by, applied_at=tx.now, step=row.step)
        tx.wake(QUEUE)
    return run_table.get(tx, run_id)


def request_set(
    tx: Transaction, run_id: str, settings: Mapping[str, Any], requested_by: str | None
) -> Control:
    row = _open_job(tx, run_id, "changed")
    number = _add(tx, row, "set", requested_by, settings=dict(settings))
    _tell(tx, row)
    return next(control for control in listing(tx, run_id) if control.number == number)


def listing(tx: Transaction, run_id: str) -> list[Control]:
    run_table.find(tx, run_id)
    return of_runs(tx, [run_id])[run_id]


def of_runs(tx: Transaction, run_ids: Sequence[str]) -> dict[str, list[Control]]:
    """By run, everything asked of it, in the order of asking."""
    found: dict[str, list[Control]] = {run_id: [] for run_id in run_ids}
    query = select(controls).where(controls.c.run_id.in_(run_ids)).order_by(controls.c.number)
    for row in tx.connection.execute(query):
        found[row.run_id].append(_to_control(row))
    return found


def for_next_attempt(tx: Transaction, run_id: str) -> list[Control]:
    """The `set`s that a new attempt has to make: those done at their steps, and those that nobody has done."""
    return [c for c in listing(tx, run_id) if c.kind == "set" and c.error is None]


def commands(tx: Transaction, run_id: str, attempt: int) -> list[Command]:
    """What the holder of the attempt has still to do, in the order of asking."""
    rows = tx.connection.execute(
        select(controls).where(controls.c.run_id == run_id, _IS_PENDING).order_by(controls.c.number)
    )
    return [
        Command(run=run_id, attempt=attempt, kind=row.kind, number=row.number, settings=row.settings)
        for row in rows
    ]


def acknowledge(tx: Transaction, row: Row[Any], applied: Sequence[Applied]) -> dict[str, Any]:
    """Note what the current attempt has done; what changes of its run by that. Known ones change nothing."""
    changes: dict[str, Any] = {}
    asked = {control.number: control for control in listing(tx, row.id)}
    for index, done in enumerate(applied):
        control = asked.get(done.number)
        if control is None:
            path = f"applied.{index}.number"
            message = f"{path} is {done.number}; the run has no such control."
            raise InvalidRequest([Fault(path, message)])
        if control.applied_at is not None or control.error is not None:
            continue
        tx.connection.execute(
            update(controls)
            .where(controls.c.run_id == row.id, controls.c.number == done.number)
            .values(attempt=row.attempt, step=done.step, applied_at=done.at, error=done.error)
        )
        changes["state"] = row.state  # there is news of the run, even where nothing below changes
        budget = control.settings.get("budget", {})
        if done.error is None and "steps" in budget:
            changes["steps"] = budget["steps"]
    # Batches come in any order: the last one asked for that has been done says how the job stands.
    latest = tx.connection.scalar(
        select(controls.c.kind)
        .where(
            controls.c.run_id == row.id,
            controls.c.kind != "set",
            controls.c.attempt == row.attempt,
            controls.c.applied_at.is_not(None),
        )
        .order_by(controls.c.number.desc())
        .limit(1)
    )
    if changes and latest is not None:
        changes["state"] = (State.PAUSED if latest == "pause" else State.RUNNING).value
    return changes


def settle(tx: Transaction, row: Row[Any], state: State) -> None:
    """The attempt has ended and taken the run to `state`: what it was still to do is done by that, or never."""
    if state in ENDED:
        settle_ended(tx, select(runs.c.id).where(runs.c.id == row.id))
    else:
        tx.connection.execute(
            update(controls)
            .where(controls.c.run_id == row.id, _IS_PENDING, controls.c.kind != "set")
            .values(applied_at=tx.now, step=row.step)
        )


def settle_ended(tx: Transaction, run_ids: Select[str]) -> None:
    """These runs have ended: what they were still to do is never done."""
    tx.connection.execute(
        update(controls).where(controls.c.run_id.in_(run_ids), _IS_PENDING).values(error=_TOO_LATE)
    )


def _open_job(tx: Transaction, run_id: str, verb: str) -> Row[Any]:
    row = run_table.find(tx, run_id)
    if row.kind == "script":
        message = f"Run {run_id} is recorded by a script: there is no job to be {verb}."
        raise WrongState(message, state=row.state)
    if State(row.state) in ENDED:
        raise WrongState(f"Run {run_id} is {row.state}: it cannot be {verb}.", state=row.state)
    if row.stop_requested:
        message = f"Run {run_id} is about to be cancelled: it cannot be {verb}."
        raise WrongState(message, state=row.state)
    return row


def _ask(tx: Transaction, row: Row[Any], kind: str, requested_by: str | None, *, is_wanted: bool) -> None:
    """Ask the process; the state follows when it says that it has done so."""
    tx.connection.execute(update(runs).where(runs.c.id == row.id).values(pause_requested=is_wanted))
    _add(tx, row, kind, requested_by)
    _tell(tx, row)


def _tell(tx: Transaction, row: Row[Any]) -> None:
    tx.emit_run(row.id)
    if run_table.is_held(row) and row.worker_id is not None:
        tx.wake(commands_for(row.worker_id))


def _add(tx: Transaction, row: Row[Any], kind: str, requested_by: str | None, **values: Any) -> int:
    last = tx.connection.scalar(select(func.max(controls.c.number)).where(controls.c.run_id == row.id))
    number = (last or 0) + 1
    known = {"settings": {}, "requested_at": tx.now, "requested_by": requested_by}
    tx.connection.execute(
        insert(controls).values(run_id=row.id, number=number, kind=kind, **(known | values))
    )
    return number


def _to_control(row: Row[Any]) -> Control:
    return Control(
        number=row.number,
        kind=row.kind,
        settings=row.settings,
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        attempt=row.attempt,
        step=row.step,
        applied_at=row.applied_at,
        error=row.error,
    )
