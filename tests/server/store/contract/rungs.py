"""Rungs: what trials are worth there, and what becomes of those that are pruned."""

import math
from typing import Any

import pytest

from hessianfree_lab.store import Store
from hessianfree_lab.store.rungs import Judged, Values
from server.makers import batch, finish, step
from server.store.contract.sweeps import begun, new_trial, outcomes

DAMPING = "optimizer_params.damping"


def pruning(store: Store, *seeds: int, **changes: Any) -> str:
    """A sweep with rungs at 2, 4, 8 ... steps, and a trial of so many seeds for each number."""
    trials = [new_trial(number, seeds=tuple(range(count))) for number, count in enumerate(seeds or (1,))]
    search = {
        "method": "grid",
        "space": {DAMPING: [1.0, 2.0]},
        "pruning": {"after": 2, "factor": 2} | changes,
    }
    return begun(store, *trials, search=search)


def start(store: Store, worker: str, *losses: float | None) -> str:
    """Begin the next job; it records these losses."""
    assignment = store.claim_job(worker)
    assert assignment is not None
    record(store, assignment.run, *losses)
    return assignment.run


def record(store: Store, run: str, *losses: float | None, first: int = 1) -> None:
    rows = [step(number, loss=loss) for number, loss in enumerate(losses, start=first)]
    store.append(run, batch(*rows))


def due(store: Store, sweep_id: str) -> list[tuple[int, Values, bool]]:
    return [(trial.number, trial.new, trial.has_ended) for trial in store.sweeps.due(sweep_id)]


def settle(store: Store, sweep_id: str, number: int, *values: float, verdict: Any = None) -> None:
    store.sweeps.judge(sweep_id, [Judged(number=number, values=values, verdict=verdict)])


class RungContract:
    def test_a_value_is_that_of_the_last_row_that_is_not_beyond_the_rung(
        self, store: Store, worker: str
    ) -> None:
        sweep_id = pruning(store)
        run = start(store, worker, 9.0)
        assert due(store, sweep_id) == []
        record(store, run, None, 5.0, first=2)
        assert due(store, sweep_id) == [(0, (9.0,), False)]
        record(store, run, 3.0, 1.0, first=4)
        assert due(store, sweep_id) == [(0, (9.0, 3.0), False)]

    def test_rungs_may_be_seconds(self, store: Store, worker: str) -> None:
        sweep_id = pruning(store, of="seconds")  # a step takes half a second
        run = start(store, worker, 9.0, 8.0, 7.0)
        assert due(store, sweep_id) == []
        record(store, run, 6.0, 5.0, first=4)
        assert due(store, sweep_id) == [(0, (6.0,), False)]

    def test_of_several_seeds_the_median_counts_once_all_have_come_there(
        self, store: Store, worker: str
    ) -> None:
        sweep_id = pruning(store, 3)
        start(store, worker, 1.0, 9.0)
        start(store, worker, 1.0, 4.0, 3.0)
        assert due(store, sweep_id) == []
        last = start(store, worker, 1.0)
        assert due(store, sweep_id) == []
        record(store, last, math.nan, first=2)  # infinitely bad
        assert due(store, sweep_id) == [(0, (9.0,), False)]

    @pytest.mark.parametrize(
        ("end", "values"),
        [
            ({"state": "failed", "cause": "diverged"}, (7.0, math.inf)),
            ({"state": "failed", "cause": "killed"}, (7.0,)),
            ({"state": "completed"}, (7.0, 6.0)),
        ],
    )
    def test_a_trial_that_has_ended_counts_at_the_first_rung_that_it_did_not_come_to(
        self, store: Store, worker: str, end: dict[str, str], values: Values
    ) -> None:
        sweep_id = pruning(store)
        run = start(store, worker, 8.0, 7.0, 6.0)
        store.finish(run, finish(**end))
        assert due(store, sweep_id) == [(0, values, True)]
        settle(store, sweep_id, 0, *[0.0 if value is None else value for value in values], verdict="passed")
        assert due(store, sweep_id) == []
        assert store.sweeps.judged(sweep_id) == {0: values}

    def test_at_the_end_of_its_budget_there_is_nothing_to_judge(self, store: Store, worker: str) -> None:
        sweep_id = pruning(store, after=50)  # of 100 steps
        start(store, worker, *[1.0] * 100)
        assert due(store, sweep_id) == [(0, (1.0,), False)]

    def test_what_was_judged_is_not_due_again(self, store: Store, worker: str) -> None:
        sweep_id = pruning(store)
        start(store, worker, 5.0, 4.0)
        settle(store, sweep_id, 0, 4.0)
        assert due(store, sweep_id) == []
        assert store.sweeps.judged(sweep_id) == {0: (4.0,)}
        (trial,) = store.sweeps.trials(sweep_id)
        assert [(reached.at, reached.value) for reached in trial.rungs] == [(2.0, 4.0)]

    def test_a_pruned_trial_is_told_to_stop_and_is_never_the_best(self, store: Store, worker: str) -> None:
        sweep_id = pruning(store, 2, 1)
        done = start(store, worker, 1.0, 1.0)
        store.finish(done, finish())
        run = start(store, worker, 1.0, 1.0)
        settle(store, sweep_id, 0, 1.0, verdict="pruned")
        assert outcomes(store, sweep_id) == [("running", None), ("queued", None)]
        assert store.get_run(run).stop_requested
        assert [trial.number for trial in store.sweeps.due(sweep_id)] == []
        store.finish(run, finish("cancelled"))
        assert outcomes(store, sweep_id) == [("pruned", None), ("queued", None)]
        found = store.sweeps.get(sweep_id)
        assert (found.trials["pruned"], found.trials["cancelled"], found.best) == (1, 0, None)

    def test_who_has_a_pruned_run_go_on_gets_it_to_its_end(self, store: Store, worker: str) -> None:
        sweep_id = pruning(store)
        (queued,) = store.sweeps.trials(sweep_id)[0].runs
        settle(store, sweep_id, 0, 9.0, verdict="pruned")
        assert (outcomes(store, sweep_id), store.get_run(queued.id).state) == (
            [("pruned", None)],
            "cancelled",
        )
        store.requeue(queued.id, from_scratch=True)
        run = start(store, worker, 3.0, 2.0)
        assert due(store, sweep_id) == []
        store.finish(run, finish())
        assert outcomes(store, sweep_id) == [("completed", 2.0)]

    def test_a_sweep_that_has_ended_prunes_nothing_more(self, store: Store, worker: str) -> None:
        sweep_id = pruning(store)
        run = start(store, worker, 1.0, 1.0)
        store.sweeps.cancel(sweep_id)
        settle(store, sweep_id, 0, 1.0, verdict="pruned")
        store.finish(run, finish("cancelled"))
        assert outcomes(store, sweep_id) == [("cancelled", None)]
