"""What the compare page knows when it is asked for."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from hessianfree_lab.api.appearances import appearances
from hessianfree_lab.api.windows import MAX_RUNS
from hessianfree_lab.figures import FIGURES
from hessianfree_lab.figures.axes import METRIC_TITLES, metric_title
from hessianfree_lab.figures.comparing.groups import group_by, keys_of
from hessianfree_lab.figures.comparing.values import title_of, value_keys
from hessianfree_lab.records import Run
from hessianfree_lab.store.interface import RunQuery, Store

_LEFT_OUT = {"environment", "notes"}  # of runs: they may be long, and nothing here shows them


def context(store: Store, asked: Sequence[str], group: str) -> dict[str, Any]:
    """The page's variables: of the runs asked for those that there are, at most `MAX_RUNS`, and what is missing."""
    named = list(dict.fromkeys(run_id for run_id in asked if run_id))
    page = (
        store.list_runs(RunQuery(ids=tuple(named[:MAX_RUNS]), archived=None, limit=MAX_RUNS))
        if named
        else None
    )
    found = {run.id: run for run in page.items} if page else {}
    runs = [found[run_id] for run_id in named if run_id in found]
    return {
        "stream_runs": ",".join(run.id for run in runs),
        "runs": runs,
        "missing": [run_id for run_id in named[:MAX_RUNS] if run_id not in found],
        "left_out": len(named[MAX_RUNS:]),
        "most": MAX_RUNS,
        "kinds": FIGURES,
        "data": _data(runs, group),
    }


def address_of(store: Store, filter: str, query: Sequence[tuple[str, str]]) -> str:
    """The page's address with the newest runs that pass the filter by name, and how many there are in all."""
    page = store.list_runs(RunQuery(filter=filter, limit=MAX_RUNS))
    rest = [(key, value) for key, value in query if key not in ("filter", "runs", "of")]
    more = [("of", str(page.total))] if page.total > len(page.items) else []
    ids = ",".join(run.id for run in page.items)
    return f"/compare?{urlencode([('runs', ids), *more, *rest], safe=',')}"


def _data(runs: list[Run], group: str) -> dict[str, Any]:
    metrics = _metrics_of(runs)
    return {
        "runs": [run.model_dump(mode="json", exclude=_LEFT_OUT) for run in runs],
        "shown": [{"name": one.name, "colour": one.colour} for one in appearances(runs)],
        "metrics": [[name, metric_title(name)] for name in metrics],
        "values": [[key, title_of(key)] for key in value_keys(runs, metrics)],
        "keys": keys_of(runs),
        "groups": [
            {"name": one.name, "colour": one.colour, "runs": one.runs}
            for one in (group_by(runs, group) if group else ())
        ],
    }


def _metrics_of(runs: list[Run]) -> list[str]:
    """Every number that any of the runs has: canonical ones in their order, then the others."""
    names = {name for run in runs for name in run.summary}
    return [name for name in METRIC_TITLES if name in names] + sorted(names.difference(METRIC_TITLES))
