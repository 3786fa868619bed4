"""The tables. migrations/versions builds them; a test holds the two together.

A job and its run are one row of `runs`. Whatever belongs to a run goes with it (`ON DELETE CASCADE`), except for its
events: that it was removed is news too.
"""

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
    MetaData,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
)

from hessianfree_lab.store.columns import UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

Id = String(36)
# SQLite counts rows in INTEGER PRIMARY KEY alone.
RowId = BigInteger().with_variant(Integer(), "sqlite")


def _run_id() -> Column[str]:
    return Column(Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)


class RunColumns(TypedColumns):
    id = Column(Id, primary_key=True)
    kind = Column(String(16), nullable=False)  # job | script
    name = Column(String(200), nullable=False)
    problem = Column(String(100), nullable=False)
    optimizer = Column(String(100), nullable=False)
    spec: Named[dict[str, Any]] = Column(JSON, nullable=False)
    cuda_device = Column(String(16), nullable=True)  # the one asked for: cuda | cuda:N
    gpus = Column(Integer, nullable=False)  # at least so many cuda devices

    state = Column(String(16), nullable=False)
    cause = Column(String(16), nullable=True)
    error = Column(Text, nullable=True)
    stop_requested = Column(Boolean, nullable=False)
    priority = Column(Integer, nullable=False)
    attempt = Column(Integer, nullable=False)
    max_attempts = Column(Integer, nullable=False)
    since_attempt = Column(Integer, nullable=False)  # the record began with this one
    worker_id = Column(Id, nullable=True)

    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    started_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    ended_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    heard_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)  # a lease runs from here
    silent = Column(Boolean, nullable=False)  # its silence has been announced

    step = Column(BigInteger, nullable=False)  # the highest recorded
    steps = Column(BigInteger, nullable=True)  # the budget
    seconds = Column(Double, nullable=False)  # training time at `step`
    seconds_per_step = Column(Double, nullable=True)  # by the clock on the wall, in the latest attempt
    environment: Named[dict[str, Any]] = Column(JSON, nullable=False)

    notes = Column(Text, nullable=False)
    archived = Column(Boolean, nullable=False)
    pinned = Column(Boolean, nullable=False)


runs = Table(
    "runs",
    metadata,
    RunColumns,
    Index(None, "state", "priority", "id"),
    Index(None, "name"),
    Index(None, "worker_id"),
)


class TagColumns(TypedColumns):
    run_id = _run_id()
    position = Column(Integer, primary_key=True)
    tag = Column(String(64), nullable=False)


tags = Table("tags", metadata, TagColumns, Index(None, "tag"))


class IdempotencyKeyColumns(TypedColumns):
    key = Column(String(255), primary_key=True)
    run_id = Column(Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True)


idempotency_keys = Table("idempotency_keys", metadata, IdempotencyKeyColumns)


class AttemptColumns(TypedColumns):
    run_id = _run_id()
    number = Column(Integer, primary_key=True, autoincrement=False)
    worker_id = Column(Id, nullable=True)
    started_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    ended_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    outcome = Column(String(16), nullable=True)
    cause = Column(String(16), nullable=True)
    error = Column(Text, nullable=True)
    first_step = Column(BigInteger, nullable=True)  # the lowest it sent


attempts = Table("attempts", metadata, AttemptColumns)


class StepColumns(TypedColumns):
    run_id = _run_id()
    step = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt = Column(Integer, nullable=False)
    wall_time: Named[datetime] = Column(UtcDateTime, nullable=False)
    seconds = Column(Double, nullable=False)
    metrics: Named[dict[str, Any]] = Column(JSON, nullable=False)  # in wire encoding


# Clustered by (run, step), which is how steps are written and read.
steps = Table("steps", metadata, StepColumns, sqlite_with_rowid=False)


class TraceColumns(TypedColumns):
    run_id = _run_id()
    step = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt = Column(Integer, nullable=False)
    trace: Named[dict[str, Any]] = Column(JSON, nullable=False)


traces = Table("traces", metadata, TraceColumns)


class SpectrumColumns(TypedColumns):
    run_id = _run_id()
    step = Column(BigInteger, primary_key=True, autoincrement=False)
    attempt = Column(Integer, nullable=False)
    spectrum: Named[dict[str, Any]] = Column(JSON, nullable=False)


spectra = Table("spectra", metadata, SpectrumColumns)


class LandscapeColumns(TypedColumns):
    run_id = _run_id()
    landscape: Named[dict[str, Any]] = Column(JSON, nullable=False)


landscapes = Table("landscapes", metadata, LandscapeColumns)


class LogLineColumns(TypedColumns):
    position = Column(RowId, primary_key=True)
    run_id = Column(Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False)
    attempt = Column(Integer, nullable=False)
    number = Column(Integer, nullable=False)
    time: Named[datetime] = Column(UtcDateTime, nullable=False)
    stream = Column(String(16), nullable=False)
    text = Column(Text, nullable=False)


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

    run_id = _run_id()
    metric = Column(String(100), primary_key=True)
    kind = Column(String(8), nullable=False)  # number | flag | text
    first_step = Column(BigInteger, nullable=True)
    first = Column(Double, nullable=True)
    odd_first = Column(String(9), nullable=True)
    last_step = Column(BigInteger, nullable=True)
    last = Column(Double, nullable=True)
    odd_last = Column(String(9), nullable=True)
    min = Column(Double, nullable=True)
    best_step = Column(BigInteger, nullable=True)
    max = Column(Double, nullable=True)


summaries = Table("summaries", metadata, SummaryColumns)


class EventColumns(TypedColumns):
    """What changed, not what it changed to: readers look that up. Ids grow in the order of commits."""

    id = Column(RowId, primary_key=True)
    kind = Column(String(8), nullable=False)  # run | steps | logs | removed | workers
    run_id = Column(Id, nullable=True)
    attempt = Column(Integer, nullable=True)
    first = Column(BigInteger, nullable=True)  # steps: numbers of steps; logs: numbers of lines
    last = Column(BigInteger, nullable=True)


events = Table(
    "events", metadata, EventColumns, Index(None, "run_id", "kind", "id"), sqlite_autoincrement=True
)


class WorkerColumns(TypedColumns):
    id = Column(Id, primary_key=True)
    name = Column(String(200), nullable=False)
    host = Column(String(200), nullable=False)
    pid = Column(Integer, nullable=False)
    slots = Column(Integer, nullable=False)
    devices: Named[list[dict[str, Any]]] = Column(JSON, nullable=False)
    problems: Named[list[str]] = Column(JSON, nullable=False)
    optimizers: Named[list[str]] = Column(JSON, nullable=False)
    versions: Named[dict[str, str]] = Column(JSON, nullable=False)
    registered_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    seen_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    left_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    silent = Column(Boolean, nullable=False)  # its silence has been announced


workers = Table("workers", metadata, WorkerColumns)


class ProblemColumns(TypedColumns):
    name = Column(String(100), primary_key=True)
    info: Named[dict[str, Any]] = Column(JSON, nullable=False)


problems = Table("problems", metadata, ProblemColumns)


class OptimizerColumns(TypedColumns):
    name = Column(String(100), primary_key=True)
    info: Named[dict[str, Any]] = Column(JSON, nullable=False)


optimizers = Table("optimizers", metadata, OptimizerColumns)
