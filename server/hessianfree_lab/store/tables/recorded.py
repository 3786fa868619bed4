"""What a run recorded, and the news of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Named,
    Table,
    TypedColumns,
    false,
    text,
)

from hessianfree_lab.store.columns import Prose, UtcDateTime, Words
from hessianfree_lab.store.tables.base import Id, RowId, metadata, run_id_column


class StepColumns(TypedColumns):
    run_id = run_id_column()
    step = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt = Column(Integer, nullable=False)
    wall_time: Named[datetime] = Column(UtcDateTime, nullable=False)
    seconds = Column(Double, nullable=False)
    metrics: Named[dict[str, Any]] = Column(JSON, nullable=False)  # in wire encoding


# Clustered by (run, step), which is how steps are written and read.
steps = Table("steps", metadata, StepColumns, sqlite_with_rowid=False)


class ChunkColumns(TypedColumns):
    """One metric in a stretch of steps, as 64 bit floats: what a plot of a long run is chosen from, without its rows.

    The metric "" stands for the numbers of the steps, 64 bit integers; a metric that is missing has nothing there.
    """

    run_id = run_id_column()
    metric: Named[str] = Column(Words(100), primary_key=True)
    number = Column(BigInteger, primary_key=True, autoincrement=False)  # which stretch, from 0
    packed = Column(LargeBinary, nullable=False)
    measured: Named[bytes | None] = Column(LargeBinary, nullable=True)  # a bit for each; NULL: all of them


chunks = Table("chunks", metadata, ChunkColumns)


class TraceColumns(TypedColumns):
    run_id = run_id_column()
    step = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt = Column(Integer, nullable=False)
    trace: Named[dict[str, Any]] = Column(JSON, nullable=False)
    sliced = Column(Boolean, nullable=False, server_default=false())  # it has the loss along its step


traces = Table(
    "traces",
    metadata,
    TraceColumns,
    # Of few steps among many: without this they would all have to be read.
    Index(None, "run_id", "step", sqlite_where=text("sliced = 1"), postgresql_where=text("sliced")),
)


class SpectrumColumns(TypedColumns):
    run_id = run_id_column()
    step = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt = Column(Integer, nullable=False)
    spectrum: Named[dict[str, Any]] = Column(JSON, nullable=False)


spectra = Table("spectra", metadata, SpectrumColumns)


class LandscapeColumns(TypedColumns):
    run_id = run_id_column()
    landscape: Named[dict[str, Any]] = Column(JSON, nullable=False)


landscapes = Table("landscapes", metadata, LandscapeColumns)


class LogLineColumns(TypedColumns):
    position = Column(RowId, primary_key=True)
    run_id: Named[str] = Column(Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False)
    attempt = Column(Integer, nullable=False)
    number = Column(Integer, nullable=False)
    time: Named[datetime] = Column(UtcDateTime, nullable=False)
    stream: Named[str] = Column(Words(16), nullable=False)
    text: Named[str] = Column(Prose, nullable=False)


log_lines = Table(
    "log_lines",
    metadata,
    LogLineColumns,
    Index(None, "run_id", "attempt", "number", unique=True),
    Index(None, "run_id", "position"),
)


class SummaryColumns(TypedColumns):
    """One metric of one run. A column of numbers holds finite ones only; a first or last value that is not finite
    stands in `odd_first`, `odd_last` as its wire string (SQLite would store NaN as NULL)."""

    run_id = run_id_column()
    metric: Named[str] = Column(Words(100), primary_key=True)
    kind: Named[str] = Column(Words(8), nullable=False)  # number | flag | text
    first_step = Column(BigInteger, nullable=True)
    first = Column(Double, nullable=True)
    odd_first: Named[str | None] = Column(Words(9), nullable=True)
    last_step = Column(BigInteger, nullable=True)
    last = Column(Double, nullable=True)
    odd_last: Named[str | None] = Column(Words(9), nullable=True)
    min = Column(Double, nullable=True)
    best_step = Column(BigInteger, nullable=True)
    max = Column(Double, nullable=True)


summaries = Table("summaries", metadata, SummaryColumns)


class EventColumns(TypedColumns):
    """What changed, not what it changed to: readers look that up. Ids grow in the order of commits."""

    id = Column(RowId, primary_key=True)
    kind: Named[str] = Column(Words(8), nullable=False)  # run | steps | logs | removed | workers | sweep
    run_id: Named[str | None] = Column(Id, nullable=True)  # of a sweep its own id
    attempt = Column(Integer, nullable=True)
    first = Column(BigInteger, nullable=True)  # steps: numbers of steps; logs: numbers of lines
    last = Column(BigInteger, nullable=True)


events = Table(
    "events", metadata, EventColumns, Index(None, "run_id", "kind", "id"), sqlite_autoincrement=True
)
