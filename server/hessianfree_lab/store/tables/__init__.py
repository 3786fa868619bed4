"""The tables. migrations/versions builds them; a test holds the two together.

A job and its run are one row of `runs`. Whatever belongs to a run goes with it (`ON DELETE CASCADE`), except for its
events: that it was removed is news too.
"""

from hessianfree_lab.store.tables.access import sessions, tokens
from hessianfree_lab.store.tables.base import metadata
from hessianfree_lab.store.tables.instance import instance
from hessianfree_lab.store.tables.recorded import (
    chunks,
    events,
    landscapes,
    log_lines,
    spectra,
    steps,
    summaries,
    traces,
)
from hessianfree_lab.store.tables.runs import attempts, controls, idempotency_keys, runs, tags
from hessianfree_lab.store.tables.sweeps import sweeps, trials
from hessianfree_lab.store.tables.views import views
from hessianfree_lab.store.tables.workers import optimizers, problems, workers

__all__ = [
    "attempts",
    "chunks",
    "controls",
    "events",
    "idempotency_keys",
    "instance",
    "landscapes",
    "log_lines",
    "metadata",
    "optimizers",
    "problems",
    "runs",
    "sessions",
    "spectra",
    "steps",
    "summaries",
    "sweeps",
    "tags",
    "tokens",
    "traces",
    "trials",
    "views",
    "workers",
]
