"""Answers that no other record describes."""

from typing import Any, Literal

from pydantic import Field

from hessianfree_lab.records.scalars import Number, Wire
from hessianfree_lab.records.steps import LogLine

SERVER_HEADER = "HessianFree-Server"
"""Every answer says with it which server it comes from: `Store.server_id`."""


class RunLogLine(LogLine):
    """A line and the attempt that printed it; `position` orders all lines of a run."""

    attempt: int
    position: int


class LogPage(Wire):
    """Part of what a run printed."""

    lines: list[RunLogLine]
    next: int = Field(description="To be passed back as `after`.")
    previous: int | None = Field(description="To be passed back as `before`; null: nothing comes before.")
    total: int | None = Field(None, description="Lines that fit the query, where they were counted.")


class SpectrumSteps(Wire):
    """The steps that have a spectrum."""

    steps: list[int]


class Around(Wire):
    """The nearest steps before and after one; null: there is none."""

    previous: int | None = None
    next: int | None = None


class Neighbours(Wire):
    """Around a step, the steps whose inner solve, and those whose spectrum, was recorded."""

    trace: Around
    spectrum: Around


class EvidenceOf(Wire):
    """Where a finding shows: a figure, and the steps from first to last."""

    figure: str
    first_step: int
    last_step: int


class FindingOf(Wire):
    """One thing that the record of a run shows."""

    kind: str
    severity: Literal["problem", "warning", "note"]
    title: str
    text: str
    evidence: list[EvidenceOf]


class Findings(Wire):
    """What the record of a run shows, what matters most first."""

    items: list[FindingOf]
    step: int = Field(description="The last step that was looked at.")


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
