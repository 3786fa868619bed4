"""Users, workers and time do to a store whatever they like, in any order; and what must hold after each of it."""

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine

from hessianfree_lab.errors import LabError, StaleAttempt, WrongState
from hessianfree_lab.lifecycle import ENDED, State, may_become
from hessianfree_lab.records import Applied, HeldRun, Run, StepRecord
from hessianfree_lab.store import RunQuery, SqlStore
from server.databases import empty
from server.makers import announcement, batch, finish, spec
from server.store.clock import Clock

LEASE_SECONDS = 20.0
LOSSES = st.sampled_from([0.0, -1.5, 3.0, 3.0, math.nan, math.inf, -math.inf])
FINITE = st.sampled_from([0.0, -1.5, 3.0, 3.0, 7.0, -2.0])
STRETCH = st.lists(FINITE, min_size=1, max_size=6) | st.lists(LOSSES, min_size=1, max_size=4)
OUTCOMES = st.sampled_from(["completed", "failed", "cancelled", "interrupted"])


@dataclass
class Attempt:
    """A job's process as its worker knows it: it may be long over without knowing."""

    run: str
    number: int
    worker: str
    last: int  # step
    sent: list[Any] = field(default_factory=list)


@dataclass
class Expected:
    """A run as it must be: the losses of its steps, each with the attempt that sent it."""

    losses: dict[int, tuple[int, float]] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)  # attempts that have sent a step


