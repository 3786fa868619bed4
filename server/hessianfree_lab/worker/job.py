"""The training of one attempt: every step recorded, checkpoints kept, and what was asked for done between steps."""

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hessianfree_lab.client.spool import Spool, SpoolInUse, SpoolLock, SpoolWriter
from hessianfree_lab.errors import InvalidRequest, StorageDenied, StorageUnavailable
from hessianfree_lab.records import Assignment, Command, Control
from hessianfree_lab.training.seat import Seat
from hessianfree_lab.worker.crew import Crew, Fallen, OwnCrew
from hessianfree_lab.worker.keeping import Keeping, newest_of
from hessianfree_lab.worker.resumption import Earlier, Resumption
from hessianfree_lab.worker.saving import Saving
from hessianfree_lab.worker.shortage import is_shortage
from hessianfree_lab.worker.steering import Steering

if TYPE_CHECKING:
    from hessianfree_lab.training.checkpoints import Checkpoints
    from hessianfree_lab.training.ranks import Ranks
    from hessianfree_lab.training.session import Session
    from hessianfree_lab.training.state import State

WAIT_FOR_OTHER_SECONDS = 30.0

DENIED = (
    "Waiting would not change that. Give the worker the access it needs: `hessianfree doctor` on its machine says when"
    " it has it. Then retry the run: it goes on from its newest checkpoint."
)


class Interrupted(Exception):
    """The job has come to the end of a step, as it was asked to; a later attempt goes on from there."""


