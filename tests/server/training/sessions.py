"""Sessions of the few fields that a test is about."""

from typing import Any

from hessianfree_lab.records import JobSpec, StepRecord
from hessianfree_lab.training.session import Session

# Options for few cases, of problems whose data are large.
SMALL: dict[str, dict[str, Any]] = {
    "curves-autoencoder": {"cases": 30, "held_out_cases": 30},
    "addition": {"cases": 30, "length": 10, "hidden_size": 10},
}


def session(
    problem: str = "rosenbrock", optimizer: str = "hessianfree", steps: int = 3, **fields: Any
) -> Session:
    budget = fields.pop("budget", {"steps": steps})
    return Session(JobSpec(problem=problem, optimizer=optimizer, budget=budget, **fields))


def records_of(spec_session: Session) -> list[StepRecord]:
    """The record of every step."""
    return [records[0] for records in spec_session]
