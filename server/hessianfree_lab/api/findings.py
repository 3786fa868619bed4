"""What the record of a run shows, in plain words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from fastapi import APIRouter

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.findings import (
    METRICS,
    WHOLE,
    Column,
    Finding,
    Interruption,
    Recent,
    Record,
    findings_of,
)
from hessianfree_lab.lifecycle import ENDED
from hessianfree_lab.records import AttemptInfo, Control
from hessianfree_lab.records.answers import Findings
from hessianfree_lab.store.interface import LogQuery, Store
from hessianfree_lab.store.measurements import Columns

router = APIRouter(prefix="/runs/{run_id}", tags=["runs"], dependencies=[HEAVY])

_ROWS = 4096
"""Latest steps whose clocks and texts are read: far more than any finding looks back."""
_FEWEST = 256
"""Values that are enough of a metric of which the latest count; one with fewer among those steps is read as a whole."""
_WARNING = LogQuery(text="is not deterministic: two evaluations at the same point differ")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a run's record shows, and the last step that it has."""

    findings: tuple[Finding, ...]
    step: int


@router.get("/findings", response_model=Findings)
def findings(run_id: str, store: StoreDep) -> WireResponse:
    """`{items: [{kind, severity, title, text, evidence}], step}`: its health, what matters most first.

    `evidence` names figures, and the steps that show it.
    """
    look = look_at(store, run_id)
    return WireResponse({"items": list(map(asdict, look.findings)), "step": look.step})


def look_at(store: Store, run_id: str) -> Look:
    """What the record shows as it is now; looked through once until the run changes."""
    return store.answers([run_id], "findings", partial(_look, store))[run_id]


def _look(store: Store, run_id: str) -> Look:
    record = _record_of(store, run_id)
    return Look(findings=tuple(findings_of(record)), step=record.last_step)


def _record_of(store: Store, run_id: str) -> Record:
    """Everything that findings look at."""
    run = store.get_run(run_id)
    kinds = store.columns(run_id)
    names = [name for name in METRICS if kinds.get(name) in ("number", "flag")]
    latest = store.measurements(run_id, names, along=("seconds", "wall_time"), last=_ROWS)
    steps = latest.steps
    trace = store.solves.latest(run_id) if "cg_iterations" in kinds else None
    return Record(
        columns=_columns(store, run_id, names, latest),
        recent=Recent(
            steps=steps,
            seconds=latest.x["seconds"],
            moments=latest.x["wall_time"],
            stops=_stops(store, run_id, steps) if "cg_stop" in kinds else (None,) * len(steps),
        ),
        interruptions=(
            *_between_attempts(store.attempts(run_id)),
            *_pauses(store.controls(run_id)),
        ),
        spec=run.spec,
        is_job=run.kind == "job",
        has_ended=run.state in ENDED,
        ritz_values=tuple(trace.ritz_values) if trace else (),
        ritz_step=trace.step if trace else None,
        warned_of_randomness=bool(store.logs(run_id, _WARNING, limit=1)),
    )


def _columns(store: Store, run_id: str, names: Sequence[str], latest: Columns) -> dict[str, Column]:
    """The metrics where they were measured: whole where every value counts, or the latest steps have too few."""
    found = {name: _column(latest, name) for name in names}
    if len(latest.steps) < _ROWS:
        return found
    whole = [name for name in names if name in WHOLE or len(found[name]) < _FEWEST]
    rows = store.measurements(run_id, whole)
    return found | {name: _column(rows, name) for name in whole}


def _column(rows: Columns, name: str) -> Column:
    values, measured = rows.columns[name]
    return Column(rows.steps, values).where(measured)


def _stops(store: Store, run_id: str, steps: Any) -> tuple[str | None, ...]:
    if not len(steps):
        return ()
    series = store.series(run_id, ["cg_stop"], start=int(steps[0]))
    found = dict(zip(series.steps, series.values["cg_stop"], strict=True))
    # A step that came between the two readings is left for the next time.
    return tuple(stop if isinstance(stop := found.get(int(step)), str) else None for step in steps)


def _between_attempts(attempts: list[AttemptInfo]) -> list[Interruption]:
    """From the end of an attempt to the start of the next."""
    return [
        Interruption(begin=before.ended_at.timestamp(), end=after.started_at.timestamp())
        for before, after in pairwise(attempts)
        if before.ended_at
    ]


def _pauses(controls: list[Control]) -> list[Interruption]:
    """From each pause that took effect to when the job went on; to this day where it did not."""
    pauses: list[Interruption] = []
    began: float | None = None
    for control in controls:
        if control.applied_at is None or control.error or control.kind == "set":
            continue
        if control.kind == "pause" and began is None:
            began = control.applied_at.timestamp()
        elif control.kind == "resume" and began is not None:
            pauses.append(Interruption(begin=began, end=control.applied_at.timestamp()))
            began = None
    return pauses if began is None else [*pauses, Interruption(begin=began, end=math.inf)]
