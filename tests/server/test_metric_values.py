"""The quick way through a step's metrics lets through what the slow one does, and nothing else."""

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hessianfree_lab.records.metrics import MetricName, Metrics
from hessianfree_lab.records.scalars import Scalar
from server.makers import same

QUICK = TypeAdapter(Metrics)
ONE_BY_ONE = TypeAdapter(dict[MetricName, Scalar])

BODIES = [
    "{}",
    '{"loss": 0.5, "count": 3, "accepted": true, "nothing": null, "cg_stop": "tolerance"}',
    '{"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "nan", "e": ""}',
    '{"big": 123456789012345678901234567890, "small": 1e-320, "huge": 1e400, "zero": -0.0}',
    '{"layers/0.weight-norm": 1.0, "_": 2, "\u00e4": 3}',
    '{"loss\\n": 1}',
    '{"": 1}',
    '{"0loss": 1}',
    '{"a b": 1}',
    '{"' + "n" * 100 + '": 1}',
    '{"' + "n" * 101 + '": 1}',
    '{"loss": [1]}',
    '{"loss": {"value": 1}}',
    "[]",
    "null",
]


@pytest.mark.parametrize("body", BODIES)
def test_both_ways_agree(body: str) -> None:
    expected, found = (_read(adapter, body) for adapter in (ONE_BY_ONE, QUICK))
    assert [(name, type(value)) for name, value in found] == [(name, type(value)) for name, value in expected]
    assert same([value for _, value in found], [value for _, value in expected])


def _read(adapter: TypeAdapter[dict[str, Any]], body: str) -> list[tuple[Any, Any]]:
    """Names and values; or where the faults are, and of which kind."""
    try:
        return list(adapter.validate_json(body).items())
    except ValidationError as refused:
        return [(error["loc"], error["type"]) for error in refused.errors()]


def test_what_is_not_finite_is_a_number_inside_and_text_outside() -> None:
    values = QUICK.validate_json('{"a": "NaN", "b": "-Infinity", "c": "nan"}')
    assert math.isnan(values["a"])
    assert (values["b"], values["c"]) == (-math.inf, "nan")
    assert QUICK.dump_json(values) == b'{"a":"NaN","b":"-Infinity","c":"nan"}'
