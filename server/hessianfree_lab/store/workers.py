"""Workers: they register, show that they live, are told what to do, and leave."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from hessianfree_lab.errors import WorkerNotFound
from hessianfree_lab.lifecycle import Outcome, State
from hessianfree_lab.records import (
    Announcement,
    Capacity,
    Command,
    Device,
    DeviceLoad,
    HeldRun,
    OptimizerInfo,
    ProblemInfo,
    Supply,
    Worker,
)
from hessianfree_lab.store import attempts as attempt_table
from hessianfree_lab.store import controls as control_table
from hessianfree_lab.store.interface import commands_for
from hessianfree_lab.store.tables import optimizers, problems, runs, workers
from hessianfree_lab.store.transaction import Transaction

_SHOWN_FOR = timedelta(days=1)
_LOAD_FOR = timedelta(minutes=1)
"""What devices were busy with longer ago is of no use."""
_IS_HELD = runs.c.state.in_((State.RUNNING.value, State.PAUSED.value)) & runs.c.heard_at.is_not(None)


def add(tx: Transaction, worker_id: str, announcement: Announcement, token_id: str | None) -> str:
    tx.connection.execute(
        insert(workers).values(
            id=worker_id,
            name=announcement.name,
            host=announcement.host,
            pid=announcement.pid,
            slots=announcement.slots,
            devices=[device.model_dump(mode="json") for device in announcement.devices],
            problems=[problem.name for problem in announcement.problems if not problem.missing],
            supplies={
                problem.name: {option: supply.there for option, supply in problem.supplies.items()}
                for problem in announcement.problems
                if problem.supplies
            },
            optimizers=[optimizer.name for optimizer in announcement.optimizers],
            versions=announcement.versions,
            registered_at=tx.now,
            seen_at=tx.now,
            silent=False,
            token_id=token_id,
        )
    )
    # Where one worker has the data, it does not matter that another has not.
    before = {info.name: info for info in known_problems(tx)}
    known = [
        _with_supplies_of(info, before.get(info.name))
        for info in announcement.problems
        if not (info.missing and info.name in before and not before[info.name].missing)
    ]
    for table, infos in ((problems, known), (optimizers, announcement.optimizers)):
        for info in infos:
            tx.connection.execute(delete(table).where(table.c.name == info.name))
            tx.connection.execute(insert(table).values(name=info.name, info=info.model_dump(mode="json")))
    tx.emit_workers()
    return worker_id


def _with_supplies_of(info: ProblemInfo, before: ProblemInfo | None) -> ProblemInfo:
    """The problem as announced now, with the data that there were before, on whichever worker, as well."""
    supplies = {}
    for option, supply in info.supplies.items():
        earlier = before.supplies.get(option) if before else None
        there = list(dict.fromkeys([*supply.there, *(earlier.there if earlier else ())]))
        missing = {choice: told for choice, told in supply.missing.items() if choice not in there}
        supplies[option] = Supply(there=there, missing=missing)
    return info.model_copy(update={"supplies": supplies})


def touch(tx: Transaction, worker_id: str, **told: Any) -> Row[Any]:
    """Note that the worker lives, and what it told; `WorkerNotFound` when it never registered, or has left."""
    row = tx.connection.execute(
        select(workers).where(workers.c.id == worker_id, workers.c.left_at.is_(None))
    ).one_or_none()
    if row is None:
        raise WorkerNotFound(worker_id)
    tx.connection.execute(
        update(workers).where(workers.c.id == worker_id).values(seen_at=tx.now, silent=False, **told)
    )
    if row.silent:
        tx.emit_workers()
    return row


def notice_silence(tx: Transaction, heard_before: datetime) -> None:
    """Tell the readers once of workers that have not shown since then; they may come back."""
    newly = (
        update(workers)
        .where(workers.c.left_at.is_(None), workers.c.silent.is_(False), workers.c.seen_at < heard_before)
        .values(silent=True)
        .returning(workers.c.id)
    )
    if tx.connection.scalars(newly).all():
        tx.emit_workers()


def heartbeat(
    tx: Transaction, worker_id: str, held: Sequence[HeldRun], load: Sequence[DeviceLoad]
) -> list[Command]:
    touch(tx, worker_id, load=[device.model_dump(mode="json") for device in load])
    tx.hold_runs({item.run for item in held})
    commands = []
    for item in held:
        stop_requested = tx.connection.execute(
            update(runs)
            .where(
                runs.c.id == item.run,
                runs.c.attempt == item.attempt,
                runs.c.worker_id == worker_id,
                _IS_HELD,
            )
            .values(heard_at=tx.now)
            .returning(runs.c.stop_requested)
        ).scalar_one_or_none()
        if stop_requested is None:
            commands.append(Command(run=item.run, attempt=item.attempt, kind="drop"))
        elif stop_requested:
            commands.append(Command(run=item.run, attempt=item.attempt, kind="cancel"))
        else:
            commands += control_table.commands(tx, item.run, item.attempt)
    return commands


def set_capacity(tx: Transaction, worker_id: str, capacity: Capacity) -> None:
    touch(tx, worker_id)
    devices = [device.model_dump(mode="json") for device in capacity.devices]
    tx.connection.execute(
        update(workers).where(workers.c.id == worker_id).values(slots=capacity.slots, devices=devices)
    )
    tx.emit_workers()


def remove(tx: Transaction, worker_id: str) -> None:
    touch(tx, worker_id)
    tx.connection.execute(update(workers).where(workers.c.id == worker_id).values(left_at=tx.now))
    held = select(runs).where(runs.c.worker_id == worker_id, _IS_HELD)
    for row in tx.connection.execute(held).all():
        attempt_table.end(tx, row, Outcome.INTERRUPTED, error="Its worker left.")
    tx.wake(commands_for(worker_id))
    tx.emit_workers()


def listing(tx: Transaction) -> list[Worker]:
    rows = tx.connection.execute(
        select(workers).where(workers.c.seen_at > tx.now - _SHOWN_FOR).order_by(workers.c.id.desc())
    ).all()
    held: dict[str, list[str]] = {row.id: [] for row in rows}
    for run_id, worker_id in tx.connection.execute(
        select(runs.c.id, runs.c.worker_id)
        .where(_IS_HELD, runs.c.worker_id.in_(list(held)))
        .order_by(runs.c.id)
    ):
        held[str(worker_id)].append(run_id)
    return [_to_worker(row, held[row.id], gone=_is_gone(tx, row), now=tx.now) for row in rows]


def known_problems(tx: Transaction) -> list[ProblemInfo]:
    rows = tx.connection.scalars(select(problems.c.info).order_by(problems.c.name))
    return [ProblemInfo.model_validate(info) for info in rows]


def known_optimizers(tx: Transaction) -> list[OptimizerInfo]:
    rows = tx.connection.scalars(select(optimizers.c.info).order_by(optimizers.c.name))
    return [OptimizerInfo.model_validate(info) for info in rows]


def _is_gone(tx: Transaction, row: Row[Any]) -> bool:
    return row.left_at is not None or tx.now - row.seen_at > tx.lease


def _to_worker(row: Row[Any], held: list[str], *, gone: bool, now: datetime) -> Worker:
    is_news = not gone and now - row.seen_at < _LOAD_FOR
    return Worker(
        id=row.id,
        name=row.name,
        host=row.host,
        pid=row.pid,
        state="gone" if gone else "busy" if held else "idle",
        slots=row.slots,
        devices=[Device.model_validate(device) for device in row.devices],
        problems=row.problems,
        supplies=row.supplies or {},
        optimizers=row.optimizers,
        versions=row.versions,
        runs=held,
        registered_at=row.registered_at,
        last_seen_at=row.seen_at,
        load=[DeviceLoad.model_validate(device) for device in (is_news and row.load) or ()],
    )
