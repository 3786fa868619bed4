"""Pruning: who goes on beyond a rung, and what the driver does about it."""

import math
from typing import Any

import pytest

from hessianfree_lab.records import Run
from hessianfree_lab.records.sweeps import SweepSpec
from hessianfree_lab.store import Store
from hessianfree_lab.store.rungs import Due, Values
from hessianfree_lab.sweeps.driver import Driver
from hessianfree_lab.sweeps.pruning import judge
from server.makers import announcement, batch, finish, step, sweep

DAMPING = "optimizer_params.damping"


def halving(goal: str = "minimize", **changes: Any) -> SweepSpec:
    space = {DAMPING: [float(number + 1) for number in range(9)]}
    search = {"method": "grid", "space": space, "pruning": {"after": 2, "factor": 3}} | changes
    return sweep(search=search, objective={"goal": goal}, parallel=9)


def verdicts(spec: SweepSpec, known: dict[int, Values], *new: Values, has_ended: bool = False) -> list[Any]:
    due = [
        Due(number=100 + place, known=(), new=values, has_ended=has_ended) for place, values in enumerate(new)
    ]
    return [(trial.values, trial.verdict) for trial in judge(spec, known, due)]


@pytest.mark.parametrize(("goal", "sign"), [("minimize", 1), ("maximize", -1)])
def test_the_best_third_of_those_at_a_rung_goes_on(goal: str, sign: int) -> None:
    known = {number: (sign * float(number),) for number in range(1, 9)}
    found = verdicts(halving(goal), known, (sign * 2.5,), (sign * 3.5,))
    assert found == [((sign * 2.5,), None), ((sign * 3.5,), "pruned")]


def test_the_first_that_comes_goes_on_and_then_whoever_is_better() -> None:
    assert verdicts(halving(), {}, (5.0,)) == [((5.0,), None)]
    assert verdicts(halving(), {1: (5.0,)}, (6.0,)) == [((6.0,), "pruned")]
    assert verdicts(halving(), {1: (5.0,)}, (4.0,)) == [((4.0,), None)]


def test_those_who_come_together_are_each_others_rivals() -> None:
    found = verdicts(halving(), {}, *((float(value),) for value in (6, 5, 4, 3, 2, 1)))
    assert [verdict for _, verdict in found] == ["pruned"] * 4 + [None] * 2
    # Who is left at the first rung is nobody's rival at the second.
    known: dict[int, Values] = {number: (float(number),) for number in range(6)}
    found = verdicts(halving(), known, (9.0, 0.0), (0.5, 5.0))
    assert found == [((9.0,), "pruned"), ((0.5, 5.0), None)]


def test_who_has_come_to_two_rungs_is_judged_at_both() -> None:
    known: dict[int, Values] = {number: (float(number), 0.0) for number in range(6)}
    assert verdicts(halving(), known, (1.0, 9.0)) == [((1.0, 9.0), "pruned")]
    assert verdicts(halving(), known, (9.0, -1.0)) == [((9.0,), "pruned")]


def test_who_has_ended_is_a_rival_and_not_judged() -> None:
    assert verdicts(halving(), {1: (1.0,)}, (9.0, math.inf), has_ended=True) == [((9.0, math.inf), "passed")]


def test_a_trial_without_a_value_goes_on_and_is_nobodys_rival() -> None:
    assert verdicts(halving(), {1: (None,)}, (None,), (9.0,)) == [((None,), None), ((9.0,), None)]


def loss(run: Run) -> float:
    return abs(run.spec["optimizer_params"]["damping"] - 6.5)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_trials_that_are_not_among_the_best_are_ended_early(store: Store, is_restarted: bool) -> None:
    """All nine train side by side; a new driver at every look decides as the old one would have."""
    sweep_id = store.sweeps.add(halving(), total=9)[0].id
    worker, driver = store.add_worker(announcement()), Driver(store)
    assert driver.look()
    runs = [store.claim_job(worker) for _ in range(9)]
    steps = 0
    for count in (2, 4, 4):
        for run in runs:
            assert run is not None
            known = store.get_run(run.run)
            if known.state == "running" and known.stop_requested:
                store.finish(run.run, finish("cancelled"))
            elif known.state == "running":
                rows = [
                    step(steps + place + 1, loss=loss(known) + 1 / (steps + place + 1))
                    for place in range(count)
                ]
                store.append(run.run, batch(*rows))
        steps += count
        driver = Driver(store) if is_restarted else driver
        driver.look()
    trials = store.sweeps.trials(sweep_id)
    left = [trial for trial in trials if trial.state == "running"]
    assert [trial.number for trial in left] == [5, 6]
    assert [trial.number for trial in trials if len(trial.rungs) > 1] == [
        4,
        5,
        6,
        7,
    ]  # two share the third place
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert [trial.rungs[-1].at for trial in pruned] == [2.0, 2.0, 2.0, 2.0, 6.0, 6.0, 2.0]
    for run in runs:
        if run is not None and store.get_run(run.run).state == "running":
            store.finish(run.run, finish())
    Driver(store).look()
    ended = store.sweeps.get(sweep_id)
    assert (ended.state, ended.trials["pruned"], ended.trials["completed"]) == ("completed", 7, 2)
    assert ended.best is not None
    assert ended.best.number == 5


def test_the_place_of_a_pruned_trial_that_nobody_trains_is_given_away_in_the_same_look(store: Store) -> None:
    spec = halving().model_copy(update={"parallel": 2})
    sweep_id, driver = store.sweeps.add(spec, total=9)[0].id, Driver(store)
    driver.look()
    for loss in (1.0, 2.0):
        worker = store.add_worker(announcement())
        claimed = store.claim_job(worker)
        assert claimed is not None
        store.append(claimed.run, batch(step(1, loss=9.0), step(2, loss=loss)))
    store.remove_worker(worker)  # the worse one waits for another
    driver.look()
    states = [trial.state for trial in store.sweeps.trials(sweep_id)]
    assert states == ["running", "pruned", "queued"]


def test_a_sweep_without_pruning_is_not_looked_at_more_often(store: Store) -> None:
    store.sweeps.add(sweep(), total=3)
    assert not Driver(store).look()
