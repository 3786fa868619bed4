"""Sessions of the few fields that a test is about."""

from typing import Any

from hessianfree_lab.records import JobSpec, StepRecord
from hessianfree_lab.training.session import Session


def session(
    problem: str = "rosenbrock", optimizer: str = "hessianfree", steps: int = 3, **fields: Any
) -> Session:
    budget = fields.pop("budget", {"steps": steps})
    return Session(JobSpec(problem=problem, optimizer=optimizer, budget=budget, **fields))


def records_of(spec_session: Session) -> list[StepRecord]:
    """The record of every step."""
    return [records[0] for records in spec_session]
