"""What every store must do with what users ask of jobs: pause, resume, set; and with the attempts that do it."""

from datetime import timedelta
from typing import Any

import pytest

from hessianfree_lab.errors import InvalidRequest, StaleAttempt, WrongState
from hessianfree_lab.records import Applied, HeldRun, IngestBatch, ScriptRun, StepRecord
from hessianfree_lab.store import Store
from server.makers import NOON, batch, finish, spec, step, steps
from server.store.clock import Clock

LEASE_SECONDS = 20.0


def done(number: int, step: int = 0, attempt: int = 1, error: str | None = None) -> IngestBatch:
    return batch(attempt=attempt, applied=[Applied(number=number, step=step, at=NOON, error=error)])


class ControlContract:
    def test_a_queued_job_is_paused_and_resumed_at_once(self, store: Store, worker: str) -> None:
        run, _ = store.add_job(spec())
        for _ in range(2):
            paused = store.request_pause(run.id, requested_by="ada")
            assert (paused.state, paused.pause_requested) == ("paused", True)
        assert store.claim_job(worker) is None
        resumed = store.request_resume(run.id)
        assert (resumed.state, resumed.pause_requested) == ("queued", False)
        pause, resume = store.controls(run.id)
        assert (pause.number, pause.kind, pause.requested_by, pause.attempt) == (1, "pause", "ada", None)
        assert (resume.number, resume.kind, resume.requested_by) == (2, "resume", None)
        assert None not in (pause.applied_at, resume.applied_at)
        assert store.claim_job(worker) is not None

    def test_a_running_job_is_paused_when_it_says_so(self, store: Store, run: str, worker: str) -> None:
        for _ in range(2):
            asked = store.request_pause(run)
            assert (asked.state, asked.pause_requested) == ("running", True)
        assert self._told(store, run, worker) == [("pause", 1)]
        assert self._told(store, run, worker) == [("pause", 1)]  # until it has been done
        store.append(run, done(1, step=7))
        assert store.get_run(run).state == "paused"
        assert self._told(store, run, worker) == []
        (control,) = store.controls(run)
        assert (control.attempt, control.step, control.applied_at) == (1, 7, NOON)
        for _ in range(2):
            asked = store.request_resume(run)
            assert (asked.state, asked.pause_requested) == ("paused", False)
        assert self._told(store, run, worker) == [("resume", 2)]
        store.append(run, done(2, step=7))
        store.append(run, done(1, step=7))  # sent again: it is known
        assert store.get_run(run).state == "running"
        store.append(run, steps(1, 8))
        assert store.finish(run, finish()).state == "completed"

    def test_acknowledgements_may_come_in_any_order(self, store: Store, run: str) -> None:
        store.request_pause(run)
        store.request_resume(run)
        store.append(run, done(2))
        store.append(run, done(1))
        assert store.get_run(run).state == "running"

    def test_a_paused_job_keeps_its_lease(self, store: Store, run: str, worker: str, clock: Clock) -> None:
        self._pause(store, run)
        for _ in range(3):
            clock.advance(LEASE_SECONDS * 0.7)
            assert self._told(store, run, worker) == []
            assert self._reap(store, clock) == []
        assert [(w.state, w.runs) for w in store.workers()] == [("busy", [run])]
        assert run in [entry.id for entry in store.queue().items]
        with pytest.raises(WrongState):
            store.remove_run(run)
        store.append(run, steps(1, 1))  # what was made before it paused

    @pytest.mark.parametrize("end", ["lost", "interrupted", "left"])
    @pytest.mark.parametrize("is_paused", [True, False])
    def test_a_job_held_back_stays_so_without_its_attempt(
        self, store: Store, worker: str, clock: Clock, end: str, is_paused: bool
    ) -> None:
        run = store.add_job(spec(max_attempts=1))[0].id
        store.claim_job(worker)
        if is_paused:
            self._pause(store, run)
        else:
            store.request_pause(run)
        if end == "lost":
            clock.advance(LEASE_SECONDS + 1)
            assert self._reap(store, clock) == [run]
        elif end == "left":
            store.remove_worker(worker)
            worker = ""
        else:
            store.finish(run, finish("interrupted"))
        held = store.get_run(run)
        assert (held.state, held.pause_requested, held.stale, held.ended_at) == ("paused", True, False, None)
        assert all(control.applied_at for control in store.controls(run))
        clock.advance(LEASE_SECONDS * 9)
        assert self._reap(store, clock) == []
        with pytest.raises(StaleAttempt):
            store.append(run, steps(1, 1))
        assert store.request_resume(run).state == "queued"
        if worker:
            again = store.claim_job(worker)
            assert again is not None
            assert again.attempt == 2
            assert store.get_run(run).state == "running"

    def test_a_job_about_to_go_on_is_queued_when_its_attempt_is_lost(
        self, store: Store, run: str, clock: Clock
    ) -> None:
        self._pause(store, run)
        store.request_resume(run)
        clock.advance(LEASE_SECONDS + 1)
        self._reap(store, clock)
        assert store.get_run(run).state == "queued"
        assert all(control.applied_at for control in store.controls(run))

    def test_a_paused_job_can_be_cancelled(self, store: Store, run: str, worker: str) -> None:
        self._pause(store, run)
        asked = store.request_cancel(run)
        assert (asked.state, asked.stop_requested) == ("paused", True)
        assert self._told(store, run, worker) == [("cancel", None)]
        ended = store.finish(run, finish("cancelled"))
        assert (ended.state, ended.pause_requested) == ("cancelled", False)
        alone, _ = store.add_job(spec())
        store.request_pause(alone.id)
        assert store.request_cancel(alone.id).state == "cancelled"
        store.remove_run(alone.id)

    def test_a_paused_job_can_die(self, store: Store, run: str) -> None:
        self._pause(store, run)
        failed = store.finish(run, finish("failed", cause="out_of_memory"))
        assert (failed.state, failed.cause, failed.pause_requested) == ("failed", "out_of_memory", False)

    def test_settings_are_told_until_they_are_made(self, store: Store, run: str, worker: str) -> None:
        control = store.request_set(run, {"damping": 0.5, "budget": {"steps": 50}}, requested_by="ada")
        assert (control.number, control.kind, control.requested_by) == (1, "set", "ada")
        for _ in range(2):
            (command,) = store.heartbeat(worker, [HeldRun(run=run, attempt=1)])
            assert (command.kind, command.number) == ("set", 1)
            assert command.settings == {"damping": 0.5, "budget": {"steps": 50}}
        assert store.get_run(run).progress.steps == 100
        before = store.last_event_id()
        store.append(run, done(1, step=12))
        assert [event.data["id"] for event in store.events(before)] == [run]
        assert self._told(store, run, worker) == []
        assert store.get_run(run).progress.steps == 50
        (control,) = store.controls(run)
        assert (control.attempt, control.step, control.applied_at, control.error) == (1, 12, NOON, None)

    def test_settings_that_could_not_be_made_say_why(self, store: Store, run: str, worker: str) -> None:
        store.request_set(run, {"budget": {"steps": 50}})
        store.append(run, done(1, error="It cannot be."))
        assert [control.error for control in store.controls(run)] == ["It cannot be."]
        assert store.get_run(run).progress.steps == 100
        assert self._told(store, run, worker) == []

    def test_the_next_attempt_gets_all_settings(self, store: Store, run: str, worker: str) -> None:
        for damping in (0.5, 0.4, 0.3):
            store.request_set(run, {"damping": damping})
        store.request_pause(run)
        store.append(run, batch(applied=[Applied(number=1, step=3), Applied(number=2, step=3, error="no")]))
        store.finish(run, finish("failed", cause="error"))
        assert [control.error for control in store.controls(run)][2:] == [
            "The run ended before it could take effect."
        ] * 2
        store.requeue(run, from_scratch=False)
        store.request_set(run, {"damping": 0.2})
        assignment = store.claim_job(worker)
        assert assignment is not None
        assert [(c.number, c.step) for c in assignment.controls] == [(1, 3), (5, None)]
        assert self._told(store, run, worker, attempt=2) == [("set", 5)]
        store.finish(run, finish("failed", attempt=2))
        assert store.requeue(run, from_scratch=True).progress.steps == 100
        assert store.controls(run) == []

    def test_the_next_attempt_hears_up_to_which_step_all_are_there(
        self, store: Store, run: str, worker: str
    ) -> None:
        for attempt, (first, last, expected) in enumerate(
            [(2, 3, 0), (1, 1, 1), (2, 4, 4), (7, 9, 4)], start=1
        ):
            store.append(run, steps(first, last, attempt))
            store.finish(run, finish("failed", attempt=attempt))
            store.requeue(run, from_scratch=False)
            assignment = store.claim_job(worker)
            assert assignment is not None
            assert assignment.last_step == expected

    def test_the_next_attempt_hears_which_checkpoints_the_record_went_on_without(
        self, store: Store, run: str, worker: str
    ) -> None:
        """Of each attempt those of steps after the one at which a later one went on."""
        made = [
            (None, 1, {}),
            (6, 7, {1: 6}),
            (4, 5, {2: 4, 1: 4}),
            (8, None, {3: 8, 2: 4, 1: 4}),
            (None, 1, {4: 0, 3: 0, 2: 0, 1: 0}),
        ]
        for attempt, (resumed_from, first, expected) in enumerate(made, start=1):
            records = [] if first is None else [step(number) for number in range(first, first + 10)]
            store.append(run, batch(*records, attempt=attempt, resumed_from=resumed_from))
            store.finish(run, finish("failed", attempt=attempt))
            store.requeue(run, from_scratch=False)
            assignment = store.claim_job(worker)
            assert assignment is not None
            assert assignment.outdated_after == expected

    def test_neither_a_pause_nor_the_time_between_attempts_slows_the_pace(
        self, store: Store, run: str, worker: str
    ) -> None:
        def late(number: int, seconds: float) -> StepRecord:
            return step(number).model_copy(update={"wall_time": NOON + timedelta(seconds=number + seconds)})

        store.append(run, steps(1, 4))
        self._pause(store, run)
        store.request_resume(run)
        store.append(run, done(2, step=4))
        store.append(run, batch(*(late(number, 3600) for number in (5, 6, 7))))
        assert store.get_run(run).progress.eta_seconds == 93  # one step a second
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        taken_over = [late(number, 3600) for number in (8, 9)]
        made = [late(number, 7200) for number in (10, 11, 12)]
        store.append(run, batch(*taken_over, *made, attempt=2, resumed_from=9))
        assert store.get_run(run).progress.eta_seconds == 88

    def test_attempts_can_be_read(self, store: Store, run: str, worker: str, clock: Clock) -> None:
        store.append(run, steps(1, 3))
        clock.advance(5)
        store.finish(run, finish("interrupted", error="The worker was stopped."))
        store.claim_job(worker)
        store.append(run, batch(attempt=2, resumed_from=2))
        store.append(run, steps(3, 4, 2))
        first, second = store.attempts(run)
        assert (first.number, first.worker, first.outcome, first.error) == (
            1,
            worker,
            "interrupted",
            "The worker was stopped.",
        )
        assert first.ended_at is not None
        assert (first.ended_at - first.started_at).total_seconds() == 5
        assert (first.first_step, first.resumed_from) == (1, None)
        assert (second.number, second.outcome, second.ended_at) == (2, None, None)
        assert (second.first_step, second.resumed_from) == (3, 2)

    def test_who_cannot_be_controlled_says_so(self, store: Store, run: str) -> None:
        asks: list[Any] = [
            store.request_pause,
            store.request_resume,
            lambda run_id: store.request_set(run_id, {"damping": 1.0}),
        ]
        with pytest.raises(WrongState, match="only a paused job can be resumed") as caught:
            store.request_resume(run)
        assert caught.value.state == "running"
        script = store.add_script_run(ScriptRun(name="mine")).id
        store.request_cancel(run)
        for run_id, state in ((run, "running"), (script, "running")):
            for ask in asks:
                with pytest.raises(WrongState) as caught:
                    ask(run_id)
                assert caught.value.state == state
        store.finish(run, finish("cancelled"))
        for ask in asks:
            with pytest.raises(WrongState) as caught:
                ask(run)
            assert caught.value.state == "cancelled"
        assert store.controls(run) == []

    def test_a_control_that_nobody_asked_for_is_refused(self, store: Store, run: str) -> None:
        with pytest.raises(InvalidRequest, match="no such control"):
            store.append(run, done(1))

    @staticmethod
    def _pause(store: Store, run: str) -> None:
        store.request_pause(run)
        store.append(run, done(len(store.controls(run))))
        assert store.get_run(run).state == "paused"

    @staticmethod
    def _told(store: Store, run: str, worker: str, attempt: int = 1) -> list[tuple[str, int | None]]:
        commands = store.heartbeat(worker, [HeldRun(run=run, attempt=attempt)])
        return [(command.kind, command.number) for command in commands]

    @staticmethod
    def _reap(store: Store, clock: Clock) -> list[str]:
        return [lost.run for lost in store.reap(clock.now - timedelta(seconds=LEASE_SECONDS))]
