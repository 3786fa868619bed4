"""What happened to a run beside its training, as marks along x: attempts that began, and what its user changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from hessianfree_lab.records import AttemptInfo, Control


@dataclass(frozen=True, kw_only=True)
class Mark:
    """`step` is the first one made under it."""

    step: int
    kind: Literal["attempt", "set", "pause", "resume"]
    text: str


def marks_of(attempts: Iterable[AttemptInfo], controls: Iterable[Control]) -> tuple[Mark, ...]:
    """The marks of one run, by step. What was asked for and has not taken effect has none yet."""
    found = [*_of_attempts(list(attempts)), *_of_controls(controls)]
    return tuple(sorted(found, key=lambda mark: mark.step))


def _of_attempts(attempts: Sequence[AttemptInfo]) -> Iterator[Mark]:
    for before, attempt in pairwise(attempts):
        if attempt.first_step is None:
            continue  # it has recorded nothing
        after = attempt.resumed_from
        begun = f"goes on after step {after}" if after else "begins from scratch"
        ended = f"attempt {before.number} was {before.outcome}" if before.outcome else "the one before"
        yield Mark(step=(after or 0) + 1, kind="attempt", text=f"Attempt {attempt.number} {begun}; {ended}")


def _of_controls(controls: Iterable[Control]) -> Iterator[Mark]:
    verbs = {"pause": "Paused", "resume": "Went on"}
    for control in controls:
        if control.applied_at is None or control.step is None or control.error:
            continue
        said = verbs.get(control.kind) or ", ".join(
            f"{key} = {value}" for key, value in _flat(control.settings)
        )
        by = f", by {control.requested_by}" if control.requested_by else ""
        yield Mark(step=control.step + 1, kind=control.kind, text=f"{said}{by}")


def _flat(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Settings with dotted names: `budget.steps`."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", "none" if value is None else value
