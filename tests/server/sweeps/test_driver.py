"""The driver: trials are queued as there is room for them, and a sweep ends when it has what it wanted."""

import asyncio
import math
import threading
from typing import Any

import pytest

from hessianfree_lab.records import Run
from hessianfree_lab.records.spaces import Dimension
from hessianfree_lab.store import Store
from hessianfree_lab.sweeps.driver import TPE_PARALLEL, Driver
from server.makers import announcement, batch, step, sweep
from server.sweeps.trainer import Trainer

DAMPING = "optimizer_params.damping"
RANGE = {DAMPING: {"low": 1e-3, "high": 1e3, "log": True}}


def loss(run: Run) -> float:
    return abs(math.log10(run.spec["optimizer_params"]["damping"]))


@pytest.fixture
def trainer(store: Store) -> Trainer:
    return Trainer(store, loss)


def begun(store: Store, total: int = 3, **changes: Any) -> str:
    made, _ = store.sweeps.add(sweep(**changes), total=total)
    return made.id


def search(method: str, trials: int) -> dict[str, Any]:
    return {"method": method, "trials": trials, "space": RANGE}


def counts(store: Store, sweep_id: str) -> dict[str, int]:
    return {state: count for state, count in store.sweeps.get(sweep_id).trials.items() if count}


def test_a_grid_is_queued_at_once_and_ends_with_its_last_trial(store: Store, trainer: Trainer) -> None:
    sweep_id, driver = begun(store), Driver(store)
    driver.look()
    assert counts(store, sweep_id) == {"queued": 3}
    trainer.train(2)
    driver.look()
    assert store.sweeps.get(sweep_id).state == "running"
    trainer.train()
    driver.look()
    ended = store.sweeps.get(sweep_id)
    assert (ended.state, counts(store, sweep_id)) == ("completed", {"completed": 3})
    assert ended.best is not None
    assert (ended.best.params, ended.best.value) == ({DAMPING: 1.0}, 0.0)


def test_no_more_are_open_than_was_asked_for(store: Store, trainer: Trainer) -> None:
    sweep_id, driver = begun(store, parallel=2), Driver(store)
    driver.look()
    assert counts(store, sweep_id) == {"queued": 2}
    trainer.train(1)
    driver.look()
    assert counts(store, sweep_id) == {"queued": 2, "completed": 1}


def test_an_estimator_has_few_at_a_time_and_learns_from_those_that_have_ended(
    store: Store, trainer: Trainer
) -> None:
    sweep_id, driver = begun(store, total=40, search=search("tpe", 40)), Driver(store)
    driver.look()
    assert counts(store, sweep_id) == {"queued": TPE_PARALLEL}
    for _ in range(40):
        trainer.train(1)
        driver.look()
    ended = store.sweeps.get(sweep_id)
    assert (ended.state, counts(store, sweep_id)) == ("completed", {"completed": 40})
    # Within half a decade of the best damping, of six decades: of trials drawn at random a sixth are there.
    late = [trial.value for trial in store.sweeps.trials(sweep_id)[20:]]
    assert sum(value is not None and value < 0.5 for value in late) > 2 / 6 * len(late)


def test_a_restart_changes_nothing(store: Store) -> None:
    """What is proposed depends on what is stored alone: a new driver goes on as the old one would have."""

    def whole(drivers: int) -> list[Any]:
        sweep_id = begun(store, total=16, search=search("tpe", 16), parallel=1)
        trainer = Trainer(store, loss)
        known = [Driver(store) for _ in range(drivers)]
        for number in range(16):
            (Driver(store) if drivers == 0 else known[number % drivers]).look()
            trainer.train()
        return [trial.params for trial in store.sweeps.trials(sweep_id)]

    assert whole(1) == whole(0) == whole(2)


def test_two_drivers_at_once_queue_every_trial_once(store: Store) -> None:
    sweep_id = begun(store, total=40, search=search("random", 40))
    drivers = [threading.Thread(target=Driver(store).look) for _ in range(4)]
    for thread in drivers:
        thread.start()
    for thread in drivers:
        thread.join()
    assert [trial.number for trial in store.sweeps.trials(sweep_id)] == list(range(40))
    assert {len(trial.runs) for trial in store.sweeps.trials(sweep_id)} == {1}


