"""The one table of states."""

from itertools import product

import pytest

from hessianfree_lab.lifecycle import ENDED, TRANSITIONS, Cause, Outcome, State, after_attempt, may_become

ARROWS = {
    ("queued", "running"),
    ("queued", "paused"),
    ("queued", "cancelled"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
    ("running", "paused"),
    ("paused", "running"),
    ("paused", "completed"),
    ("paused", "failed"),
    ("paused", "cancelled"),
    ("paused", "queued"),
    ("completed", "queued"),
    ("failed", "queued"),
    ("cancelled", "queued"),
}


def test_the_arrows_are_those_of_the_contract() -> None:
    assert set(TRANSITIONS) == set(State)
    found = {(a.value, b.value) for a, b in product(State, State) if may_become(a, b)}
    assert found == ARROWS


def test_what_has_ended_can_only_be_queued_again() -> None:
    assert {State.COMPLETED, State.FAILED, State.CANCELLED} == ENDED
    assert all(TRANSITIONS[state] == {State.QUEUED} for state in ENDED)


@pytest.mark.parametrize(
    ("outcome", "attempt", "expected"),
    [
        (Outcome.COMPLETED, 1, (State.COMPLETED, None)),
        (Outcome.COMPLETED, 3, (State.COMPLETED, None)),
        (Outcome.FAILED, 1, (State.FAILED, Cause.ERROR)),
        (Outcome.CANCELLED, 1, (State.CANCELLED, None)),
        (Outcome.INTERRUPTED, 2, (State.QUEUED, None)),
        (Outcome.INTERRUPTED, 3, (State.FAILED, Cause.LOST)),
        (Outcome.INTERRUPTED, 4, (State.FAILED, Cause.LOST)),
        (Outcome.LOST, 1, (State.QUEUED, None)),
        (Outcome.LOST, 3, (State.FAILED, Cause.LOST)),
    ],
)
def test_where_an_attempt_leads(outcome: Outcome, attempt: int, expected: tuple[State, Cause | None]) -> None:
    assert after_attempt(outcome, attempt, max_attempts=3) == expected
    killed = Cause.KILLED if expected[0] is State.FAILED else None
    assert after_attempt(outcome, attempt, 3, cause=Cause.KILLED) == (expected[0], killed)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_its_user_holds_back_waits_for_its_user(outcome: Outcome) -> None:
    waits = outcome in (Outcome.LOST, Outcome.INTERRUPTED)
    state, cause = after_attempt(outcome, 3, 3, is_held_back=True)
    assert state is (State.PAUSED if waits else State(outcome.value))
    assert cause is (Cause.ERROR if state is State.FAILED else None)


def test_every_end_of_an_attempt_is_one_that_running_allows() -> None:
    for outcome, attempt, held_back in product(Outcome, (1, 3), (False, True)):
        state, _ = after_attempt(outcome, attempt, max_attempts=3, is_held_back=held_back)
        assert may_become(State.RUNNING, state)
        assert state is State.PAUSED or may_become(State.PAUSED, state)
