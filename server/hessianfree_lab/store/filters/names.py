"""What a name in a filter or an order means: a column of its own, a metric, or a path into the specification."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"
    STATE = "state"  # with the causes of a failure and what is shown, never stored
    TAG = "tag"  # several texts


@dataclass(frozen=True, kw_only=True)
class Own:
    """What every run has."""

    name: str
    kind: Kind
    help: str


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a metric's summary."""

    metric: str
    which: str  # first | last | min | max | best_step


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value of the specification, of whatever type."""

    path: tuple[str, ...]


Meaning = Own | Metric | Setting


class NameRefused(ValueError):
    """The name can be none of the three; the text is a sentence."""


def _own(of_kind: Kind, /, **helps: str) -> dict[str, Own]:
    return {name: Own(name=name, kind=of_kind, help=text) for name, text in helps.items()}


OWN: dict[str, Own] = {
    **_own(
        Kind.TEXT,
        name="Its name",
        problem="What is trained",
        optimizer="What it is trained with",
        cause="Why it failed: error, diverged, out_of_memory, killed, device, storage, lost, invalid",
        error="What went wrong, in words",
        notes="Its notes",
        kind="job, or script",
        id="Its id",
        worker="Id of the worker of its latest attempt",
        sweep="Id of the sweep it belongs to",
    ),
    **_own(
        Kind.STATE,
        state="queued, running, paused, completed, failed, cancelled; stale, stopping, pausing; or a failure's cause",
    ),
    **_own(Kind.TAG, tag="One of its tags"),
    **_own(
        Kind.NUMBER,
        step="The last step recorded",
        steps="The steps of its budget",
        progress="The share of its steps that is done, 0 to 1",
        seconds="Training time in seconds",
        attempt="The number of its latest attempt",
        priority="Its priority in the queue",
    ),
    **_own(
        Kind.TIME,
        created="When it was made",
        started="When its latest attempt began",
        ended="When it ended",
    ),
    **_own(Kind.FLAG, archived="Put away", pinned="Pinned"),
}
ALIASES = {"created_at": "created", "started_at": "started", "ended_at": "ended", "tags": "tag"}
WHICH = {
    "first": "first",
    "last": "last",
    "min": "min",
    "max": "max",
    "best": "min",
    "best_step": "best_step",
}
"""Endings of a metric's name, and the column of its summary. The best is the least."""
SPEC = "spec."
"""Before a path: it leads into the specification, whatever it looks like."""

_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_MOST_PARTS = 12


def meaning(name: str) -> Meaning:
    """What the name means; `NameRefused` where it can mean nothing."""
    own = OWN.get(ALIASES.get(name, name))
    if own is not None:
        return own
    metric, _, ending = name.rpartition(".")
    if metric and ending in WHICH and not name.startswith(SPEC):
        return Metric(metric=metric, which=WHICH[ending])
    parts = tuple(name.removeprefix(SPEC).split("."))
    if len(parts) > _MOST_PARTS or not all(map(is_part, parts)):
        raise NameRefused(
            f"{name!r} is no name: a key of the specification is written as optimizer_params.damping, in letters, "
            "digits, '_' and '-'; a metric as loss.min, loss.last."
        )
    return Setting(path=parts)


def is_part(key: str) -> bool:
    """Whether a path can lead through this key of a specification."""
    return _PART.fullmatch(key) is not None
