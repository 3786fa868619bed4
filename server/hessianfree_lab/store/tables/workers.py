"""Workers, and what they can train."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Integer, Named, Table, TypedColumns

from hessianfree_lab.store.columns import UtcDateTime, Words
from hessianfree_lab.store.tables.base import Id, metadata


class WorkerColumns(TypedColumns):
    id: Named[str] = Column(Id, primary_key=True)
    name: Named[str] = Column(Words(200), nullable=False)
    host: Named[str] = Column(Words(200), nullable=False)
    pid = Column(Integer, nullable=False)
    slots = Column(Integer, nullable=False)
    devices: Named[list[dict[str, Any]]] = Column(JSON, nullable=False)
    problems: Named[list[str]] = Column(JSON, nullable=False)
    supplies: Named[dict[str, dict[str, list[str]]] | None] = Column(
        JSON, nullable=True
    )  # problem -> option that chooses data -> choices whose data it has; NULL: it registered before this was told
    optimizers: Named[list[str]] = Column(JSON, nullable=False)
    versions: Named[dict[str, str]] = Column(JSON, nullable=False)
    load: Named[list[dict[str, Any]] | None] = Column(JSON, nullable=True)  # of its devices, as it last said
    registered_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    seen_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    left_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    silent = Column(Boolean, nullable=False)  # its silence has been announced
    token_id: Named[str | None] = Column(
        Id, nullable=True
    )  # it registered with; NULL: that of the settings, or none


workers = Table("workers", metadata, WorkerColumns)


class ProblemColumns(TypedColumns):
    name: Named[str] = Column(Words(100), primary_key=True)
    info: Named[dict[str, Any]] = Column(JSON, nullable=False)


problems = Table("problems", metadata, ProblemColumns)


class OptimizerColumns(TypedColumns):
    name: Named[str] = Column(Words(100), primary_key=True)
    info: Named[dict[str, Any]] = Column(JSON, nullable=False)


optimizers = Table("optimizers", metadata, OptimizerColumns)
