"""Answers that no other record describes."""

from typing import Any, Literal

from pydantic import Field

from hessianfree_lab.records.scalars import Number, Wire
from hessianfree_lab.records.steps import LogLine


class RunLogLine(LogLine):
    """A line and the attempt that printed it."""

    attempt: int


class LogPage(Wire):
    """Part of what a run printed."""

    lines: list[RunLogLine]
    next: int = Field(description="To be passed back as `after`.")


class SpectrumSteps(Wire):
    """The steps that have a spectrum."""

    steps: list[int]


class XAxis(Wire):
    """What a run's series are over: numbers, or times as RFC 3339."""

    name: str
    values: list[Number | str]


class Metrics(Wire):
    """A run's series."""

    x: XAxis
    series: dict[str, list[Number | bool | str | None]]
    total: int = Field(description="Steps in the range asked for.")
    sampled: bool = Field(description="Fewer than those are here.")


class Figure(Wire):
    """A Plotly figure."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]


class Health(Wire):
    """How the server is."""

    status: Literal["ok", "ready"]
    version: str