class Lifecycle(RuleBasedStateMachine):
    """Every rule is one call of the store; one that the run's state forbids changes nothing."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = SqlStore(empty(engine), lease_seconds=LEASE_SECONDS, clock=self.clock)
        self.expected: dict[str, Expected] = {}
        self.attempts: list[Attempt] = []
        self.workers: list[str] = []
        self.states: dict[str, State] = {}
        self.shown: dict[str, dict[str, Any]] = {}  # as a page that reads the stream draws it
        self.drawn: dict[str, dict[int, tuple[int, float]]] = {}
        self.position = 0

    @initialize(max_attempts=st.integers(1, 3), losses=STRETCH)
    def a_job_is_under_way(self, max_attempts: int, losses: list[float]) -> None:
        self.register()
        self.submit(max_attempts)
        assignment = self.store.claim_job(self.workers[0])
        assert assignment is not None
        self.attempts.append(Attempt(run=assignment.run, number=1, worker=self.workers[0], last=0))
        self._record(self.attempts[0], losses)

    # --- users ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.expected) < 3)
    @rule(max_attempts=st.integers(1, 3))
    def submit(self, max_attempts: int) -> None:
        run, _ = self.store.add_job(spec(max_attempts=max_attempts))
        self.expected[run.id] = Expected()
        self.drawn[run.id] = {}

    @precondition(lambda self: self.expected)
    @rule(
        data=st.data(),
        verb=st.sampled_from(["request_cancel", "request_pause", "request_resume", "request_set"]),
    )
    def ask(self, data: st.DataObject, verb: str) -> None:
        run = data.draw(st.sampled_from(sorted(self.expected)))
        arguments = ({"damping": 0.5, "budget": {"steps": 9}},) if verb == "request_set" else ()
        self._try(run, lambda: getattr(self.store, verb)(run, *arguments))

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), from_scratch=st.booleans())
    def again(self, data: st.DataObject, from_scratch: bool) -> None:
        run = data.draw(st.sampled_from(sorted(self.expected)))
        if self._try(run, lambda: self.store.requeue(run, from_scratch=from_scratch)) and from_scratch:
            self.expected[run] = Expected()
            self.drawn[run] = {}

    # --- workers -------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.workers) < 2)
    @rule()
    def register(self) -> None:
        self.workers.append(self.store.add_worker(announcement()))

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), losses=st.just([]) | STRETCH)
    def claim(self, data: st.DataObject, losses: list[float]) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        assignment = self.store.claim_job(worker)
        if assignment is None:
            assert not [run for run in self._runs() if run.state == "queued"]
            return
        known = self.expected[assignment.run].losses
        resumed = data.draw(st.integers(0, max(known, default=0)), label="checkpoint")
        assert assignment.last_step == max(known, default=0)
        attempt = Attempt(run=assignment.run, number=assignment.attempt, worker=worker, last=resumed)
        self.attempts.append(attempt)
        if losses:
            self._record(attempt, losses)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), losses=STRETCH)
    def train(self, data: st.DataObject, losses: list[float]) -> None:
        """Its worker may be cut off, and the run in another attempt by now."""
        self._record(data.draw(st.sampled_from(self.attempts)), losses)

    @precondition(lambda self: self._live())
    @rule(data=st.data(), losses=STRETCH)
    def train_on(self, data: st.DataObject, losses: list[float]) -> None:
        self._record(data.draw(st.sampled_from(self._live())), losses)

    @precondition(lambda self: any(attempt.sent for attempt in self._live()))
    @rule(data=st.data())
    def send_again_in_time(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from([attempt for attempt in self._live() if attempt.sent]))
        self.store.append(attempt.run, data.draw(st.sampled_from(attempt.sent)))

    @precondition(lambda self: any(attempt.sent for attempt in self.attempts))
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from([attempt for attempt in self.attempts if attempt.sent]))
        sent = data.draw(st.sampled_from(attempt.sent))
        self._try(
            attempt.run, lambda: self.store.append(attempt.run, sent), is_current=self._is_live(attempt)
        )

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def obey(self, data: st.DataObject) -> None:
        """What a heartbeat says is to be done is done, and said to be."""
        attempt = data.draw(st.sampled_from(self.attempts))
        if attempt.worker not in self.workers:
            return
        commands = self.store.heartbeat(attempt.worker, [HeldRun(run=attempt.run, attempt=attempt.number)])
        kinds = {command.kind for command in commands}
        assert ("drop" in kinds) == (not self._is_live(attempt))
        applied = [Applied(number=c.number, step=attempt.last) for c in commands if c.number is not None]
        if "cancel" in kinds:
            self.store.finish(attempt.run, finish("cancelled", attempt=attempt.number))
        elif applied:
            self.store.append(attempt.run, batch(attempt=attempt.number, applied=applied))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), outcome=OUTCOMES)
    def end(self, data: st.DataObject, outcome: str) -> None:
        attempt = data.draw(st.sampled_from(self.attempts))
        request = finish(outcome, attempt=attempt.number)
        self._try(
            attempt.run, lambda: self.store.finish(attempt.run, request), is_current=self._is_live(attempt)
        )

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        self.store.remove_worker(worker)
        self.workers.remove(worker)
        assert not [attempt for attempt in self._live() if attempt.worker == worker]

    # --- time ----------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1.0, 2.0, 3.0, LEASE_SECONDS / 2, LEASE_SECONDS + 1]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        lost = [held.run for held in self.store.reap(self.clock.now - timedelta(seconds=LEASE_SECONDS))]
        assert all(self.states[run] in (State.RUNNING, State.PAUSED) for run in lost)

    # --- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def states_follow_the_table(self) -> None:
        for run in self._runs():
            state, before = State(run.state), self.states.get(run.id, State.QUEUED)
            assert state == before or may_become(before, state), (before, state)
            assert (run.ended_at is not None) == (state in ENDED)
            assert (run.cause is not None) == (state is State.FAILED)
            assert not run.stop_requested or state in (State.RUNNING, State.PAUSED)
            self.states[run.id] = state

    @invariant()
    def one_attempt_lives_at_most(self) -> None:
        for run in self._runs():
            attempts = self.store.attempts(run.id)
            assert [attempt.number for attempt in attempts] == list(range(1, run.attempt + 1))
            live = [attempt for attempt in attempts if attempt.outcome is None]
            assert live in ([], attempts[-1:])
            assert live or run.state != "running"
            assert not live or run.state in ("running", "paused")
            assert run.attempt <= run.max_attempts

    @invariant()
    def every_step_is_there_once(self) -> None:
        for run in self._runs():
            losses = self.expected[run.id].losses
            rows = list(self.store.rows(run.id))
            assert [row.step for row in rows] == list(range(1, len(losses) + 1))
            assert repr([row.metrics["loss"] for row in rows]) == repr([losses[row.step][1] for row in rows])
            assert run.progress.step == len(losses)

    @invariant()
    def summaries_are_of_the_rows(self) -> None:
        for run in self._runs():
            losses = [self.expected[run.id].losses[step][1] for step in sorted(self.expected[run.id].losses)]
            finite = [loss for loss in losses if math.isfinite(loss)]
            low = min(finite, default=None)
            found = run.summary.get("loss")
            assert (found is None) == (not losses)
            if found is not None:
                assert repr((found.first, found.last)) == repr((losses[0], losses[-1]))
                assert (found.min, found.max) == (low, max(finite, default=None))
                assert found.best_step == (None if low is None else losses.index(low) + 1)

    @invariant()
    def who_reads_the_events_sees_the_present(self) -> None:
        while found := self.store.events(self.position, runs=frozenset(self.expected), limit=3):
            for event in found:
                self.position = event.id
                if event.kind == "run":
                    self.shown[event.data["id"]] = event.data
                elif event.kind == "steps":
                    drawn = self.drawn[event.data["run"]]
                    for record in event.data["steps"]:
                        drawn[record["step"]] = (event.data["attempt"], record["metrics"]["loss"])
        for run in self._runs():
            present = run.model_dump(mode="json")
            for passing in (self.shown[run.id], present):  # as time goes by, without any event
                passing["stale"], passing["progress"]["eta_seconds"] = None, None
            assert self.shown[run.id] == present
            losses = {s: (n, loss) for s, (n, loss) in self.expected[run.id].losses.items()}
            steps = {step: self.drawn[run.id].get(step, (0, None))[0] for step in losses}
            assert steps == {step: number for step, (number, _) in losses.items()}

    def _runs(self) -> list[Run]:
        return self.store.list_runs(RunQuery(limit=50)).items

    def _record(self, attempt: Attempt, losses: list[float]) -> None:
        records = [
            StepRecord(step=attempt.last + index, seconds=attempt.last + index, metrics={"loss": loss})
            for index, loss in enumerate(losses, start=1)
        ]
        sent = batch(*records, attempt=attempt.number)
        is_live = self._is_live(attempt)
        if not self._try(attempt.run, lambda: self.store.append(attempt.run, sent), is_current=is_live):
            return
        expected = self.expected[attempt.run]
        if attempt.number not in expected.begun:
            expected.begun.add(attempt.number)
            expected.losses = {s: v for s, v in expected.losses.items() if s < records[0].step}
        expected.losses |= {r.step: (attempt.number, loss) for r, loss in zip(records, losses, strict=True)}
        attempt.sent.append(sent)
        attempt.last += len(losses)

    def _live(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if self._is_live(attempt)]

    def _is_live(self, attempt: Attempt) -> bool:
        run = self.store.get_run(attempt.run)
        last = self.store.attempts(attempt.run)[-1]
        return run.attempt == attempt.number and last.outcome is None

    def _try(self, run: str, call: Any, *, is_current: bool | None = None) -> bool:
        """Whether it was allowed; where not, nothing has changed. `is_current`: fenced exactly when it is not."""
        before, news = self.store.get_run(run), self.store.last_event_id()
        refusal: LabError | None = None
        try:
            call()
        except WrongState as error:
            refusal = error
        assert is_current in (None, refusal is None)
        if refusal is None:
            return True
        assert is_current is None or isinstance(refusal, StaleAttempt)
        assert (self.store.get_run(run), self.store.last_event_id()) == (before, news)
        return False
