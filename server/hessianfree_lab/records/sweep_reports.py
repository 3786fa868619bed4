"""What a sweep has found: its best trials, and how much each parameter matters."""

from typing import Literal

from pydantic import Field

from hessianfree_lab.records.scalars import Number, Wire
from hessianfree_lab.records.spaces import Choice
from hessianfree_lab.records.sweeps import Sweep, Trial


class Sensitivity(Wire):
    """One parameter: its best value, and how far from it values are still good."""

    name: str
    best: Choice = Field(None, description="Of the best trial that has it.")
    is_set: bool = Field(
        description="Whether the best trial has it; others may not, where it has conditions."
    )
    importance: Number | None = Field(
        None, description="Its share of what decides whether a trial is among the best (PED-ANOVA), 0 to 1."
    )
    low: Number | None = Field(None, description="Of a range: the least value that the leading trials have.")
    high: Number | None = Field(None, description="The greatest.")
    choices: list[Choice] | None = Field(None, description="Of choices: those that the leading trials have.")
    share: Number | None = Field(
        None,
        description="How much of the range, or of the choices, this is: where it is little, tune with care.",
    )
    edge: Literal["low", "high"] | None = Field(
        None,
        description="The best value lies in the last twentieth of the range at this end: it should be wider.",
    )


class SweepReport(Wire):
    """The sweep, its best trials, the best first, and its parameters, the most important first."""

    sweep: Sweep
    best: list[Trial]
    leading: int = Field(
        description="How many trials lead: the best tenth, three at least; 0: too few have a value."
    )
    params: list[Sensitivity]
