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
    LOST = "lost"  # no heartbeat, and no attempt left
    INVALID = "invalid"  # the worker could not build what the spec asks for


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
    outcome: Outcome, attempt: int, max_attempts: int, *, is_held_back: bool = False
) -> tuple[State, Cause | None]:
    """State and cause of a run whose attempt number `attempt` ended as `outcome`.

    The cause of a failed attempt is the worker's to say; None here. Only a lost or an interrupted attempt is
    tried again: an error, a divergence or an invalid spec would end the same way. A run that its user holds back
    (`is_held_back`) waits for its user, however many attempts it had.
    """
    match outcome:
        case Outcome.INTERRUPTED | Outcome.LOST if is_held_back:
            return State.PAUSED, None
        case Outcome.INTERRUPTED | Outcome.LOST if attempt < max_attempts:
            return State.QUEUED, None
        case Outcome.INTERRUPTED | Outcome.LOST:
            return State.FAILED, Cause.LOST
        case _:
            return State(outcome.value), None
