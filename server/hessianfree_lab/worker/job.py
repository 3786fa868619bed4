"""The training of one attempt: every step recorded, checkpoints kept, and what was asked for done between steps."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hessianfree_lab.client.spool import Spool, SpoolInUse, SpoolLock, SpoolWriter
from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.records import Assignment, Command, Control
from hessianfree_lab.training.cadence import Cadence
from hessianfree_lab.worker.resumption import Earlier, Resumption
from hessianfree_lab.worker.steering import Steering

if TYPE_CHECKING:
    from hessianfree_lab.training.checkpoints import Checkpoints
    from hessianfree_lab.training.session import Session

WAIT_FOR_OTHER_SECONDS = 30.0
CHECKPOINT_SHARE = 0.1  # of the training time, at most, goes into checkpoints


class Interrupted(Exception):
    """The job has come to the end of a step, as it was asked to; a later attempt goes on from there."""


class Job:
    """An assignment at work. What earlier attempts left is next to `spool` and in `checkpoints`."""

    def __init__(
        self, assignment: Assignment, spool: Spool, writer: SpoolWriter, steering: Steering, checkpoints: Path
    ) -> None:
        self._assignment = assignment
        self._spool = spool
        self._writer = writer
        self._steering = steering
        self._directory = checkpoints
        self._kept_step = 0
        self._cadence = Cadence(CHECKPOINT_SHARE)
        self._has_complained = False

    def run(self) -> None:
        """Train until the budget is spent. Raises `Interrupted`, what training raises, and OSError for a full disk."""
        # torch takes seconds to load; signals are heard meanwhile.
        from hessianfree_lab.training.checkpoints import Checkpoints
        from hessianfree_lab.training.session import Session

        session = Session(self._assignment.spec)
        lock = self._lock()
        try:
            checkpoints = Checkpoints(self._directory, self._assignment.spec)
            with self._steering.held():
                self._writer.append_environment(session.environment())
                landscape = session.landscape()
                if landscape is not None:
                    self._writer.append(landscape)
            session, plan = self._resumed(session, checkpoints)
            self._steering.discount = session.discount
            self._between_steps(session, checkpoints, plan)
            for records in session:
                with self._steering.held():
                    self._writer.append(*records)
                    self._steering.step = session.step
                self._between_steps(session, checkpoints, plan)
        finally:
            lock.close()

    def _lock(self) -> SpoolLock:
        """Become the only one that trains this run on this machine: an earlier attempt may not have ended yet."""
        self._directory.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + WAIT_FOR_OTHER_SECONDS
        while True:
            try:
                return SpoolLock(self._directory / "lock")
            except SpoolInUse as error:
                if self._steering.is_interrupted or time.monotonic() > deadline:
                    message = f"An earlier attempt at this run has not ended: it holds {self._directory}."
                    raise Interrupted(message) from error
                time.sleep(0.1)

    def _resumed(self, session: "Session", checkpoints: "Checkpoints") -> "tuple[Session, Resumption]":
        """The session where the newest checkpoint that can be used was written, or at its beginning."""
        from hessianfree_lab.training.errors import CheckpointRefused
        from hessianfree_lab.training.session import Session

        earlier = Earlier.read(self._spool.directory.parent, self._assignment)
        state, complaints = checkpoints.newest(
            since_attempt=self._assignment.since_attempt,
            at_most_step=earlier.unbroken_from(self._assignment.last_step),
        )
        if state is not None:
            try:
                session.restore(state)
            except CheckpointRefused as refused:
                complaints.append(f"The checkpoint of step {state.step} cannot be used: {refused}")
                session = Session(self._assignment.spec)
        plan = Resumption.plan(self._assignment, earlier, session.step)
        with self._steering.held():
            for sentence in complaints:
                self._writer.append_note(sentence)
            self._writer.append_lines(plan.unsent)
            if plan.step > 0:
                self._writer.append_resumption(plan.step)
            self._writer.sync()  # before anything that these lines stand in is removed
            checkpoints.forget_after(plan.step)
            self._steering.step = self._kept_step = plan.step
        for control in plan.pending:
            self._steering.ask(_command(self._assignment, control))
        return session, plan

    def _between_steps(self, session: "Session", checkpoints: "Checkpoints", plan: Resumption) -> None:
        """A checkpoint if one is due; then, for later steps, what was set."""
        with self._steering.held():
            at_step = session.step > 0 and session.step % self._assignment.spec.checkpoint_every == 0
            is_due = at_step and self._cadence.is_due(session.seconds)
            if (is_due or self._steering.is_interrupted) and session.step > self._kept_step:
                self._keep(session, checkpoints)
            if self._steering.is_interrupted:
                raise Interrupted("The job was told to stop.")
            self._repeat(session, plan.repeated.get(session.step, ()))
        with self._steering.held():  # what was asked for up to now has been taken in between
            for command in self._steering.settings():
                self._make(session, command)

    def _keep(self, session: "Session", checkpoints: "Checkpoints") -> None:
        began = time.perf_counter()
        try:
            self._writer.sync()  # a checkpoint must not be ahead of the record
            checkpoints.save(session.state(), attempt=self._assignment.attempt)
        except OSError as error:  # training can do without; the next one may succeed
            if not self._has_complained:
                self._writer.append_note(
                    f"No checkpoint could be written at step {session.step}: {error}. Training goes on."
                )
                self._has_complained = True
        else:
            self._kept_step = session.step
            self._has_complained = False
        self._cadence.done(session.seconds, cost=time.perf_counter() - began)

    def _repeat(self, session: "Session", controls: Iterable[Control]) -> None:
        """What was set after this step by an earlier attempt."""
        for control in controls:
            try:
                session.apply(control.settings)
            except InvalidRequest as error:
                self._writer.append_note(f"Change {control.number} could not be made again: {error}")

    def _make(self, session: "Session", command: Command) -> None:
        try:
            session.apply(command.settings)
        except InvalidRequest as error:
            self._steering.acknowledge(command, error=str(error)[:2_000])
        else:
            self._steering.acknowledge(command)


def _command(assignment: Assignment, control: Control) -> Command:
    return Command(
        run=assignment.run,
        attempt=assignment.attempt,
        kind=control.kind,
        number=control.number,
        settings=control.settings,
    )
