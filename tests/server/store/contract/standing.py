"""How sweeps stand: what a store counts of their trials is what these are, whatever came of their runs."""

import math

import pytest

from hessianfree_lab.records.sweeps import TRIAL_STATES
from hessianfree_lab.store import Store
from hessianfree_lab.store.rungs import Judged
from server.makers import batch, finish, step
from server.store.contract.sweeps import begun, new_trial, outcomes, train

ENDS = {
    1: ["value", "tie", "tie", "infinite", "silent", "failed", "cancelled", "deleted", "running", "queued"],
    2: ["value value", "value failed", "tie cancelled", "value running"],
    3: [
        "value value value",
        "value value failed",
        "failed value infinite",
        "value cancelled value",
        "deleted cancelled value",
        "silent value value",
        "failed running value",
        "failed running queued",
    ],
}
"""By number of seeds: what the runs of some trials come to."""


def come_to(end: str, store: Store, worker: str, run: str) -> None:
    """Take this queued run of a sweep there."""
    if end == "queued":
        return
    if end in ("cancelled", "deleted"):
        store.request_cancel(run)
        if end == "deleted":
            store.remove_run(run)
        return
    store.set_priority(run, 9)  # the next that is claimed
    assert (store.claim_job(worker) or pytest.fail("Nothing is queued.")).run == run
    if end == "running":
        return
    value = {"tie": 0.5, "infinite": math.inf}.get(end, sum(map(ord, run)) % 97 + 1.0)
    if end != "silent":
        store.append(run, batch(step(1, loss=value + 1), step(2, loss=value)))
    store.finish(run, finish("failed", cause="error") if end == "failed" else finish())


class StandingContract:
    @pytest.mark.parametrize("objective", [{"goal": "minimize"}, {"goal": "maximize", "at": "best"}])
    def test_what_is_counted_of_trials_is_what_they_are(
        self, store: Store, worker: str, objective: dict[str, str]
    ) -> None:
        """Whatever came of their runs, by one, two or three seeds: the page of sweeps says what their trials say."""
        ids = []
        for seeds, ends in ENDS.items():
            asked = [new_trial(number, seeds=tuple(range(seeds))) for number in range(len(ends))]
            ids.append(begun(store, *asked, objective=objective))
            for trial, of_trial in zip(store.sweeps.trials(ids[-1]), ends, strict=True):
                for run, end in zip(trial.runs, of_trial.split(), strict=True):
                    come_to(end, store, worker, run.id)
        ids.append(begun(store, *asked, objective=objective))  # of three seeds each, and all of it was pruned
        for trial, of_trial in zip(store.sweeps.trials(ids[-1]), ENDS[3], strict=True):
            for run, end in zip(trial.runs, of_trial.split(), strict=True):
                come_to(end, store, worker, run.id)
        pruned = [Judged(number=number, values=(1.0,), verdict="pruned") for number in range(len(asked))]
        store.sweeps.judge(ids[-1], pruned)
        retried = next(run for run in store.sweeps.trials(ids[-1])[3].runs if run.state == "cancelled")
        store.requeue(retried.id, from_scratch=True)
        for found in (store.sweeps.get(ids[0]), *store.sweeps.page().items):
            trials = store.sweeps.trials(found.id)
            states = [trial.state for trial in trials]
            assert found.trials == {state: states.count(state) for state in TRIAL_STATES}
            sign = -1 if objective["goal"] == "maximize" else 1
            ranked = sorted((sign * t.value, t.number) for t in trials if t.value is not None)
            assert (found.best and (sign * found.best.value, found.best.number)) == (ranked or [None])[0]
        assert [found.id for found in store.sweeps.page().items] == ids[::-1]
        for under_way in store.sweeps.running():
            states = [trial.state for trial in store.sweeps.trials(under_way.id)]
            still_open = states.count("queued") + states.count("running")
            assert (under_way.asked, under_way.open) == (len(states), still_open)

    def test_of_two_seeds_beyond_all_floats_in_sum_the_middle_counts(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0, seeds=(0, 1)))
        train(store, worker, 1e308)
        train(store, worker, 1.5e308)
        assert outcomes(store, sweep_id) == [("completed", 1.25e308)]
        best = store.sweeps.get(sweep_id).best
        assert best is not None
        assert best.value == 1.25e308

    def test_a_sweep_is_counted_anew_whenever_a_run_of_it_changes_its_state(
        self, store: Store, worker: str
    ) -> None:
        sweep_id = begun(store, new_trial(0), new_trial(1))
        other = begun(store, new_trial(0))

        def counts() -> dict[str, int]:
            assert store.sweeps.get(sweep_id) in store.sweeps.page().items
            return {state: count for state, count in store.sweeps.get(sweep_id).trials.items() if count}

        assert counts() == {"queued": 2}
        claimed = store.claim_job(worker)
        assert claimed is not None
        assert counts() == {"queued": 1, "running": 1}
        store.append(claimed.run, batch(step(1, loss=2.0)))
        store.finish(claimed.run, finish())
        assert counts() == {"queued": 1, "completed": 1}
        (second,) = store.sweeps.trials(sweep_id)[1].runs
        store.request_cancel(second.id)
        assert counts() == {"completed": 1, "cancelled": 1}
        store.requeue(claimed.run, from_scratch=True)
        assert counts() == {"queued": 1, "cancelled": 1}
        store.requeue(second.id, from_scratch=False)
        assert counts() == {"queued": 2}
        store.remove_run(second.id)
        assert counts() == {"queued": 1, "cancelled": 1}
        store.sweeps.add_trials(sweep_id, [new_trial(2)])
        assert counts() == {"queued": 2, "cancelled": 1}
        assert store.sweeps.get(other).trials["queued"] == 1
