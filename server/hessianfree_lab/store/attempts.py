"""How attempts end."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from hessianfree_lab.errors import Fault, InvalidRequest, StaleAttempt
from hessianfree_lab.lifecycle import Cause, Outcome, State, after_attempt
from hessianfree_lab.records import FinishRequest, Run
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import QUEUE, commands_for
from hessianfree_lab.store.tables import attempts, runs
from hessianfree_lab.store.transaction import Transaction


def find_current(tx: Transaction, run_id: str, attempt: int) -> Row[Any]:
    """The run, if `attempt` is its current one and has not ended; otherwise the write is fenced."""
    row = run_table.find(tx, run_id)
    if attempt != row.attempt:
        message = f"Attempt {attempt} of run {run_id} is not its current one, which is {row.attempt}."
        raise StaleAttempt(message, state=row.state)
    if row.state != State.RUNNING:
        message = f"Attempt {attempt} of run {run_id} has ended: the run is {row.state}."
        raise StaleAttempt(message, state=row.state)
    return row


def finish(tx: Transaction, run_id: str, request: FinishRequest) -> Run:
    if request.cause is not None and request.state != "failed":
        message = (
            f"cause is {request.cause!r}, but only a failed attempt has one; this one is {request.state}."
        )
        raise InvalidRequest([Fault("cause", message)])
    row = find_current(tx, run_id, request.attempt)
    cause = Cause(request.cause) if request.cause else None
    end(tx, row, Outcome(request.state), cause=cause, error=request.error)
    return run_table.get(tx, run_id)


def end(
    tx: Transaction, row: Row[Any], outcome: Outcome, *, cause: Cause | None = None, error: str | None = None
) -> None:
    """End the current attempt of a running run and take the run to where that leads."""
    state, cause_of_run = after_attempt(outcome, row.attempt, row.max_attempts)
    if outcome in (Outcome.INTERRUPTED, Outcome.LOST) and row.stop_requested:
        # Its user wanted it to end, and it has: neither a failure nor a reason to try again.
        state, cause_of_run = State.CANCELLED, None
    if state is State.FAILED:
        cause_of_run = cause_of_run or cause or Cause.ERROR
    tx.connection.execute(
        update(attempts)
        .where(attempts.c.run_id == row.id, attempts.c.number == row.attempt)
        .values(ended_at=tx.now, outcome=outcome.value, cause=cause, error=error)
    )
    run_table.move(
        tx,
        row,
        state,
        f"ended as {outcome.value}",
        cause=cause_of_run.value if cause_of_run else None,
        error=None if state is State.QUEUED else error,
        ended_at=None if state is State.QUEUED else tx.now,
        stop_requested=False,
    )
    if row.worker_id is not None:
        tx.emit_workers()
    if state is State.QUEUED:
        tx.wake(QUEUE)


def lose(tx: Transaction, heard_before: datetime) -> list[str]:
    """End every leased attempt that has been silent since then; its worker is told to drop it, should it live.

    A script holds no lease: its run goes on, and readers are told once that it is stale.
    """
    silent = tx.connection.execute(
        select(runs).where(runs.c.state == State.RUNNING.value, runs.c.heard_at < heard_before)
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
    return [row.id for row in lost]
