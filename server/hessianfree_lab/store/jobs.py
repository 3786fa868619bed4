"""The queue: jobs come in, are claimed, cancelled, and put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from hessianfree_lab.errors import WrongState
from hessianfree_lab.lifecycle import ENDED, State
from hessianfree_lab.records import Assignment, JobSpec, Offer, Run, ScriptRun
from hessianfree_lab.records.runs import PALETTE
from hessianfree_lab.store import attempts as attempt_table
from hessianfree_lab.store import controls as control_table
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store import workers as worker_table
from hessianfree_lab.store.fitting import Abilities, oldest_fitting
from hessianfree_lab.store.interface import QUEUE, commands_for
from hessianfree_lab.store.tables import (
    attempts,
    chunks,
    controls,
    idempotency_keys,
    landscapes,
    log_lines,
    runs,
    spectra,
    steps,
    summaries,
    tags,
    traces,
)
from hessianfree_lab.store.transaction import Transaction

_LATEST = select((runs.c.colour + 1) % PALETTE).order_by(runs.c.id.desc()).limit(1)
_NEXT_COLOUR = func.coalesce(_LATEST.scalar_subquery(), 0)
_RECORD = (steps, chunks, traces, spectra, log_lines, summaries, landscapes, controls)


def add(tx: Transaction, run_id: str, spec: JobSpec, key: str | None) -> tuple[Run, bool]:
    if (known := _known(tx, key)) is not None:
        return run_table.get(tx, known), False
    colour = tx.connection.scalar(select(_NEXT_COLOUR))
    tx.connection.execute(insert(runs).values(_job(tx, run_id, spec, colour=colour)))
    run_table.set_tags(tx, run_id, spec.tags)
    _remember(tx, key, run_id)
    tx.emit_run(run_id)
    tx.wake(QUEUE)
    return run_table.get(tx, run_id), True


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job of a sweep's trial that is to be queued."""

    run_id: str
    spec: JobSpec
    sweep_id: str
    trial: int


def add_many(tx: Transaction, new: Sequence[NewJob]) -> None:
    """Queue these jobs in few statements."""
    first = tx.connection.scalar(select(_NEXT_COLOUR)) or 0
    rows = [
        _job(tx, job.run_id, job.spec, colour=(first + place) % PALETTE)
        | {"sweep_id": job.sweep_id, "trial": job.trial}
        for place, job in enumerate(new)
    ]
    tx.connection.execute(insert(runs), rows)
    labels = [
        {"run_id": job.run_id, "position": position, "tag": tag}
        for job in new
        for position, tag in enumerate(dict.fromkeys(job.spec.tags))
    ]
    if labels:
        tx.connection.execute(insert(tags), labels)
    tx.emit_runs([job.run_id for job in new])
    tx.wake(QUEUE)


def add_script_run(tx: Transaction, run_id: str, script: ScriptRun, key: str | None) -> Run:
    if (known := _known(tx, key)) is not None:
        return run_table.get(tx, known)
    started_at = min(script.started_at or tx.now, tx.now)
    values = _fresh(tx, run_id) | {
        "kind": "script",
        "name": script.name,
        "problem": script.problem,
        "optimizer": script.optimizer,
        "spec": {"problem": script.problem, "optimizer": script.optimizer, "config": script.config},
        "cuda_device": None,
        "gpus": 0,
        "state": State.RUNNING.value,
        "priority": 0,
        "attempt": 1,
        "max_attempts": 1,
        "steps": script.steps,
        "notes": script.notes,
        "started_at": started_at,
        "heard_at": tx.now,
        "colour": _NEXT_COLOUR,
    }
    tx.connection.execute(insert(runs).values(values))
    tx.connection.execute(insert(attempts).values(run_id=run_id, number=1, started_at=started_at))
    run_table.set_tags(tx, run_id, script.tags)
    _remember(tx, key, run_id)
    tx.emit_run(run_id)
    return run_table.get(tx, run_id)


def _known(tx: Transaction, key: str | None) -> str | None:
    """The run that was made when this idempotency key was first seen."""
    if key is None:
        return None
    return tx.connection.scalar(select(idempotency_keys.c.run_id).where(idempotency_keys.c.key == key))


def _remember(tx: Transaction, key: str | None, run_id: str) -> None:
    if key is not None:
        tx.connection.execute(insert(idempotency_keys).values(key=key, run_id=run_id))


