"""Sweeps: what a store keeps of them, and what it makes of their runs."""

import math
import threading
from typing import Any

import pytest

from hessianfree_lab.errors import SweepNotFound, WrongState
from hessianfree_lab.records import RunChanges
from hessianfree_lab.records.sweeps import SweepSpec, Trial
from hessianfree_lab.store import Store
from hessianfree_lab.store.interface import SWEEPS
from hessianfree_lab.store.sweeps import NewTrial
from server.makers import batch, finish, spec, step, sweep

DAMPING = "optimizer_params.damping"


def new_trial(number: int, *, seeds: tuple[int, ...] = (0,), damping: float = 1.0) -> NewTrial:
    jobs = [
        spec(name=f"trial {number}", seed=seed, optimizer_params={"damping": damping}, tags=["tuned"])
        for seed in seeds
    ]
    return NewTrial(number=number, params={DAMPING: damping}, jobs=jobs)


def begun(store: Store, *trials: NewTrial, **changes: Any) -> str:
    """A sweep with these trials."""
    made, _ = store.sweeps.add(sweep(**changes), total=3)
    if trials:
        assert store.sweeps.add_trials(made.id, trials)
    return made.id


def train(store: Store, worker: str, *values: float, state: str = "completed", **end: Any) -> str:
    """The next job of the queue, to its end."""
    assignment = store.claim_job(worker)
    assert assignment is not None
    records = [step(number, loss=value) for number, value in enumerate(values, start=1)]
    store.append(assignment.run, batch(*records))
    store.finish(assignment.run, finish(state, **end))
    return assignment.run


def outcomes(store: Store, sweep_id: str) -> list[tuple[str, float | None]]:
    return [(trial.state, trial.value) for trial in store.sweeps.trials(sweep_id)]


