"""Runs and what belongs to each: tags, keys, attempts, what was asked of it."""

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
    Named,
    Table,
    TypedColumns,
    false,
    text,
)

from hessianfree_lab.store.columns import Prose, UtcDateTime, Words
from hessianfree_lab.store.tables.base import Id, metadata, run_id_column


class RunColumns(TypedColumns):
    id: Named[str] = Column(Id, primary_key=True)
    kind: Named[str] = Column(Words(16), nullable=False)  # job | script
    name: Named[str] = Column(Words(200), nullable=False)
    problem: Named[str] = Column(Words(100), nullable=False)
    optimizer: Named[str] = Column(Words(100), nullable=False)
    spec: Named[dict[str, Any]] = Column(JSON, nullable=False)
    cuda_device: Named[str | None] = Column(Words(16), nullable=True)  # the one asked for: cuda | cuda:N
    gpus = Column(Integer, nullable=False)  # at least so many cuda devices

    state: Named[str] = Column(Words(16), nullable=False)
    cause: Named[str | None] = Column(Words(16), nullable=True)
    error: Named[str | None] = Column(Prose, nullable=True)
    stop_requested = Column(Boolean, nullable=False)
    pause_requested = Column(Boolean, nullable=False, server_default=false())  # what its user wants
    priority = Column(Integer, nullable=False)
    attempt = Column(Integer, nullable=False)
    max_attempts = Column(Integer, nullable=False)
    since_attempt = Column(Integer, nullable=False)  # the record began with this one
    worker_id: Named[str | None] = Column(Id, nullable=True)

    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    started_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    ended_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    heard_at: Named[datetime | None] = Column(
        UtcDateTime, nullable=True
    )  # a lease runs from here; NULL: none
    silent = Column(Boolean, nullable=False)  # its silence has been announced

    step = Column(BigInteger, nullable=False)  # the highest recorded
    steps = Column(BigInteger, nullable=True)  # the budget
    seconds = Column(Double, nullable=False)  # training time at `step`
    seconds_per_step = Column(Double, nullable=True)  # by the clock on the wall, in the latest attempt
    environment: Named[dict[str, Any]] = Column(JSON, nullable=False)

    notes: Named[str] = Column(Prose, nullable=False)
    archived = Column(Boolean, nullable=False)
    pinned = Column(Boolean, nullable=False)
    colour = Column(
        Integer, nullable=False, server_default=text("0")
    )  # in the palette of figures: records/runs.py
    sweep_id: Named[str | None] = Column(Id, nullable=True)  # a sweep may be removed and its runs stay
    trial = Column(Integer, nullable=True)  # its number in the sweep


runs = Table(
    "runs",
    metadata,
    RunColumns,
    Index(None, "state", "priority", "id"),
    Index(None, "name"),
    Index(None, "worker_id"),
    Index(None, "sweep_id", "trial"),
)


class TagColumns(TypedColumns):
    run_id = run_id_column()
    position = Column(Integer, primary_key=True)
    tag: Named[str] = Column(Words(64), nullable=False)


tags = Table("tags", metadata, TagColumns, Index(None, "tag"))


class IdempotencyKeyColumns(TypedColumns):
    key: Named[str] = Column(Words(255), primary_key=True)
    run_id: Named[str] = Column(Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True)


idempotency_keys = Table("idempotency_keys", metadata, IdempotencyKeyColumns)


class AttemptColumns(TypedColumns):
    run_id = run_id_column()
    number = Column(Integer, primary_key=True, autoincrement=False)
    worker_id: Named[str | None] = Column(Id, nullable=True)
    started_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    ended_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    outcome: Named[str | None] = Column(Words(16), nullable=True)
    cause: Named[str | None] = Column(Words(16), nullable=True)
    error: Named[str | None] = Column(Prose, nullable=True)
    first_step = Column(BigInteger, nullable=True)  # the lowest it sent
    resumed_from = Column(BigInteger, nullable=True)  # the step of the checkpoint it began from


attempts = Table("attempts", metadata, AttemptColumns)


class ControlColumns(TypedColumns):
    """What a user asked of a running job. `step`, `applied_at`, `attempt`: when the job did it; none yet: NULL."""

    run_id = run_id_column()
    number = Column(Integer, primary_key=True, autoincrement=False)  # from 1, in the order of asking
    kind: Named[str] = Column(Words(16), nullable=False)  # set | pause | resume
    settings: Named[dict[str, Any]] = Column(JSON, nullable=False)
    requested_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    requested_by: Named[str | None] = Column(Words(200), nullable=True)  # the token's name
    attempt = Column(Integer, nullable=True)
    step = Column(BigInteger, nullable=True)  # the last one made before it took effect
    applied_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    error: Named[str | None] = Column(Prose, nullable=True)  # why the job could not


controls = Table("controls", metadata, ControlColumns)
