"""What a run's processes printed, line by line: read from either end, and searched."""

from sqlalchemy import ColumnElement, func, select

from hessianfree_lab.records import LogLine
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import LogEntry, LogQuery
from hessianfree_lab.store.tables import log_lines
from hessianfree_lab.store.transaction import Transaction


def read(
    tx: Transaction, run_id: str, query: LogQuery, *, after: int, before: int | None, limit: int
) -> list[LogEntry]:
    run_table.find(tx, run_id)
    position = log_lines.c.position
    where = _asked_for(run_id, query) & (position > after)
    if before is not None:
        where &= position < before
    order = position if before is None else position.desc()
    found = select(log_lines).where(where).order_by(order).limit(limit)
    entries = [
        LogEntry(
            position=row.position,
            attempt=row.attempt,
            line=LogLine(number=row.number, time=row.time, stream=row.stream, text=row.text),
        )
        for row in tx.connection.execute(found)
    ]
    return entries if before is None else entries[::-1]


def count(tx: Transaction, run_id: str, query: LogQuery) -> int:
    run_table.find(tx, run_id)
    found = select(func.count()).select_from(log_lines).where(_asked_for(run_id, query))
    return tx.connection.scalar(found) or 0


def _asked_for(run_id: str, query: LogQuery) -> ColumnElement[bool]:
    where: ColumnElement[bool] = log_lines.c.run_id == run_id
    if query.streams:
        where &= log_lines.c.stream.in_(query.streams)
    if query.text:
        where &= log_lines.c.text.icontains(query.text, autoescape=True)
    return where
