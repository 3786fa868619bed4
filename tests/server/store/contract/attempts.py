"""What every store must do with attempts: fences, ends, leases, workers that leave."""

from datetime import timedelta

import pytest

from hessianfree_lab.errors import InvalidRequest, StaleAttempt, WorkerNotFound
from hessianfree_lab.records import DeviceLoad, HeldRun, ScriptRun
from hessianfree_lab.store import Store
from server.makers import announcement, finish, spec, steps
from server.store.clock import Clock

LEASE_SECONDS = 20.0


class AttemptContract:
    @pytest.mark.parametrize("attempt", [1, 3])
    def test_writes_of_another_attempt_are_fenced(
        self, store: Store, run: str, worker: str, attempt: int
    ) -> None:
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        for write in (
            lambda: store.append(run, steps(1, 3, attempt)),
            lambda: store.finish(run, finish(attempt=attempt)),
        ):
            with pytest.raises(StaleAttempt, match="not its current one, which is 2") as caught:
                write()
            assert caught.value.state == "running"
        assert store.series(run, ["loss"]).total == 0

    @pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "interrupted"])
    def test_writes_of_an_ended_attempt_are_fenced(self, store: Store, run: str, state: str) -> None:
        ended = store.finish(run, finish(state))
        for write in (lambda: store.append(run, steps(1, 3)), lambda: store.finish(run, finish(state))):
            with pytest.raises(StaleAttempt) as caught:
                write()
            assert caught.value.state == ended.state
        assert store.series(run, ["loss"]).total == 0

    @pytest.mark.parametrize(
        ("state", "cause", "expected"),
        [
            ("completed", None, ("completed", None)),
            ("cancelled", None, ("cancelled", None)),
            ("failed", "diverged", ("failed", "diverged")),
            ("failed", "out_of_memory", ("failed", "out_of_memory")),
            ("failed", None, ("failed", "error")),
            ("failed", "killed", ("failed", "killed")),
            ("failed", "storage", ("failed", "storage")),
            ("interrupted", None, ("queued", None)),
            ("interrupted", "killed", ("queued", None)),
            ("interrupted", "device", ("queued", None)),
        ],
    )
    def test_an_attempt_ends_as_it_says(
        self,
        store: Store,
        run: str,
        clock: Clock,
        state: str,
        cause: str | None,
        expected: tuple[str, str | None],
    ) -> None:
        ended = store.finish(run, finish(state, cause=cause))
        assert (ended.state, ended.cause) == expected
        assert ended.ended_at == (None if state == "interrupted" else clock.now)

    def test_only_a_failure_has_a_cause(self, store: Store, run: str) -> None:
        with pytest.raises(InvalidRequest, match="only a failed attempt has one"):
            store.finish(run, finish("completed", cause="error"))
        with pytest.raises(InvalidRequest, match="only a failed attempt has one"):
            store.finish(run, finish("interrupted", cause="diverged"))
        assert store.get_run(run).state == "running"

    @pytest.mark.parametrize(("said", "cause"), [(None, "lost"), ("killed", "killed"), ("device", "device")])
    def test_interruptions_are_tried_again_until_attempts_run_out(
        self, store: Store, run: str, worker: str, said: str | None, cause: str
    ) -> None:
        for attempt in (1, 2):
            assert store.finish(run, finish("interrupted", attempt=attempt, cause=said)).state == "queued"
            assert store.claim_job(worker) is not None
        last = store.finish(run, finish("interrupted", attempt=3, cause=said))
        assert (last.state, last.cause) == ("failed", cause)
        assert [attempt.cause for attempt in store.attempts(run)] == [said] * 3

    def test_a_cancelled_run_is_not_tried_again(self, store: Store, run: str, worker: str) -> None:
        store.request_cancel(run)
        ended = store.finish(run, finish("interrupted"))
        assert (ended.state, ended.cause, ended.stop_requested) == ("cancelled", None, False)

    def test_a_run_that_ends_by_itself_before_it_is_stopped_has_its_own_end(
        self, store: Store, run: str
    ) -> None:
        store.request_cancel(run)
        assert store.finish(run, finish("completed")).state == "completed"

    def test_a_lease_that_runs_out_is_lost(self, store: Store, run: str, worker: str, clock: Clock) -> None:
        clock.advance(LEASE_SECONDS / 2)
        assert self._reap(store, clock) == []
        clock.advance(LEASE_SECONDS)
        assert store.get_run(run).stale
        assert self._reap(store, clock) == [run]
        lost = store.get_run(run)
        assert (lost.state, lost.attempt, lost.stale) == ("queued", 1, False)
        assert self._reap(store, clock) == []
        with pytest.raises(StaleAttempt):
            store.append(run, steps(1, 1))
        again = store.claim_job(worker)
        assert again is not None
        assert again.attempt == 2
        drop = store.heartbeat(worker, [HeldRun(run=run, attempt=1), HeldRun(run=run, attempt=2)])
        assert [(command.attempt, command.kind) for command in drop] == [(1, "drop")]

    def test_losing_the_last_attempt_fails_the_run(self, store: Store, worker: str, clock: Clock) -> None:
        run, _ = store.add_job(spec(max_attempts=1))
        store.claim_job(worker)
        clock.advance(LEASE_SECONDS + 1)
        self._reap(store, clock)
        lost = store.get_run(run.id)
        assert (lost.state, lost.cause) == ("failed", "lost")
        assert lost.error == "Nothing was heard of attempt 1 for 21 seconds."

    def test_losing_an_attempt_that_was_to_stop_cancels_the_run(
        self, store: Store, run: str, clock: Clock
    ) -> None:
        store.request_cancel(run)
        clock.advance(LEASE_SECONDS + 1)
        self._reap(store, clock)
        assert store.get_run(run).state == "cancelled"

    @pytest.mark.parametrize("sign", ["heartbeat", "records"])
    def test_a_sign_of_life_renews_the_lease(
        self, store: Store, run: str, worker: str, clock: Clock, sign: str
    ) -> None:
        for _ in range(4):
            clock.advance(LEASE_SECONDS * 0.7)
            if sign == "heartbeat":
                assert store.heartbeat(worker, [HeldRun(run=run, attempt=1)]) == []
            else:
                store.append(run, steps(1, 1))
            assert self._reap(store, clock) == []
        assert store.get_run(run).state == "running"

    def test_scripts_have_no_lease(self, store: Store, clock: Clock) -> None:
        run = store.add_script_run(ScriptRun(name="mine", steps=50, tags=["t"], config={"rate": 0.1}))
        assert (run.kind, run.state, run.attempt, run.worker) == ("script", "running", 1, None)
        assert run.spec == {"problem": "script", "optimizer": "script", "config": {"rate": 0.1}}
        before = store.last_event_id()
        clock.advance(LEASE_SECONDS + 1)
        assert self._reap(store, clock) == []
        assert store.get_run(run.id).stale
        assert [event.data["stale"] for event in store.events(before) if event.kind == "run"] == [True]
        before = store.last_event_id()
        assert self._reap(store, clock) == []
        assert store.last_event_id() == before
        store.append(run.id, steps(1, 1))
        assert not store.get_run(run.id).stale
        assert store.finish(run.id, finish()).state == "completed"

    def test_what_a_leaving_worker_holds_is_interrupted(self, store: Store, run: str, worker: str) -> None:
        store.remove_worker(worker)
        assert store.get_run(run).state == "queued"
        assert [(w.state, w.runs) for w in store.workers()] == [("gone", [])]
        for call in (
            lambda: store.claim_job(worker),
            lambda: store.heartbeat(worker, []),
            lambda: store.remove_worker(worker),
        ):
            with pytest.raises(WorkerNotFound):
                call()
        other = store.add_worker(announcement())
        again = store.claim_job(other)
        assert again is not None
        assert (again.run, again.attempt) == (run, 2)

    def test_a_silent_worker_is_gone_until_it_is_heard_again(
        self, store: Store, worker: str, clock: Clock
    ) -> None:
        clock.advance(LEASE_SECONDS + 1)
        before = store.last_event_id()
        self._reap(store, clock)
        assert [w.state for w in store.workers()] == ["gone"]
        assert [event.kind for event in store.events(before)] == ["workers"]
        before = store.last_event_id()
        self._reap(store, clock)
        assert store.last_event_id() == before
        store.heartbeat(worker, [])
        assert [w.state for w in store.workers()] == ["idle"]
        assert [event.kind for event in store.events(before)] == ["workers"]
        clock.advance(timedelta(days=2).total_seconds())
        assert store.workers() == []

    def test_a_worker_that_lives_shows_what_its_devices_were_busy_with_last(
        self, store: Store, worker: str, clock: Clock
    ) -> None:
        load = DeviceLoad(device="cpu", utilisation=0.5)
        store.heartbeat(worker, [], [DeviceLoad(device="cpu", utilisation=0.1)])
        store.heartbeat(worker, [], [load])
        store.claim_job(worker)  # says nothing of it
        assert [w.load for w in store.workers()] == [[load]]
        clock.advance(LEASE_SECONDS + 1)
        assert [w.load for w in store.workers()] == [[]]

    def test_another_workers_attempt_is_to_be_dropped(self, store: Store, run: str) -> None:
        other = store.add_worker(announcement(name="other"))
        commands = store.heartbeat(other, [HeldRun(run=run, attempt=1), HeldRun(run="nothing", attempt=1)])
        assert [command.kind for command in commands] == ["drop", "drop"]

    @staticmethod
    def _reap(store: Store, clock: Clock) -> list[str]:
        return [lost.run for lost in store.reap(clock.now - timedelta(seconds=LEASE_SECONDS))]
