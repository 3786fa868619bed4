"""A run's steps as a Parquet file, written group by group: no run is too long for memory."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from hessianfree_lab.records import Scalar, StepRecord
from hessianfree_lab.records.scalars import to_float

OWN = ("step", "wall_time", "seconds")
"""What every step has beside its metrics."""

_ROWS_IN_A_GROUP = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def in_pieces(records: Iterator[StepRecord], size: int) -> Iterator[list[StepRecord]]:
    """All records, `size` at a time."""
    while piece := list(islice(records, size)):
        yield piece


def write_parquet(path: Path, kinds: Mapping[str, str], records: Iterator[StepRecord]) -> None:
    """`kinds`: every metric's, `number`, `flag` or `text`. What fails in `records` fails here, as it is."""
    # Not at the top: few servers are ever asked for it.
    from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
    from arro3.io import write_parquet

    number, time = DataType.float64(), DataType.timestamp("us", tz="UTC")
    types = {"number": number, "flag": DataType.bool(), "text": DataType.string()}
    own = [Field("step", DataType.int64()), Field("wall_time", time), Field("seconds", number)]
    schema = Schema(own + [Field(name, types[kind]) for name, kind in kinds.items()])
    failures: list[Exception] = []

    def batches() -> Iterator[RecordBatch]:
        try:
            for piece in in_pieces(records, _ROWS_IN_A_GROUP):
                times = [(record.wall_time - _EPOCH) // _MICROSECOND for record in piece]
                arrays = [
                    Array([record.step for record in piece], DataType.int64()),
                    Array(times, DataType.int64()).cast(time),
                    Array([record.seconds for record in piece], number),
                ]
                for name, kind in kinds.items():
                    values = [_as_kind(kind, record.metrics.get(name)) for record in piece]
                    arrays.append(Array(values, types[kind]))
                yield RecordBatch.from_arrays(arrays, schema=schema)
        except Exception as failure:
            failures.append(failure)  # the writer would pass on its text alone
            raise

    reader = RecordBatchReader.from_batches(schema, batches())
    try:
        write_parquet(reader, path, compression="snappy", max_row_group_size=_ROWS_IN_A_GROUP)
    except Exception as failure:
        raise failures[0] if failures else failure from None


def _as_kind(kind: str, value: Scalar) -> Scalar:
    """A metric that is sometimes of another kind is what its column is."""
    if value is None:
        return None
    if kind == "number":
        return to_float(value)
    return str(value) if kind == "text" else value
