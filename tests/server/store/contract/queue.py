"""What every store must do with jobs: queue, claim, cancel, retry."""

import threading
from datetime import timedelta

import pytest

from hessianfree_lab.errors import InvalidRequest, RunNotFound, WorkerNotFound, WrongState
from hessianfree_lab.records import FinishRequest, HeldRun, ScriptRun
from hessianfree_lab.store import Store
from server.makers import (
    announcement,
    batch,
    finish,
    line,
    problem,
    spec,
    spectrum,
    step,
    steps,
    trace,
)
from server.store.clock import Clock

LEASE_SECONDS = 20.0


class QueueContract:
    def test_a_new_job_is_queued_under_a_name_of_its_own(self, store: Store) -> None:
        run, is_new = store.add_job(spec(tags=["a", "b", "a"], notes="n", priority=3, max_attempts=2))
        assert is_new
        assert (run.state, run.attempt, run.max_attempts, run.priority) == ("queued", 0, 2, 3)
        assert run.name == "hessianfree on bowl"
        assert run.tags == ["a", "b"]
        assert run.spec["problem"] == "bowl"
        assert run.progress.steps == 100
        assert store.get_run(run.id) == run

    def test_an_idempotency_key_stands_for_one_run(self, store: Store) -> None:
        first, _ = store.add_job(spec(), idempotency_key="k")
        again, is_new = store.add_job(spec(name="other"), idempotency_key="k")
        other, other_is_new = store.add_job(spec(), idempotency_key="l")
        assert (again.id, is_new) == (first.id, False)
        assert other.id != first.id
        assert other_is_new
        store.remove_run(first.id)
        assert store.add_job(spec(), idempotency_key="k")[1]

    def test_a_scripts_run_has_a_key_and_its_own_times(self, store: Store, clock: Clock) -> None:
        began, ended = clock() - timedelta(hours=2), clock() - timedelta(hours=1)
        script = ScriptRun(name="told later", started_at=began)
        run = store.add_script_run(script, idempotency_key="s")
        assert store.add_script_run(ScriptRun(name="other"), idempotency_key="s").id == run.id
        assert (run.started_at, run.created_at) == (began, clock())
        done = store.finish(run.id, FinishRequest(state="completed", ended_at=ended))
        assert (done.ended_at, store.attempts(run.id)[0].ended_at) == (ended, ended)

    def test_nothing_begins_or_ends_after_now_nor_ends_before_it_began_and_a_job_ends_now(
        self, store: Store, clock: Clock, run: str
    ) -> None:
        later, earlier = clock() + timedelta(days=1), clock() - timedelta(days=1)
        set_back = store.add_script_run(ScriptRun(name="the clock was set back"))
        assert (
            store.finish(set_back.id, FinishRequest(state="completed", ended_at=earlier)).ended_at == clock()
        )
        script = store.add_script_run(ScriptRun(name="from tomorrow", started_at=later))
        assert script.started_at == clock()
        assert store.finish(script.id, FinishRequest(state="completed", ended_at=later)).ended_at == clock()
        with pytest.raises(InvalidRequest, match="only a script's run"):
            store.finish(run, FinishRequest(state="completed", ended_at=clock()))

    def test_jobs_are_claimed_by_priority_then_age(self, store: Store, worker: str) -> None:
        low, _ = store.add_job(spec(priority=-1))
        first, _ = store.add_job(spec())
        second, _ = store.add_job(spec())
        high, _ = store.add_job(spec(priority=5))
        expected = [high.id, first.id, second.id, low.id]
        assert [run.id for run in store.queue().items] == expected
        claimed = [store.claim_job(worker) for _ in expected]
        assert [assignment.run for assignment in claimed if assignment] == expected
        assert store.claim_job(worker) is None
        assert [run.id for run in store.queue().items] == expected

    def test_a_claim_starts_an_attempt(self, store: Store, worker: str, clock: Clock) -> None:
        run, _ = store.add_job(spec(name="mine"))
        assignment = store.claim_job(worker)
        assert assignment is not None
        assert (assignment.run, assignment.name, assignment.attempt) == (run.id, "mine", 1)
        assert assignment.spec == spec(name="mine")
        assert assignment.since_attempt == 1
        claimed = store.get_run(run.id)
        assert (claimed.state, claimed.attempt, claimed.worker) == ("running", 1, worker)
        assert claimed.started_at == clock.now
        assert [(w.state, w.runs) for w in store.workers()] == [("busy", [run.id])]

    def test_claims_at_once_never_get_the_same_job(self, store: Store) -> None:
        jobs, claimers = 24, 6
        for _ in range(jobs):
            store.add_job(spec())
        workers = [store.add_worker(announcement(name=f"w{number}")) for number in range(claimers)]
        claimed: list[str] = []
        start = threading.Barrier(claimers)

        def claim(worker: str) -> None:
            start.wait()
            while assignment := store.claim_job(worker):
                claimed.append(assignment.run)

        threads = [threading.Thread(target=claim, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(claimed) == len(set(claimed)) == jobs

    def test_an_unknown_worker_claims_nothing(self, store: Store) -> None:
        store.add_job(spec())
        with pytest.raises(WorkerNotFound, match="register again"):
            store.claim_job("nobody")

    def test_priority_changes_while_queued_only(self, store: Store, worker: str) -> None:
        run, _ = store.add_job(spec())
        assert store.set_priority(run.id, 7).priority == 7
        store.claim_job(worker)
        with pytest.raises(WrongState) as caught:
            store.set_priority(run.id, 8)
        assert caught.value.state == "running"

    def test_a_queued_job_is_cancelled_at_once(self, store: Store, worker: str, clock: Clock) -> None:
        run, _ = store.add_job(spec())
        cancelled = store.request_cancel(run.id)
        assert (cancelled.state, cancelled.ended_at) == ("cancelled", clock.now)
        assert store.claim_job(worker) is None
        with pytest.raises(WrongState, match="cancelled") as caught:
            store.request_cancel(run.id)
        assert caught.value.state == "cancelled"

    def test_a_running_job_is_asked_to_stop(self, store: Store, worker: str) -> None:
        run, _ = store.add_job(spec())
        store.claim_job(worker)
        for _ in range(2):
            asked = store.request_cancel(run.id)
            assert (asked.state, asked.stop_requested) == ("running", True)
        commands = store.heartbeat(worker, [HeldRun(run=run.id, attempt=1)])
        assert [(command.run, command.attempt, command.kind) for command in commands] == [
            (run.id, 1, "cancel")
        ]
        assert store.append(run.id, steps(1, 2)).commands == ["cancel"]
        assert store.finish(run.id, finish("cancelled")).stop_requested is False

    def test_a_script_that_has_gone_silent_is_cancelled_at_once(self, store: Store, clock: Clock) -> None:
        run = store.add_script_run(ScriptRun(name="mine"))
        assert store.request_cancel(run.id).state == "running"
        clock.advance(LEASE_SECONDS + 1)
        assert store.get_run(run.id).stale
        assert store.request_cancel(run.id).state == "cancelled"

    def test_retry_goes_on_with_the_record(self, store: Store, worker: str) -> None:
        run = self._failed(store, worker)
        queued = store.requeue(run, from_scratch=False)
        assert (queued.state, queued.cause, queued.error, queued.ended_at) == ("queued", None, None, None)
        assert (queued.attempt, queued.max_attempts) == (1, 4)
        assert queued.progress.step == 5
        again = store.claim_job(worker)
        assert again is not None
        assert (again.attempt, again.since_attempt) == (2, 1)

    def test_restart_begins_with_nothing(self, store: Store, worker: str) -> None:
        run = self._failed(store, worker)
        queued = store.requeue(run, from_scratch=True)
        assert (queued.progress.step, queued.summary) == (0, {})
        assert store.series(run, ["loss"]).total == 0
        assert store.logs(run) == []
        assert store.spectrum_steps(run) == []
        again = store.claim_job(worker)
        assert again is not None
        assert (again.attempt, again.since_attempt) == (2, 2)
        store.finish(run, finish("interrupted", attempt=2))
        third = store.claim_job(worker)
        assert third is not None
        assert (third.attempt, third.since_attempt) == (3, 2)

    def test_only_ended_jobs_go_back(self, store: Store, worker: str) -> None:
        run, _ = store.add_job(spec())
        script = store.add_script_run(ScriptRun(name="mine"))
        store.finish(script.id, finish())
        for run_id, state in ((run.id, "queued"), (script.id, "completed")):
            with pytest.raises(WrongState) as caught:
                store.requeue(run_id, from_scratch=False)
            assert caught.value.state == state

    def test_the_queue_comes_in_pages(self, store: Store, worker: str) -> None:
        for priority in (0, 2, 1, 2, 0):
            store.add_job(spec(priority=priority))
        store.claim_job(worker)
        whole = [run.id for run in store.queue().items]
        pages, cursor = [], None
        while True:
            page = store.queue(limit=2, cursor=cursor)
            pages.append([run.id for run in page.items])
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [run_id for page in pages for run_id in page] == whole
        assert store.get_run(whole[-1]).state == "running"

    def test_unknown_runs_are_named(self, store: Store) -> None:
        for call in (
            store.request_cancel,
            store.get_run,
            store.remove_run,
            lambda run: store.set_priority(run, 1),
        ):
            with pytest.raises(RunNotFound, match="'nothing'"):
                call("nothing")

    def test_problems_stay_known_in_their_latest_form(self, store: Store) -> None:
        first = store.add_worker(announcement())
        store.add_worker(
            announcement(problems=[problem("bowl", {"type": "object", "title": "new"}), problem("a")])
        )
        store.remove_worker(first)
        assert [info.name for info in store.problems()] == ["a", "bowl"]
        assert store.problems()[1].params_schema["title"] == "new"
        assert [info.name for info in store.optimizers()] == ["adam", "hessianfree"]

    @staticmethod
    def _failed(store: Store, worker: str) -> str:
        run, _ = store.add_job(spec())
        store.claim_job(worker)
        store.append(
            run.id,
            batch(*(step(n) for n in range(1, 6)), cg=[trace(3)], spectra=[spectrum(3)], logs=[line(0)]),
        )
        failed = store.finish(run.id, finish("failed", cause="diverged", error="The loss is NaN."))
        assert (failed.state, failed.cause, failed.error) == ("failed", "diverged", "The loss is NaN.")
        return run.id
