"""Sweeps and what their trials try. What came of a trial is with its runs: `runs.sweep_id`, `runs.trial`."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Integer, Named, Table, TypedColumns

from hessianfree_lab.store.columns import Prose, UtcDateTime, Words
from hessianfree_lab.store.tables.base import Id, metadata


class SweepColumns(TypedColumns):
    id: Named[str] = Column(Id, primary_key=True)
    name: Named[str] = Column(Words(200), nullable=False)
    spec: Named[dict[str, Any]] = Column(JSON, nullable=False)
    state: Named[str] = Column(
        Words(16), nullable=False, index=True
    )  # running | completed | cancelled | failed
    error: Named[str | None] = Column(Prose, nullable=True)  # why it failed
    total = Column(Integer, nullable=False)
    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    ended_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    idempotency_key: Named[str | None] = Column(Words(255), nullable=True, unique=True)


sweeps = Table("sweeps", metadata, SweepColumns)


class TrialColumns(TypedColumns):
    sweep_id: Named[str] = Column(Id, ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True)
    number = Column(Integer, primary_key=True, autoincrement=False)
    params: Named[dict[str, Any]] = Column(JSON, nullable=False)
    rungs: Named[list[Any] | None] = Column(
        JSON(none_as_null=True), nullable=True
    )  # its values at those it was judged at
    verdict: Named[str | None] = Column(
        Words(16), nullable=True
    )  # pruned | passed (it had ended); NULL: not yet


trials = Table("trials", metadata, TrialColumns)
