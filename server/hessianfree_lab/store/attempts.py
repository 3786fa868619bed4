"""How attempts end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from hessianfree_lab.errors import Fault, InvalidRequest, StaleAttempt
from hessianfree_lab.lifecycle import ENDED, Cause, Outcome, State, after_attempt
from hessianfree_lab.records import AttemptInfo, FinishRequest, HeldRun, Run
from hessianfree_lab.store import controls as control_table
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import QUEUE, commands_for
from hessianfree_lab.store.tables import attempts, runs
from hessianfree_lab.store.transaction import Transaction


def listing(tx: Transaction, run_id: str) -> list[AttemptInfo]:
    run_table.find(tx, run_id)
    return of_runs(tx, [run_id])[run_id]


def of_runs(tx: Transaction, run_ids: Sequence[str]) -> dict[str, list[AttemptInfo]]:
    """By run, its attempts in order."""
    found: dict[str, list[AttemptInfo]] = {run_id: [] for run_id in run_ids}
    query = select(attempts).where(attempts.c.run_id.in_(run_ids)).order_by(attempts.c.number)
    for row in tx.connection.execute(query):
        found[row.run_id].append(
            AttemptInfo(
                number=row.number,
                worker=row.worker_id,
                started_at=row.started_at,
                ended_at=row.ended_at,
                outcome=row.outcome,
                cause=row.cause,
                error=row.error,
                first_step=row.first_step,
                resumed_from=row.resumed_from,
            )
        )
    return found


def outdated_after(tx: Transaction, run_id: str) -> dict[int, int]:
    """By attempt, the step after which the record went on without it: the first step of a later one, less one."""
    of_run = select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.number.desc())
    outdated: dict[int, int] = {}
    least: int | None = None
    for row in tx.connection.execute(of_run):
        if least is not None:
            outdated[row.number] = least
        began_after = row.resumed_from
        if began_after is None and row.first_step is not None:
            began_after = row.first_step - 1
        if began_after is not None:
            least = began_after if least is None else min(least, began_after)
    return outdated


def find_current(tx: Transaction, run_id: str, attempt: int) -> Row[Any]:
    """The run, if `attempt` is its current one and has not ended; otherwise the write is fenced."""
    row = run_table.find(tx, run_id)
    if attempt != row.attempt:
        message = f"Attempt {attempt} of run {run_id} is not its current one, which is {row.attempt}."
        raise StaleAttempt(message, state=row.state)
    if not run_table.is_held(row):
        message = f"Attempt {attempt} of run {run_id} has ended: the run is {row.state}."
        raise StaleAttempt(message, state=row.state)
    return row


def finish(tx: Transaction, run_id: str, request: FinishRequest) -> Run:
    if request.cause is not None and request.state != "failed" and not _is_from_outside(request):
        message = (
            f"cause is {request.cause!r}, but only a failed attempt has one, and an interrupted one where it is"
            f" {Cause.KILLED.value!r} or {Cause.DEVICE.value!r}; this one is {request.state}."
        )
        raise InvalidRequest([Fault("cause", message)])
    tx.hold_runs([run_id])
    row = find_current(tx, run_id, request.attempt)
    cause = Cause(request.cause) if request.cause else None
    if request.ended_at is not None and row.kind == "job":
        message = f"ended_at is {request.ended_at.isoformat()}; only a script's run may be told of later."
        raise InvalidRequest([Fault("ended_at", message)])
    # Clocks are set back, and that of a disk's server is another one.
    ended_at = max(row.started_at, min(request.ended_at, tx.now)) if request.ended_at else None
    end(tx, row, Outcome(request.state), cause=cause, error=request.error, ended_at=ended_at)
    return run_table.get(tx, run_id)


def _is_from_outside(request: FinishRequest) -> bool:
    """Whether a signal from outside, or its GPU, ended the attempt, which may be tried again."""
    return request.state == "interrupted" and request.cause in (Cause.KILLED.value, Cause.DEVICE.value)


def end(
    tx: Transaction,
    row: Row[Any],
    outcome: Outcome,
    *,
    cause: Cause | None = None,
    error: str | None = None,
    ended_at: datetime | None = None,
) -> None:
    """End the current attempt, now unless it ended before, and take the run to where that leads."""
    ended_at = ended_at or tx.now
    state, cause_of_run = after_attempt(
        outcome, row.attempt, row.max_attempts, cause=cause, is_held_back=row.pause_requested
    )
    if outcome in (Outcome.INTERRUPTED, Outcome.LOST) and row.stop_requested:
        # Its user wanted it to end, and it has: neither a failure nor a reason to try again.
        state, cause_of_run = State.CANCELLED, None
    tx.connection.execute(
        update(attempts)
        .where(attempts.c.run_id == row.id, attempts.c.number == row.attempt)
        .values(ended_at=ended_at, outcome=outcome.value, cause=cause, error=error)
    )
    control_table.settle(tx, row, state)
    has_ended = state in ENDED
    changes = {
        "cause": cause_of_run.value if cause_of_run else None,
        "error": error if has_ended else None,
        "ended_at": ended_at if has_ended else None,
        "stop_requested": False,
        "pause_requested": row.pause_requested and not has_ended,
        "heard_at": None,
    }
    if state == row.state:  # held back with its process, and now without
        tx.connection.execute(update(runs).where(runs.c.id == row.id).values(changes))
        tx.emit_run(row.id)
    else:
        run_table.move(tx, row, state, f"ended as {outcome.value}", **changes)
    if row.worker_id is not None:
        tx.emit_workers()
    if state is State.QUEUED:
        tx.wake(QUEUE)


def lose(tx: Transaction, heard_before: datetime) -> list[HeldRun]:
    """End every leased attempt that has been silent since then; its worker is told to drop it, should it live.

    A script holds no lease: its run goes on, and readers are told once that it is stale.
    """
    silent = tx.connection.execute(
        select(runs).where(
            runs.c.state.in_((State.RUNNING.value, State.PAUSED.value)), runs.c.heard_at < heard_before
        )
    ).all()
    lost = [row for row in silent if row.kind == "job"]
    for row in lost:
        quiet = (tx.now - row.heard_at).total_seconds()
        end(
            tx,
            row,
            Outcome.LOST,
            error=f"Nothing was heard of attempt {row.attempt} for {quiet:.0f} seconds.",
        )
        if row.worker_id is not None:
            tx.wake(commands_for(row.worker_id))
    for row in silent:
        if row.kind == "script" and not row.silent:
            tx.connection.execute(update(runs).where(runs.c.id == row.id).values(silent=True))
            tx.emit_run(row.id)
    return [HeldRun(run=row.id, attempt=row.attempt) for row in lost]
