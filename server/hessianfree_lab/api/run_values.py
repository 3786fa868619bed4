"""Single numbers of runs, read from the store."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from hessianfree_lab.api.appearances import appearances
from hessianfree_lab.figures.comparing.groups import group_by
from hessianfree_lab.figures.comparing.values import COUNTED, value_of
from hessianfree_lab.figures.material import Dot
from hessianfree_lab.store.interface import Store
from hessianfree_lab.store.rows import Flags, Floats


def totals_of(store: Store, run_ids: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """By run, the sum of each counted metric over all steps, and `elapsed`, None: never measured; the last `step`."""
    return store.answers(run_ids, "totals", partial(_totals, store))


def _totals(store: Store, run_id: str) -> dict[str, float | None]:
    rows = store.measurements(run_id, COUNTED, along=("elapsed",))
    elapsed = rows.x["elapsed"]
    sums = {name: sum_of(*column) if column[1].any() else None for name, column in rows.columns.items()}
    last = {"elapsed": float(elapsed[-1]) if len(elapsed) else None}
    return sums | last | {"step": int(rows.steps[-1]) if len(rows.steps) else 0}


def sum_of(values: Floats, measured: Flags) -> float:
    """What was measured in all; what is no number adds nothing, as it adds nothing to a running total."""
    return float(np.sum(values, where=measured & np.isfinite(values)))


def dots_of(store: Store, run_ids: Sequence[str], x: str, y: str, *, group: str) -> tuple[Dot, ...]:
    """Two values of each run; with `group` in the colours of the groups, else each in its own."""
    runs = store.get_runs(run_ids)
    totals = totals_of(store, run_ids) if {x, y} & {*COUNTED, "elapsed"} else {}
    groups = {run_id: found for found in (group_by(runs, group) if group else ()) for run_id in found.runs}
    return tuple(
        Dot(
            run=run.id,
            name=shown.name,
            colour=groups[run.id].colour if run.id in groups else shown.colour,
            x=value_of(run, x, totals.get(run.id, {})),
            y=value_of(run, y, totals.get(run.id, {})),
            group=groups[run.id].name if run.id in groups else None,
        )
        for run, shown in zip(runs, appearances(runs), strict=True)
    )
