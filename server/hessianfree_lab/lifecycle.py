"""The states of a run, and every way from one to another: this table is the only authority on both.

queued -> running -> completed | failed | cancelled
          running -> queued       the attempt was lost or interrupted, and attempts remain
queued -> paused -> queued        held back before it began, or after its attempt was lost or interrupted
          running <-> paused      held back with its process; should that end, as running does
queued, paused -> cancelled
completed, failed, cancelled -> queued     retry and restart
"""

from enum import StrEnum


class State(StrEnum):
    QUEUED = "queued"  # waits for a worker
    RUNNING = "running"  # a worker holds its lease
    PAUSED = "paused"  # held back by its user, with its process where it had one
    COMPLETED = "completed"  # reached its budget
    FAILED = "failed"  # ended by itself; `cause` says how
    CANCELLED = "cancelled"  # ended by its user


class Cause(StrEnum):
    ERROR = "error"  # an exception
    DIVERGED = "diverged"  # the loss became NaN or infinite
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"  # its process, by a signal from outside
    DEVICE = "device"  # its GPU failed under it
    STORAGE = "storage"  # its checkpoints are where it has no access
    LOST = "lost"  # no heartbeat, or its worker left, and no attempt left
    INVALID = "invalid"  # the worker could not build what the spec asks for


FROM_OUTSIDE = frozenset({Cause.KILLED, Cause.DEVICE, Cause.STORAGE, Cause.LOST})
"""Causes that say nothing of what was trained: the same run may well go through next time."""


class Outcome(StrEnum):
    """How an attempt ended; `lost` and `interrupted` are not ends of the run while attempts remain."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    LOST = "lost"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.CANCELLED}),
    State.RUNNING: frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.QUEUED, State.PAUSED}),
    State.PAUSED: frozenset({State.RUNNING, State.COMPLETED, State.FAILED, State.CANCELLED, State.QUEUED}),
    State.COMPLETED: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}

ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


def may_become(current: State, target: State) -> bool:
    """Whether the table has an arrow from `current` to `target`."""
    return target in TRANSITIONS[current]


def after_attempt(
    outcome: Outcome,
    attempt: int,
    max_attempts: int,
    *,
    cause: Cause | None = None,
    is_held_back: bool = False,
) -> tuple[State, Cause | None]:
    """State and cause of a run whose attempt number `attempt` ended as `outcome`.

    `cause` is what its worker said of the attempt. Only a lost or an interrupted attempt is
    tried again: an error, a divergence or an invalid spec would end the same way. A run that its user holds back
    (`is_held_back`) waits for its user, however many attempts it had.
    """
    match outcome:
        case Outcome.INTERRUPTED | Outcome.LOST if is_held_back:
            return State.PAUSED, None
        case Outcome.INTERRUPTED | Outcome.LOST if attempt < max_attempts:
            return State.QUEUED, None
        case Outcome.INTERRUPTED | Outcome.LOST:
            return State.FAILED, cause or Cause.LOST
        case Outcome.FAILED:
            return State.FAILED, cause or Cause.ERROR
        case _:
            return State(outcome.value), None
