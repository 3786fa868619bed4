"""A run's record as a file: every step, never sampled, one column (key) a metric."""

import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, StreamingResponse
from pydantic_core import to_json
from starlette.background import BackgroundTask

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.parquet import OWN, in_pieces, write_parquet
from hessianfree_lab.api.spreadsheet import cell
from hessianfree_lab.records import StepRecord
from hessianfree_lab.store.interface import Store

router = APIRouter(prefix="/runs/{run_id}", tags=["metrics"], dependencies=[HEAVY])

_ROWS_AT_A_TIME = 2_000


def _file_of(media_type: str) -> dict[int | str, dict[str, Any]]:
    """What the API's description says of such an answer."""
    return {200: {"description": "The file.", "content": {media_type: {}}}}


@router.get("/metrics.csv", response_class=StreamingResponse, responses=_file_of("text/csv"))
def as_csv(run_id: str, store: StoreDep) -> StreamingResponse:
    """What was not measured is empty; NaN and the infinities are `NaN`, `Infinity`, `-Infinity`."""
    columns = _columns(store, run_id)
    pieces = _csv_pieces(columns, store.rows(run_id))
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=_as_file(run_id, "csv"))


@router.get("/metrics.jsonl", response_class=StreamingResponse, responses=_file_of("application/jsonl"))
def as_jsonl(run_id: str, store: StoreDep) -> StreamingResponse:
    """One JSON object a line; a key is absent where its metric was not measured."""
    pieces = (
        b"".join(to_json(_flat(record), inf_nan_mode="strings") + b"\n" for record in piece)
        for piece in in_pieces(store.rows(run_id), _ROWS_AT_A_TIME)
    )
    return StreamingResponse(pieces, media_type="application/jsonl", headers=_as_file(run_id, "jsonl"))


@router.get(
    "/metrics.parquet", response_class=FileResponse, responses=_file_of("application/vnd.apache.parquet")
)
def as_parquet(run_id: str, store: StoreDep) -> FileResponse:
    """Numbers are float64 (counts too), flags bool, texts string; what was not measured is null."""
    kinds = {name: kind for name, kind in store.columns(run_id).items() if name not in OWN}
    with tempfile.NamedTemporaryFile(suffix=".parquet", delete=False) as file:
        path = Path(file.name)
    try:
        write_parquet(path, kinds, store.rows(run_id))
    except BaseException:
        path.unlink()
        raise
    return FileResponse(
        path,
        media_type="application/vnd.apache.parquet",
        headers=_as_file(run_id, "parquet"),
        background=BackgroundTask(path.unlink),
    )


def _columns(store: Store, run_id: str) -> list[str]:
    return [*OWN, *(name for name in store.columns(run_id) if name not in OWN)]


def _as_file(run_id: str, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{run_id}.{suffix}"'}


def _flat(record: StepRecord) -> dict[str, Any]:
    measured = {name: value for name, value in record.metrics.items() if value is not None}
    return measured | {"step": record.step, "wall_time": record.wall_time, "seconds": record.seconds}


def _csv_pieces(columns: list[str], records: Iterator[StepRecord]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for piece in in_pieces(records, _ROWS_AT_A_TIME):
        for record in piece:
            row = _flat(record) | {"wall_time": record.wall_time.isoformat().replace("+00:00", "Z")}
            writer.writerow(cell(row.get(name)) for name in columns)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()  # the heading, where there are no steps
