"""Batches of records on their way in: fenced, idempotent, and in whatever order they come."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table, bindparam, delete, func, insert, select, update

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import CGTrace, IngestBatch, IngestReply, Spectrum, StepRecord
from hessianfree_lab.store import attempts as attempt_table
from hessianfree_lab.store import chunks as chunk_table
from hessianfree_lab.store import controls as control_table
from hessianfree_lab.store import steps as step_table
from hessianfree_lab.store.lookup import known
from hessianfree_lab.store.tables import (
    attempts,
    controls,
    landscapes,
    log_lines,
    runs,
    spectra,
    steps,
    traces,
)
from hessianfree_lab.store.transaction import Transaction

OfStep = TypeVar("OfStep", CGTrace, Spectrum)

# Asked of every batch, and made once: building a statement costs more than running it.
_BEGUN = select(
    attempts.c.first_step,
    attempts.c.resumed_from,
    select(func.max(controls.c.step))
    .where(
        controls.c.run_id == bindparam("run"),
        controls.c.attempt == bindparam("attempt"),
        controls.c.kind == "resume",
    )
    .scalar_subquery()
    .label("paused_after"),
).where(attempts.c.run_id == bindparam("run"), attempts.c.number == bindparam("attempt"))


def append(tx: Transaction, run_id: str, batch: IngestBatch) -> IngestReply:
    """Store the batch of a run that the transaction holds."""
    _check(batch)
    run = attempt_table.find_current(tx, run_id, batch.attempt)
    changes: dict[str, Any] = {}
    if run.silent:
        changes["silent"] = False
    if batch.environment is not None and batch.environment != run.environment:
        changes["environment"] = batch.environment
    went_on_at, dropped = _begin_attempt(tx, run_id, batch)
    changes |= step_table.store(tx, run, batch.attempt, batch.steps, first=went_on_at, dropped=dropped)
    _store_by_step(tx, traces, run_id, batch.attempt, batch.cg, _trace_columns)
    _store_by_step(tx, spectra, run_id, batch.attempt, batch.spectra, _spectrum_columns)
    _store_logs(tx, run_id, batch)
    if batch.resumed_from is not None:
        tx.connection.execute(
            update(attempts)
            .where(attempts.c.run_id == run_id, attempts.c.number == batch.attempt)
            .values(resumed_from=batch.resumed_from)
        )
        tx.changed.add(run_id)
    if batch.applied:
        changes |= control_table.acknowledge(tx, run, batch.applied)
    if batch.landscape is not None:
        tx.connection.execute(delete(landscapes).where(landscapes.c.run_id == run_id))
        tx.connection.execute(
            insert(landscapes).values(run_id=run_id, landscape=batch.landscape.model_dump(mode="json"))
        )
    tx.connection.execute(update(runs).where(runs.c.id == run_id).values(heard_at=tx.now, **changes))
    if changes or batch.landscape is not None:
        tx.emit_run(run_id)
    return IngestReply(
        last_step=changes.get("step", run.step), commands=["cancel"] if run.stop_requested else []
    )


def _check(batch: IngestBatch) -> None:
    faults = [
        Fault(
            f"steps.{index}.seconds", f"seconds of step {record.step} is {record.seconds}; it must be finite."
        )
        for index, record in enumerate(batch.steps)
        if not math.isfinite(record.seconds)
    ]
    grid = batch.landscape
    if grid is not None and (len(grid.z) != len(grid.y) or any(len(row) != len(grid.x) for row in grid.z)):
        message = f"landscape.z must have {len(grid.y)} rows (one per y) of {len(grid.x)} values (one per x)."
        faults.append(Fault("landscape.z", message))
    if faults:
        raise InvalidRequest(faults)


def _begin_attempt(tx: Transaction, run_id: str, batch: IngestBatch) -> tuple[int, bool]:
    """The step at which this attempt began, or last went on; and whether steps of older attempts gave way to it."""
    begun = tx.connection.execute(_BEGUN, {"run": run_id, "attempt": batch.attempt}).one()
    after = (begun.resumed_from, batch.resumed_from, begun.paused_after)
    went_on_at = 1 + max((step for step in after if step is not None), default=-1)
    of_steps: list[StepRecord | CGTrace | Spectrum] = [*batch.steps, *batch.cg, *batch.spectra]
    first = min((record.step for record in of_steps), default=None)
    if first is None or (begun.first_step is not None and first >= begun.first_step):
        return max(went_on_at, begun.first_step or 0), False
    tx.connection.execute(
        update(attempts)
        .where(attempts.c.run_id == run_id, attempts.c.number == batch.attempt)
        .values(first_step=first)
    )
    went_on_at = max(went_on_at, first)
    if batch.attempt == 1:
        return went_on_at, False
    dropped = [
        tx.connection.execute(
            delete(table).where(
                table.c.run_id == run_id, table.c.step >= first, table.c.attempt < batch.attempt
            )
        ).rowcount
        for table in (traces, spectra, steps)
    ]
    chunk_table.drop(tx, run_id, first)
    return went_on_at, dropped[-1] > 0


def _trace_columns(trace: CGTrace) -> dict[str, Any]:
    return {"trace": trace.model_dump(mode="json"), "sliced": bool(trace.slice)}


def _spectrum_columns(spectrum: Spectrum) -> dict[str, Any]:
    return {"spectrum": spectrum.model_dump(mode="json")}


def _store_by_step(
    tx: Transaction,
    table: Table[Any],
    run_id: str,
    attempt: int,
    records: Sequence[OfStep],
    columns_of: Callable[[OfStep], dict[str, Any]],
) -> None:
    """Records that a step has at most one of; those that are not stored yet."""
    by_step = {record.step: record for record in reversed(records)}
    stored = known(tx, table, "step", run_id, sorted(by_step))
    rows = [
        {"run_id": run_id, "step": step, "attempt": attempt} | columns_of(record)
        for step, record in sorted(by_step.items())
        if step not in stored
    ]
    if rows:
        tx.connection.execute(insert(table), rows)
        tx.changed.add(run_id)  # though no event says so


def _store_logs(tx: Transaction, run_id: str, batch: IngestBatch) -> None:
    by_number = {line.number: line for line in reversed(batch.logs)}
    stored = known(tx, log_lines, "number", run_id, sorted(by_number), attempt=batch.attempt)
    fresh = [line for number, line in sorted(by_number.items()) if number not in stored]
    if not fresh:
        return
    tx.connection.execute(
        insert(log_lines),
        [
            {
                "run_id": run_id,
                "attempt": batch.attempt,
                "number": line.number,
                "time": line.time,
                "stream": line.stream,
                "text": line.text,
            }
            for line in fresh
        ],
    )
    tx.emit_logs(run_id, attempt=batch.attempt, first=fresh[0].number, last=fresh[-1].number)