def test_it_stops_when_a_trial_is_good_enough(store: Store, trainer: Trainer) -> None:
    objective = {"target": 0.5}
    space = {DAMPING: [10.0, 100.0, 1.0, 0.1]}
    sweep_id = begun(store, 4, search={"method": "grid", "space": space}, objective=objective)
    driver = Driver(store)
    driver.look()
    trainer.train(2)
    driver.look()
    assert store.sweeps.get(sweep_id).state == "running"
    trainer.train(1)
    driver.look()
    ended = store.sweeps.get(sweep_id)
    assert (ended.state, ended.reached_target) == ("completed", True)
    assert counts(store, sweep_id) == {"completed": 3, "cancelled": 1}


def test_failed_trials_count_and_do_not_stop_the_sweep(store: Store) -> None:
    sweep_id, driver = begun(store), Driver(store)
    driver.look()
    Trainer(store, lambda run: None if loss(run) > 0 else 0.0).train()
    driver.look()
    assert store.sweeps.get(sweep_id).state == "completed"
    assert counts(store, sweep_id) == {"completed": 1, "failed": 2}


def test_each_configuration_is_run_with_every_seed(store: Store, trainer: Trainer) -> None:
    sweep_id, driver = begun(store, seeds=[5, 6, 7], parallel=1), Driver(store)
    for _ in range(3):
        driver.look()
        assert [run.seed for run in store.sweeps.trials(sweep_id)[-1].runs] == [5, 6, 7]
        assert len(store.queue().items) == 3
        trainer.train()
    driver.look()
    assert counts(store, sweep_id) == {"completed": 3}


def test_a_cancelled_sweep_gets_no_more_trials(store: Store, trainer: Trainer) -> None:
    sweep_id, driver = begun(store, parallel=1), Driver(store)
    driver.look()
    store.sweeps.cancel(sweep_id)
    driver.look()
    assert counts(store, sweep_id) == {"cancelled": 1}


def test_a_sweep_that_cannot_be_driven_does_not_hold_up_the_others(store: Store) -> None:
    base = sweep()
    # An endless grid, such as only an older version could have let in.
    odd = base.model_copy(
        update={"search": base.search.model_copy(update={"space": {DAMPING: Dimension(low=0.1, high=1)}})}
    )
    broken, _ = store.sweeps.add(odd, total=3)
    sweep_id = begun(store)
    Driver(store).look()
    assert counts(store, sweep_id) == {"queued": 3}
    assert counts(store, broken.id) == {}
    failed = store.sweeps.get(broken.id)
    assert (failed.state, store.sweeps.get(sweep_id).error) == ("failed", None)
    assert failed.error == f"No more trials could be made: A grid over {DAMPING} has no end."
    assert [running.id for running in store.sweeps.running()] == [sweep_id]


def test_a_look_that_fails_is_not_the_last_one(store: Store) -> None:
    sweep_id = begun(store)
    looks = 0

    class Forgetful:
        """A store that fails as none should when it is asked for its sweeps for the first time."""

        def __init__(self) -> None:
            self.sweeps = self

        def running(self) -> Any:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise RuntimeError("nobody has thought of this")
            return store.sweeps.running()

        def __getattr__(self, name: str) -> Any:
            return getattr(store.sweeps, name)

    async def drive() -> None:
        async def until_queued(_: float) -> None:
            if counts(store, sweep_id) == {"queued": 3}:
                raise asyncio.CancelledError

        await Driver(Forgetful()).run(until_queued)  # type: ignore[arg-type]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(drive())
    assert looks > 1


def test_a_trial_under_way_is_still_open(store: Store) -> None:
    sweep_id, driver = begun(store, parallel=1), Driver(store)
    driver.look()
    worker = store.add_worker(announcement())
    assignment = store.claim_job(worker)
    assert assignment is not None
    store.append(assignment.run, batch(step(1, loss=0.1)))
    driver.look()
    assert counts(store, sweep_id) == {"running": 1}
