"""Trials in the order in which somebody wants to see them."""

from collections.abc import Callable, Sequence
from typing import Any

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Page
from hessianfree_lab.records.spaces import key_of
from hessianfree_lab.records.sweeps import TRIAL_STATES, SweepSpec, Trial

_KEYS: dict[str, Callable[[Trial], Any]] = {
    "number": lambda trial: trial.number,
    "value": lambda trial: trial.value,
    "state": lambda trial: TRIAL_STATES.index(trial.state),
    "seconds": lambda trial: trial.seconds,
}


def ordered(trials: Sequence[Trial], sort: str, spec: SweepSpec) -> list[Trial]:
    """Sorted by a column, `-` before it: descending. Trials without a value come last; equals are in their order."""
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")
    if name in spec.search.space:
        key = _param_key(name, spec)
    elif name in _KEYS:
        key = _KEYS[name]
    else:
        allowed = ", ".join([*_KEYS, *spec.search.space])
        raise InvalidRequest(
            [Fault("sort", f"sort is {sort!r}; it must be one of {allowed}, '-' before it or not.")]
        )
    known = [trial for trial in trials if key(trial) is not None]
    rest = [trial for trial in trials if key(trial) is None]
    return sorted(known, key=key, reverse=is_descending) + rest


def page_of(trials: Sequence[Trial], limit: int, cursor: int | None) -> Page[Trial]:
    """Those behind the trial of the cursor. Between two requests trials may change places, as in any live list."""
    start = 0
    if cursor is not None:
        numbers = [trial.number for trial in trials]
        if cursor not in numbers:
            raise InvalidRequest(
                [Fault("cursor", f"cursor is {cursor}; this sweep has no trial of that number.")]
            )
        start = numbers.index(cursor) + 1
    items = trials[start : start + limit]
    has_more = start + limit < len(trials)
    return Page(items=list(items), next_cursor=str(items[-1].number) if has_more else None)


def _param_key(path: str, spec: SweepSpec) -> Callable[[Trial], Any]:
    """By value in a range; by place among its choices otherwise, since they may be of several types."""
    choices = spec.search.space[path].choices
    if choices is None:
        return lambda trial: trial.params.get(path)
    places = {key_of(choice): place for place, choice in enumerate(choices)}
    return lambda trial: places.get(key_of(trial.params[path])) if path in trial.params else None
