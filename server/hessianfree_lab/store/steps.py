"""Steps on their way in: the few that every batch brings, each stored once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select

from hessianfree_lab.records import StepRecord, decode
from hessianfree_lab.store import chunks as chunk_table
from hessianfree_lab.store import summaries as summary_table
from hessianfree_lab.store.lookup import known
from hessianfree_lab.store.tables import steps
from hessianfree_lab.store.transaction import Transaction

# Asked of every batch, and made once: building a statement costs more than running it.
_PLACE = select(steps.c.step, steps.c.seconds, steps.c.wall_time).where(steps.c.run_id == bindparam("run"))
_LAST = _PLACE.order_by(steps.c.step.desc()).limit(1)
_FIRST_SINCE = _PLACE.where(steps.c.step >= bindparam("since")).order_by(steps.c.step).limit(1)


def store(
    tx: Transaction, run: Row[Any], attempt: int, records: Sequence[StepRecord], *, first: int, dropped: bool
) -> dict[str, Any]:
    """Store what is new of the records; what that changes of the run's row.

    `first`: the step at which this attempt began, or last went on. `dropped`: steps of older attempts have just given
    way to it.
    """
    new = _new(tx, run, records)
    if new:
        tx.connection.execute(
            insert(steps),
            [
                {
                    "run_id": run.id,
                    "step": record.step,
                    "attempt": attempt,
                    "wall_time": record.wall_time,
                    "seconds": record.seconds,
                    "metrics": record.metrics,
                }
                for record in new
            ],
        )
        tx.emit_steps(run.id, attempt=attempt, first=new[0].step, last=new[-1].step)
    if not new and not dropped:
        return {}
    _summarize(tx, run.id, new, again=dropped)
    is_ahead = new and not dropped and new[-1].step > run.step
    progress = _progress(tx, run.id, first, new[-1] if is_ahead else None)
    if new:
        written = (record.step for record in new)
        chunk_table.update(tx, run.id, written, before=run.step, highest=progress["step"])
    return progress


def _new(tx: Transaction, run: Row[Any], records: Sequence[StepRecord]) -> list[StepRecord]:
    """Those that are not stored yet, in order of step; of two with one number the first."""
    by_step: dict[int, StepRecord] = {}
    for record in records:
        by_step.setdefault(record.step, record)
    # Beyond the run's highest step there is nothing to find.
    stored = known(tx, steps, "step", run.id, [step for step in sorted(by_step) if step <= run.step])
    return [by_step[step] for step in sorted(by_step) if step not in stored]


def _summarize(tx: Transaction, run_id: str, new: Sequence[StepRecord], *, again: bool) -> None:
    """Add the new steps to the summaries; `again`: from all steps, since some were dropped."""
    old = summary_table.find(tx, run_id)
    if not again:
        summary_table.replace(
            tx, run_id, summary_table.summarize(((r.step, r.metrics) for r in new), old), old
        )
        return
    stored = tx.connection.execute(
        select(steps.c.step, steps.c.metrics).where(steps.c.run_id == run_id).order_by(steps.c.step)
    )
    rows = ((step, {name: decode(value) for name, value in metrics.items()}) for step, metrics in stored)
    summary_table.replace(tx, run_id, summary_table.summarize(rows), old)


def _progress(tx: Transaction, run_id: str, first_step: int, newest: StepRecord | None) -> dict[str, Any]:
    """What the run's row says of its last step, and the pace since `first_step`, where this attempt last went on.

    `newest`: the run's last step, where it is known.
    """
    last = newest or tx.connection.execute(_LAST, {"run": run_id}).one_or_none()
    if last is None:
        return {"step": 0, "seconds": 0.0, "seconds_per_step": None}
    first = tx.connection.execute(_FIRST_SINCE, {"run": run_id, "since": first_step}).one_or_none()
    pace = last.seconds / last.step
    if first is not None and last.step > first.step:
        pace = max(0.0, (last.wall_time - first.wall_time).total_seconds()) / (last.step - first.step)
    return {"step": last.step, "seconds": last.seconds, "seconds_per_step": pace}
