"""The table of runs as a file: the runs that pass a filter, in its order, with the columns that are asked for."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.selection import SelectionDep, named
from hessianfree_lab.api.spreadsheet import cell
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Run
from hessianfree_lab.store.filters import Metric, NameRefused, Own, Setting, meaning
from hessianfree_lab.store.interface import MAX_PAGE, RunQuery, RunSelection, Store

router = APIRouter(prefix="/runs", tags=["runs"], dependencies=[HEAVY])

MOST_COLUMNS = 200
MOST_ROWS = 1_000_000
_USUAL = "id,name,state,cause,problem,optimizer,tag,created,seconds,step,steps,loss.last,loss.min"
_CSV = {200: {"description": "The table.", "content": {"text/csv": {}}}}
_JSON = {200: {"description": "A list of objects, one a run.", "content": {"application/json": {}}}}

Columns = Annotated[str, Query(description="Names of filters, comma separated.")]
Chosen = Annotated[str, Query(description="Ids, comma separated; none: all that pass.")]
Sort = Annotated[str, Query(max_length=200)]
Most = Annotated[int | None, Query(ge=1, le=MOST_ROWS, description="Rows at most.")]


@router.get("/table.csv", response_class=StreamingResponse, responses=_CSV)  # type: ignore[arg-type]
def as_csv(
    store: StoreDep,
    selection: SelectionDep,
    columns: Columns = _USUAL,
    runs: Chosen = "",
    sort: Sort = "-created_at",
    limit: Most = None,
) -> StreamingResponse:
    """One row a run. Tags are separated by spaces; NaN and the infinities are `NaN`, `Infinity`, `-Infinity`.

    A text that would be a formula in a spreadsheet begins with an apostrophe.
    """
    rows = rows_of(store, selection, columns, runs, sort, limit)
    head = {"Content-Disposition": 'attachment; filename="runs.csv"'}
    return StreamingResponse(_csv(rows), media_type="text/csv; charset=utf-8", headers=head)


@router.get("/table.json", response_class=StreamingResponse, responses=_JSON)  # type: ignore[arg-type]
def as_json(
    store: StoreDep,
    selection: SelectionDep,
    columns: Columns = _USUAL,
    runs: Chosen = "",
    sort: Sort = "-created_at",
    limit: Most = None,
) -> StreamingResponse:
    """A list of objects, one a run; what a run does not have is null."""
    rows = rows_of(store, selection, columns, runs, sort, limit)
    head = {"Content-Disposition": 'attachment; filename="runs.json"'}
    return StreamingResponse(_json(rows), media_type="application/json", headers=head)


def value_of(run: Run, name: str) -> Any:
    """What a run has under a name of filters; None where it has nothing."""
    what = meaning(name)
    match what:
        case Metric(metric=metric, which=which):
            return getattr(run.summary.get(metric), which, None)
        case Setting(path=path):
            value: Any = run.spec
            for part in path:
                value = value.get(part) if isinstance(value, dict) else None
            return value
        case Own(name=own):
            return _OWN[own](run)


_OWN: dict[str, Any] = {
    **{name: lambda run, name=name: getattr(run, name) for name in ("id", "name", "kind", "state", "cause")},
    **{name: lambda run, name=name: getattr(run, name) for name in ("error", "notes", "attempt", "priority")},
    **{name: lambda run, name=name: getattr(run, name) for name in ("archived", "pinned", "worker", "sweep")},
    **{name: lambda run, name=name: getattr(run, f"{name}_at") for name in ("created", "started", "ended")},
    **{name: lambda run, name=name: getattr(run.progress, name) for name in ("step", "steps", "seconds")},
    **{name: lambda run, name=name: run.spec.get(name) for name in ("problem", "optimizer")},
    "progress": lambda run: run.progress.step / run.progress.steps if run.progress.steps else None,
    "tag": lambda run: run.tags,
}


def rows_of(
    store: Store, selection: RunSelection, columns: str, runs: str, sort: str, limit: int | None
) -> Iterator[dict[str, Any]]:
    """The rows of the file, first its heading; `InvalidRequest` at once where a name, a filter or an order is none."""
    names = [name for name in dict.fromkeys(columns.split(",")) if name]
    if len(names) > MOST_COLUMNS:
        message = f"columns names {len(names)} columns; at most {MOST_COLUMNS} are allowed."
        raise InvalidRequest([Fault("columns", message)])
    for name in names:
        try:
            meaning(name)
        except NameRefused as error:
            raise InvalidRequest([Fault("columns", str(error))]) from None
    chosen = replace(selection, ids=named(runs))
    # Which runs, and in which order, at one moment, and before the answer begins: a filter that is none is a 422, not
    # half a file, and what changes meanwhile puts no run there twice.
    ids = store.table.ids(chosen, limit or MOST_ROWS, sort=sort)

    def rows() -> Iterator[dict[str, Any]]:
        for start in range(0, len(ids), MAX_PAGE):
            wanted = tuple(ids[start : start + MAX_PAGE])
            page = store.list_runs(RunQuery(ids=wanted, archived=None, limit=MAX_PAGE))
            found = {run.id: run for run in page.items}
            for run in (found[run_id] for run_id in wanted if run_id in found):  # it may be removed by now
                yield {name: value_of(run, name) for name in names}

    return _headed(names, rows())


def _headed(names: Sequence[str], rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield {name: name for name in names}
    yield from rows


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow(cell(value) for value in row.values())
        yield buffer.getvalue()


def _json(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    next(rows)  # objects need no heading
    between = b"[\n"
    for row in rows:
        yield between + to_json(row, inf_nan_mode="strings")
        between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"