def claim(tx: Transaction, worker_id: str, offer: Offer | None) -> Assignment | None:
    """One statement decides who gets the job; the rest of the transaction writes down that it did."""
    worker = worker_table.touch(tx, worker_id)
    oldest = oldest_fitting(
        Abilities(
            problems=worker.problems,
            optimizers=worker.optimizers,
            devices=[device["name"] for device in worker.devices],
            supplies=worker.supplies or {},
            offer=offer,
        )
    ).scalar_subquery()
    row = tx.connection.execute(
        update(runs)
        .where(runs.c.id == oldest, runs.c.state == State.QUEUED.value)
        .values(
            state=State.RUNNING.value,
            attempt=runs.c.attempt + 1,
            worker_id=worker_id,
            started_at=tx.now,
            heard_at=tx.now,
            silent=False,
            seconds_per_step=None,
        )
        .returning(runs)
    ).one_or_none()
    if row is None:
        return None
    tx.connection.execute(
        insert(attempts).values(run_id=row.id, number=row.attempt, worker_id=worker_id, started_at=tx.now)
    )
    tx.emit_run(row.id)
    tx.touch_sweep(row.sweep_id)
    tx.emit_workers()
    return Assignment(
        run=row.id,
        name=row.name,
        attempt=row.attempt,
        spec=JobSpec.model_validate(row.spec),
        since_attempt=row.since_attempt,
        outdated_after=attempt_table.outdated_after(tx, row.id),
        last_step=_last_of_unbroken(tx, row.id, row.step),
        controls=control_table.for_next_attempt(tx, row.id),
    )


def _last_of_unbroken(tx: Transaction, run_id: str, last_step: int) -> int:
    """The last step before the first gap in the record; batches may have come in any order."""
    of_run = select(steps.c.step).where(steps.c.run_id == run_id)
    if tx.connection.scalar(select(func.count()).select_from(of_run.subquery())) == last_step:
        return last_step
    unbroken = 0
    for number in tx.connection.scalars(of_run.order_by(steps.c.step)):
        if number != unbroken + 1:
            break
        unbroken = number
    return unbroken


def set_priority(tx: Transaction, run_id: str, priority: int) -> Run:
    row = run_table.find(tx, run_id)
    if row.state != State.QUEUED:
        message = f"Run {run_id} is {row.state}: only a queued job has a place in the queue to change."
        raise WrongState(message, state=row.state)
    tx.connection.execute(update(runs).where(runs.c.id == run_id).values(priority=priority))
    tx.emit_run(run_id)
    return run_table.get(tx, run_id)


def request_cancel(tx: Transaction, run_id: str) -> Run:
    row = run_table.find(tx, run_id)
    abandoned = row.kind == "script" and run_table.is_silent(row, tx.now, tx.lease)
    if not run_table.is_held(row) or abandoned:
        run_table.move(tx, row, State.CANCELLED, "cancelled", ended_at=tx.now, pause_requested=False)
        control_table.settle(tx, row, State.CANCELLED)
        if abandoned:
            tx.connection.execute(
                update(attempts)
                .where(attempts.c.run_id == run_id, attempts.c.number == row.attempt)
                .values(ended_at=tx.now, outcome="cancelled")
            )
    elif not row.stop_requested:
        tx.connection.execute(update(runs).where(runs.c.id == run_id).values(stop_requested=True))
        tx.emit_run(run_id)
        if row.worker_id is not None:
            tx.wake(commands_for(row.worker_id))
    return run_table.get(tx, run_id)


def requeue(tx: Transaction, run_id: str, *, from_scratch: bool) -> Run:
    row = run_table.find(tx, run_id)
    verb = "restarted" if from_scratch else "retried"
    if row.kind == "script":
        message = f"Run {run_id} was recorded by a script: there is no job to be {verb}."
        raise WrongState(message, state=row.state)
    if State(row.state) not in ENDED:
        raise WrongState(f"Run {run_id} is {row.state}: only an ended job can be {verb}.", state=row.state)
    fresh: dict[str, Any] = {}
    if from_scratch:
        for table in _RECORD:
            tx.connection.execute(delete(table).where(table.c.run_id == run_id))
        fresh = {
            "step": 0,
            "steps": row.spec["budget"]["steps"],
            "seconds": 0.0,
            "environment": {},
            "since_attempt": row.attempt + 1,
        }
    run_table.move(
        tx,
        row,
        State.QUEUED,
        verb,
        cause=None,
        error=None,
        ended_at=None,
        stop_requested=False,
        seconds_per_step=None,
        max_attempts=row.attempt + row.spec["max_attempts"],
        **fresh,
    )
    tx.wake(QUEUE)
    return run_table.get(tx, run_id)


def _job(tx: Transaction, run_id: str, spec: JobSpec, *, colour: int | None) -> dict[str, Any]:
    return _fresh(tx, run_id) | {
        "kind": "job",
        "name": spec.name or f"{spec.optimizer} on {spec.problem}",
        "problem": spec.problem,
        "optimizer": spec.optimizer,
        "spec": spec.model_dump(mode="json"),
        "cuda_device": spec.device if spec.device.startswith("cuda") else None,
        "gpus": spec.gpus,
        "state": State.QUEUED.value,
        "priority": spec.priority,
        "attempt": 0,
        "max_attempts": spec.max_attempts,
        "steps": spec.budget.steps,
        "notes": spec.notes,
        "colour": colour,
    }


def _fresh(tx: Transaction, run_id: str) -> dict[str, Any]:
    """What every new run begins with."""
    return {
        "id": run_id,
        "created_at": tx.now,
        "step": 0,
        "seconds": 0.0,
        "environment": {},
        "stop_requested": False,
        "silent": False,
        "since_attempt": 1,
        "archived": False,
        "pinned": False,
    }