class Job:
    """An assignment at work. What earlier attempts left is next to `spool` and where `keeping` says; `own` is the run's
    folder on this machine. `listening`: where the other processes of a job look for this one, started elsewhere; None:
    it starts them."""

    def __init__(
        self,
        assignment: Assignment,
        spool: Spool,
        writer: SpoolWriter,
        steering: Steering,
        *,
        own: Path,
        keeping: Keeping,
        listening: socket.socket | None = None,
    ) -> None:
        self._assignment = assignment
        self._spool = spool
        self._writer = writer
        self._steering = steering
        self._own = own
        self._keeping = keeping
        self._listening = listening

    def run(self) -> None:
        """Train until the budget is spent.

        Raises `Interrupted`, `Fallen`, what training raises, and OSError for a full disk.
        """
        with self._ranks() as ranks:
            # torch takes seconds to load; signals are heard meanwhile.
            from hessianfree_lab.training.session import Session

            self._train(Session(self._assignment.spec, ranks=ranks), ranks)

    @contextmanager
    def _ranks(self) -> "Iterator[Ranks | None]":
        """This process as rank 0 of several, with the others at work; None where the job is to run on one."""
        spec, size = self._assignment.spec, self._assignment.spec.resources.processes
        if size == 1:
            yield None
            return
        if self._listening is not None:
            crew = Crew(Seat.from_environment(os.environ), self._listening)
        else:
            crew = OwnCrew(size, self._spool.directory, self._own)
            os.environ.update(crew.seat.variables())
        try:
            from hessianfree_lab.training.ranks import Ranks

            ranks = Ranks(spec.device, crew.seat, listening=crew.listening)
            yield ranks
            ranks.tell("end")
            crew.end()
        except RuntimeError as error:
            # What says that there is no memory, here or there, says more than the code of an exit.
            if not is_shortage(error) and (code := crew.fallen()) is not None:
                raise Fallen(code) from error
            raise
        finally:
            crew.kill()

    def _train(self, session: "Session", ranks: "Ranks | None") -> None:
        from hessianfree_lab.training.checkpoints import Checkpoints

        lock = self._lock()
        shelf = self._keeping.shelf(self._assignment.run, self._own)
        checkpoints = Checkpoints(shelf, self._assignment.spec, keep=self._keeping.newest)
        save = partial(checkpoints.save, attempt=self._assignment.attempt)
        saving = Saving(save, self._writer, beside=self._keeping.is_elsewhere)
        try:
            with self._steering.held():
                self._writer.append_environment(session.environment())
                landscape = session.landscape()
                if landscape is not None:
                    self._writer.append(landscape)
            session, plan = self._resumed(session, checkpoints, ranks)
            saving.kept_step = plan.step
            self._steering.discount = session.discount
            self._between_steps(session, saving, plan)
            for records in session:
                with self._steering.held():
                    self._writer.append(*records)
                    self._steering.step = session.step
                self._between_steps(session, saving, plan)
        finally:
            saving.leave()
            lock.close()

    def _lock(self) -> SpoolLock:
        """Become the only one that trains this run on this machine: an earlier attempt may not have ended yet."""
        self._own.mkdir(parents=True, exist_ok=True)
        path = self._own / "lock"
        path.touch(mode=0o600)
        deadline = time.monotonic() + WAIT_FOR_OTHER_SECONDS
        while True:
            try:
                return SpoolLock(path)
            except SpoolInUse as error:
                if self._steering.is_interrupted or time.monotonic() > deadline:
                    message = f"An earlier attempt at this run has not ended: it holds {self._own}."
                    raise Interrupted(message) from error
                time.sleep(0.1)

    def _resumed(
        self, session: "Session", checkpoints: "Checkpoints", ranks: "Ranks | None"
    ) -> "tuple[Session, Resumption]":
        """The session where the newest checkpoint that can be used was written, or at its beginning."""
        from hessianfree_lab.training.errors import CheckpointRefused
        from hessianfree_lab.training.session import Session

        earlier = Earlier.read(self._spool.directory.parent, self._assignment)
        state, complaints = self._newest(checkpoints, earlier)
        if state is not None:
            try:
                session.restore(state)
            except CheckpointRefused as refused:
                complaints.append(f"The checkpoint of step {state.step} cannot be used: {refused}")
                session = Session(self._assignment.spec, ranks=ranks)
        plan = Resumption.plan(self._assignment, earlier, session.step)
        with self._steering.held():
            for sentence in complaints:
                self._writer.append_note(sentence)
            self._writer.append_lines(plan.unsent)
            if plan.step > 0:
                self._writer.append_resumption(plan.step)
            self._writer.sync()  # before anything that these lines stand in is removed
            try:
                checkpoints.forget_after(plan.step, attempt=self._assignment.attempt)
            except StorageUnavailable as error:  # each one that is written will try again
                self._writer.append_note(f"Outdated checkpoints could not be removed: {error}")
            self._steering.step = plan.step
        for control in plan.pending:
            self._steering.ask(_command(self._assignment, control))
        return session, plan

    def _newest(self, checkpoints: "Checkpoints", earlier: Earlier) -> "tuple[State | None, list[str]]":
        """The newest checkpoint that counts; a first attempt has none, and asks nobody.

        Raises `Interrupted` where nobody can say for too long: a later attempt may find out. `StorageDenied` where none
        will: to begin anew would throw away what is there.
        """
        assignment = self._assignment
        if assignment.attempt == assignment.since_attempt:
            return None, []
        try:
            return newest_of(
                checkpoints,
                assignment,
                at_most_step=earlier.unbroken_from(assignment.last_step),
                is_enough=lambda: self._steering.is_interrupted,
            )
        except StorageDenied as error:
            raise StorageDenied(f"The checkpoints cannot be read. {error} {DENIED}") from error
        except StorageUnavailable as error:
            raise Interrupted(f"The checkpoints cannot be read. {error}") from error

    def _between_steps(self, session: "Session", saving: Saving, plan: Resumption) -> None:
        """A checkpoint if one is due; then, for later steps, what was set."""
        with self._steering.held():
            if self._steering.is_interrupted:
                saving.finish(session)
                raise Interrupted("The job was told to stop.")
            if saving.is_due(session):
                saving.begin(session)
            self._repeat(session, plan.repeated.get(session.step, ()))
        with self._steering.held():  # what was asked for up to now has been taken in between
            for command in self._steering.settings():
                self._make(session, command)

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
