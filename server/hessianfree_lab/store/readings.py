"""What else a run recorded: single steps, inner solves, spectra, the landscape."""

from sqlalchemy import Column, ColumnElement, func, select

from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.records import CGTrace, Landscape, Spectrum, StepRecord, decode
from hessianfree_lab.records.answers import Around, Neighbours
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.tables import landscapes, spectra, steps, traces
from hessianfree_lab.store.transaction import Transaction


def rows(tx: Transaction, run_id: str, *, after: int, limit: int) -> list[StepRecord]:
    """The next `limit` steps after step `after`. They were checked on their way in, and are not again."""
    query = (
        select(steps.c.step, steps.c.wall_time, steps.c.seconds, steps.c.metrics)
        .where(steps.c.run_id == run_id, steps.c.step > after)
        .order_by(steps.c.step)
        .limit(limit)
    )
    return [
        StepRecord.model_construct(
            step=row.step,
            wall_time=row.wall_time,
            seconds=row.seconds,
            metrics={name: decode(value) for name, value in row.metrics.items()},
        )
        for row in tx.connection.execute(query)
    ]


def trace(tx: Transaction, run_id: str, step: int) -> CGTrace:
    run_table.find(tx, run_id)
    found = tx.connection.scalar(
        select(traces.c.trace).where(traces.c.run_id == run_id, traces.c.step == step)
    )
    if found is None:
        raise RecordNotFound(f"Run {run_id} has no inner solve recorded at step {step}.")
    return CGTrace.model_validate(found)


def spectrum(tx: Transaction, run_id: str, step: int) -> Spectrum:
    run_table.find(tx, run_id)
    found = tx.connection.scalar(
        select(spectra.c.spectrum).where(spectra.c.run_id == run_id, spectra.c.step == step)
    )
    if found is None:
        raise RecordNotFound(f"Run {run_id} has no spectrum recorded at step {step}.")
    return Spectrum.model_validate(found)


def spectrum_steps(tx: Transaction, run_id: str) -> list[int]:
    run_table.find(tx, run_id)
    return list(
        tx.connection.scalars(
            select(spectra.c.step).where(spectra.c.run_id == run_id).order_by(spectra.c.step)
        )
    )


def neighbours(tx: Transaction, run_id: str, step: int) -> Neighbours:
    run_table.find(tx, run_id)

    def around(number: Column[int], of_run: ColumnElement[bool]) -> Around:
        before = select(func.max(number)).where(of_run, number < step)
        after = select(func.min(number)).where(of_run, number > step)
        return Around(previous=tx.connection.scalar(before), next=tx.connection.scalar(after))

    return Neighbours(
        trace=around(traces.c.step, traces.c.run_id == run_id),
        spectrum=around(spectra.c.step, spectra.c.run_id == run_id),
    )


def landscape(tx: Transaction, run_id: str) -> Landscape | None:
    run_table.find(tx, run_id)
    found = tx.connection.scalar(select(landscapes.c.landscape).where(landscapes.c.run_id == run_id))
    return None if found is None else Landscape.model_validate(found)