class SweepContract:
    def test_a_sweep_is_as_it_was_asked_for(self, store: Store) -> None:
        asked = sweep(name="mine", seeds=[1, 2], objective={"metric": "eval_loss", "goal": "maximize"})
        made, is_new = store.sweeps.add(asked, total=7)
        assert is_new
        assert store.sweeps.get(made.id) == made
        assert (made.name, made.state, made.total, made.spec) == ("mine", "running", 7, asked)
        assert set(made.trials.values()) == {0}
        assert made.best is None
        assert [sweep.id for sweep in store.sweeps.running()] == [made.id]

    def test_whole_numbers_and_others_stay_what_they_are(self, store: Store) -> None:
        space = {"a.b": {"low": 1, "high": 9}, "a.c": {"low": 1.0, "high": 9.0}, "a.d": [1, 1.5, "x", None]}
        made, _ = store.sweeps.add(sweep(search={"method": "random", "space": space}), total=1)
        kept = store.sweeps.get(made.id).spec.search.space
        assert [type(kept[path].low) for path in ("a.b", "a.c")] == [int, float]
        assert kept["a.d"].choices == [1, 1.5, "x", None]

    def test_the_same_key_is_the_same_sweep(self, store: Store) -> None:
        first, _ = store.sweeps.add(sweep(), total=3, idempotency_key="k")
        again, is_new = store.sweeps.add(sweep(name="other"), total=5, idempotency_key="k")
        assert (again.id, again.name, is_new) == (first.id, first.name, False)

    def test_the_newest_come_first_page_by_page(self, store: Store) -> None:
        ids = [begun(store) for _ in range(3)]
        page = store.sweeps.page(limit=2)
        assert [item.id for item in page.items] == [ids[2], ids[1]]
        rest = store.sweeps.page(limit=2, cursor=page.next_cursor)
        assert ([item.id for item in rest.items], rest.next_cursor) == ([ids[0]], None)

    def test_trials_become_jobs_that_know_where_they_belong(self, store: Store, worker: str) -> None:
        other, _ = store.add_job(spec())
        sweep_id = begun(store, new_trial(0, seeds=(3, 4)), new_trial(1))
        queued = store.queue().items
        assert [run.sweep for run in queued] == [None, sweep_id, sweep_id, sweep_id]
        assert [run.spec["seed"] for run in queued[1:]] == [3, 4, 0]
        assert queued[1].tags == ["tuned"]
        colours = [run.colour for run in queued]
        assert colours == list(range(other.colour, other.colour + 4))
        first, second = store.sweeps.trials(sweep_id)
        assert [(run.id, run.seed) for run in first.runs] == [(queued[1].id, 3), (queued[2].id, 4)]
        assert (second.number, second.params, second.state) == (1, {DAMPING: 1.0}, "queued")
        events = [event.data["id"] for event in store.events(0) if event.kind == "run"]
        assert set(events) >= {run.id for run in queued}

    def test_a_number_is_given_once(self, store: Store) -> None:
        sweep_id = begun(store, new_trial(0))
        assert not store.sweeps.add_trials(sweep_id, [new_trial(1), new_trial(0)])
        assert [trial.number for trial in store.sweeps.trials(sweep_id)] == [0]
        assert len(store.queue().items) == 1

    def test_of_two_at_once_one_gives_the_number(self, store: Store) -> None:
        sweep_id = begun(store)
        answers: list[bool] = []
        together = threading.Barrier(4)

        def give() -> None:
            together.wait()
            answers.append(store.sweeps.add_trials(sweep_id, [new_trial(0)]))

        threads = [threading.Thread(target=give) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [False, False, False, True]
        assert len(store.queue().items) == 1

    def test_a_trial_is_worth_the_median_of_its_seeds(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0, seeds=(0, 1, 2)))
        train(store, worker, 9.0, 5.0)
        assert outcomes(store, sweep_id) == [("running", None)]
        train(store, worker, 1.0, 7.0)
        middle = train(store, worker, 2.0, 6.0)
        assert outcomes(store, sweep_id) == [("completed", 6.0)]
        best = store.sweeps.get(sweep_id).best
        assert best is not None
        assert (best.number, best.value, best.run, best.params) == (0, 6.0, middle, {DAMPING: 1.0})

    @pytest.mark.parametrize(
        ("objective", "values", "value"),
        [
            ({"at": "last"}, [3.0, 1.0, 2.0], 2.0),
            ({"at": "best"}, [3.0, 1.0, 2.0], 1.0),
            ({"at": "best", "goal": "maximize"}, [1.0, 3.0, 2.0], 3.0),
        ],
    )
    def test_the_objective_says_which_value_counts(
        self, store: Store, worker: str, objective: dict[str, str], values: list[float], value: float
    ) -> None:
        sweep_id = begun(store, new_trial(0), objective=objective)
        train(store, worker, *values)
        assert outcomes(store, sweep_id) == [("completed", value)]

    @pytest.mark.parametrize(("goal", "number"), [("minimize", 1), ("maximize", 0)])
    def test_the_best_is_the_least_or_the_greatest(
        self, store: Store, worker: str, goal: str, number: int
    ) -> None:
        sweep_id = begun(store, new_trial(0), new_trial(1), objective={"goal": goal})
        train(store, worker, 2.0)
        train(store, worker, 1.0)
        best = store.sweeps.get(sweep_id).best
        assert best is not None
        assert best.number == number

    def test_failed_and_diverged_trials_are_failed(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, *(new_trial(number) for number in range(3)))
        train(store, worker, 1.0, state="failed", cause="error")
        train(store, worker, 1.0, math.nan, state="failed", cause="diverged")
        train(store, worker, 1.0, math.inf)  # completed, for what that is worth
        assert outcomes(store, sweep_id) == [("failed", None)] * 3
        assert store.sweeps.get(sweep_id).trials["failed"] == 3
        assert store.sweeps.get(sweep_id).best is None
        assert not any(trial.is_uninformative for trial in store.sweeps.trials(sweep_id))

    @pytest.mark.parametrize(("failed", "state"), [(1, "completed"), (2, "failed")])
    def test_a_minority_of_failed_seeds_does_not_fail_the_trial(
        self, store: Store, worker: str, failed: int, state: str
    ) -> None:
        sweep_id = begun(store, new_trial(0, seeds=(0, 1, 2)))
        for number in range(3):
            train(store, worker, 1.0, state="failed" if number < failed else "completed")
        assert outcomes(store, sweep_id)[0][0] == state

    def test_a_lost_worker_says_nothing_of_the_parameters(
        self, store: Store, worker: str, clock: Any
    ) -> None:
        seeds = [spec(max_attempts=1, seed=seed) for seed in (0, 1)]
        sweep_id = begun(store, NewTrial(number=0, params={}, jobs=seeds))
        killed, _ = store.claim_job(worker), store.claim_job(worker)
        assert killed is not None
        store.finish(killed.run, finish("interrupted", cause="killed"))
        clock.advance(60)
        store.reap(clock.now)
        (trial,) = store.sweeps.trials(sweep_id)
        assert [run.cause for run in trial.runs] == ["killed", "lost"]
        assert (trial.state, trial.is_uninformative) == ("failed", True)

    def test_a_run_that_is_tried_again_is_right_in_its_sweep_at_once(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0))
        run = train(store, worker, 1.0, state="failed")
        store.requeue(run, from_scratch=True)
        assert outcomes(store, sweep_id) == [("queued", None)]
        store.claim_job(worker)
        store.append(run, batch(step(1, loss=0.5), attempt=2))
        store.finish(run, finish(attempt=2))
        assert outcomes(store, sweep_id) == [("completed", 0.5)]

    def test_cancelled_and_deleted_runs_do_not_count(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0, seeds=(0, 1)), new_trial(1))
        train(store, worker, 4.0)
        other, lone = (run.id for run in store.queue().items)
        store.request_cancel(other)
        store.remove_run(lone)
        assert outcomes(store, sweep_id) == [("completed", 4.0), ("cancelled", None)]

    def test_cancelling_ends_what_is_queued_and_tells_what_runs(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0), new_trial(1), new_trial(2))
        other, _ = store.add_job(spec())
        done = train(store, worker, 1.0)
        running = store.claim_job(worker)
        assert running is not None
        cancelled = store.sweeps.cancel(sweep_id)
        assert (cancelled.state, cancelled.ended_at is not None) == ("cancelled", True)
        assert [trial.state for trial in store.sweeps.trials(sweep_id)] == [
            "completed",
            "running",
            "cancelled",
        ]
        assert store.get_run(running.run).stop_requested
        assert store.get_run(other.id).state == "queued"
        assert store.get_run(done).state == "completed"
        assert not store.sweeps.add_trials(sweep_id, [new_trial(3)])
        with pytest.raises(WrongState, match="is cancelled: it cannot be cancelled"):
            store.sweeps.cancel(sweep_id)
        assert store.sweeps.running() == []

    def test_completing_once_is_enough(self, store: Store, clock: Any) -> None:
        sweep_id = begun(store, new_trial(0))
        ended = store.sweeps.complete(sweep_id)
        assert (ended.state, ended.trials["cancelled"]) == ("completed", 1)
        clock.advance(5)
        assert store.sweeps.complete(sweep_id) == ended

    def test_a_removed_sweep_leaves_its_runs(self, store: Store) -> None:
        sweep_id = begun(store, new_trial(0))
        with pytest.raises(WrongState, match="cancel it before it is removed"):
            store.sweeps.remove(sweep_id)
        store.sweeps.cancel(sweep_id)
        (run,) = (trial.runs[0].id for trial in store.sweeps.trials(sweep_id))
        store.sweeps.remove(sweep_id)
        assert store.get_run(run).sweep is None
        for ask in (store.sweeps.get, store.sweeps.trials, store.sweeps.remove, store.sweeps.cancel):
            with pytest.raises(SweepNotFound, match=sweep_id):
                ask(sweep_id)

    def test_whoever_drives_sweeps_hears_of_them(self, store: Store, worker: str) -> None:
        heard: list[bool] = []
        store.subscribe(lambda topics: heard.append(SWEEPS in topics))

        def hears(act: Any, *arguments: Any, **more: Any) -> bool:
            heard.clear()
            act(*arguments, **more)
            return any(heard)

        other, _ = store.add_job(spec())
        sweep_id = begun(store, new_trial(0), new_trial(1))
        assert hears(begun, store)
        assert not hears(store.request_cancel, other.id)
        assert hears(train, store, worker, 1.0)
        (_, second) = store.sweeps.trials(sweep_id)
        assert not hears(store.change_run, second.runs[0].id, RunChanges(notes="x"))
        assert hears(store.request_cancel, second.runs[0].id)
        assert hears(store.remove_run, second.runs[0].id)

    def test_readers_are_told_that_a_sweep_has_changed(self, store: Store) -> None:
        sweep_id = begun(store)
        before = store.last_event_id()
        store.sweeps.add_trials(sweep_id, [new_trial(0)])
        store.sweeps.complete(sweep_id)
        told = [event.data for event in store.events(before) if event.kind == "sweep"]
        assert told == [{"sweep": sweep_id}]

    def test_the_study_is_what_is_searched_with_all_trials(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0), new_trial(1))
        train(store, worker, 1.0)
        spec, trials = store.sweeps.study(sweep_id)
        assert spec == store.sweeps.get(sweep_id).spec
        assert trials == store.sweeps.trials(sweep_id)
        assert isinstance(spec, SweepSpec)
        assert all(isinstance(trial, Trial) for trial in trials)

    def test_what_was_asked_of_cancelled_runs_is_never_done(self, store: Store, worker: str) -> None:
        sweep_id = begun(store, new_trial(0), new_trial(1))
        running, queued = (trial.runs[0].id for trial in store.sweeps.trials(sweep_id))
        other, _ = store.add_job(spec())
        store.claim_job(worker)
        for run in (running, queued, other.id):
            store.request_set(run, {"damping": 0.5})
        store.sweeps.cancel(sweep_id)
        asked = [store.controls(run)[0].error for run in (running, queued, other.id)]
        assert asked == [None, "The run ended before it could take effect.", None]
