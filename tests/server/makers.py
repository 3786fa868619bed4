"""Records with the few values that a test is about."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hessianfree_lab.records import (
    Announcement,
    CGTrace,
    Device,
    FinishRequest,
    IngestBatch,
    JobSpec,
    LogLine,
    OptimizerInfo,
    ProblemInfo,
    Spectrum,
    StepRecord,
    Supply,
)
from hessianfree_lab.records.sweeps import SweepSpec

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

BOWL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "dimension": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 2},
        "condition": {"anyOf": [{"type": "number", "minimum": 1}, {"type": "null"}], "default": None},
        "shape": {"$ref": "#/$defs/Shape"},
    },
    "additionalProperties": False,
    "$defs": {
        "Shape": {
            "type": "object",
            "properties": {"kind": {"enum": ["round", "narrow"], "default": "round"}},
            "additionalProperties": False,
            "default": {"kind": "round"},
        }
    },
}
HESSIANFREE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "damping": {"type": "number", "exclusiveMinimum": 0, "default": 1.0},
        "cg_max_iter": {"type": "integer", "minimum": 1, "default": 250},
    },
    "additionalProperties": False,
}


def announcement(**changes: Any) -> Announcement:
    """A worker that trains `bowl` with `hessianfree` and `adam` on its CPU."""
    known = {
        "name": "bench",
        "host": "localhost",
        "pid": 1,
        "devices": [Device(name="cpu")],
        "problems": [problem("bowl", BOWL_SCHEMA)],
        "optimizers": [optimizer("hessianfree", HESSIANFREE_SCHEMA), optimizer("adam", {"type": "object"})],
    }
    return Announcement(**known | changes)


def problem(name: str, schema: dict[str, Any] | None = None, **more: Any) -> ProblemInfo:
    known = {"name": name, "title": name, "description": "", "params_schema": schema or {"type": "object"}}
    return ProblemInfo(**known | more)


def images(*there: str) -> ProblemInfo:
    """A problem that chooses among data, of which the worker has these."""
    missing = {name: f"Put {name} there." for name in ("birds", "cats", "dogs") if name not in there}
    schema = {
        "type": "object",
        "properties": {"dataset": {"enum": ["birds", "cats", "dogs"], "default": "cats"}},
    }
    return problem("images", schema, supplies={"dataset": Supply(there=list(there), missing=missing)})


def optimizer(name: str, schema: dict[str, Any] | None = None, **more: Any) -> OptimizerInfo:
    known = {"name": name, "title": name, "description": "", "params_schema": schema or {"type": "object"}}
    return OptimizerInfo(**known | more)


def spec(**changes: Any) -> JobSpec:
    return JobSpec(**{"problem": "bowl"} | changes)


def sweep(**changes: Any) -> SweepSpec:
    """Three dampings of `bowl`, on the last loss."""
    search = {"method": "grid", "space": {"optimizer_params.damping": [0.1, 1.0, 10.0]}}
    known = {"base": spec(), "search": search, "parallel": None}
    return SweepSpec.model_validate(known | changes)


def step(number: int, **metrics: Any) -> StepRecord:
    """One step a second, its loss falling unless it is given."""
    return StepRecord(
        step=number,
        wall_time=NOON + timedelta(seconds=number),
        seconds=number / 2,
        metrics={"loss": 1 / number} | metrics,
    )


def batch(*steps: StepRecord, attempt: int = 1, **more: Any) -> IngestBatch:
    return IngestBatch(attempt=attempt, steps=list(steps), **more)


def steps(first: int, last: int, attempt: int = 1, **metrics: Any) -> IngestBatch:
    """A batch of the steps from `first` to `last`."""
    return batch(*(step(number, **metrics) for number in range(first, last + 1)), attempt=attempt)


def line(number: int, text: str = "") -> LogLine:
    return LogLine(number=number, time=NOON, text=text or f"line {number}")


def trace(number: int, **values: Any) -> CGTrace:
    return CGTrace(step=number, **values)


def spectrum(number: int, **values: Any) -> Spectrum:
    """Two eigenvalues, -1 and 3, unless others are given."""
    known = {
        "dimension": 2,
        "largest": 3.0,
        "largest_error": 0.0,
        "smallest": -1.0,
        "smallest_error": 0.0,
        "trace": 2.0,
        "nodes": [-1.0, 3.0],
        "weights": [0.5, 0.5],
        "probes": 1,
        "products": 2,
    }
    return Spectrum(step=number, **known | values)


def finish(state: str = "completed", attempt: int = 1, **more: Any) -> FinishRequest:
    return FinishRequest(state=state, attempt=attempt, **more)


def same(one: object, other: object) -> bool:
    """Equality under which NaN is NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
