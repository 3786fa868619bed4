"""The worker's agent: registers, claims jobs, keeps their leases, and ends them when told."""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from hessianfree_lab.client.backoff import Backoff
from hessianfree_lab.client.client import Client
from hessianfree_lab.client.connection import Home
from hessianfree_lab.errors import ClientError, LabError, ServerUnreachable
from hessianfree_lab.logs import Say, print_plainly
from hessianfree_lab.records import (
    Assignment,
    Capacity,
    Command,
    DeviceLoad,
    Heartbeat,
)
from hessianfree_lab.worker.attempt import INTERRUPT_GRACE_SECONDS, Attempt, Reason
from hessianfree_lab.worker.executors.interface import Executor
from hessianfree_lab.worker.executors.local import LocalExecutor
from hessianfree_lab.worker.folders import KEEP_DAYS, Folders
from hessianfree_lab.worker.keeping import Keeping
from hessianfree_lab.worker.leftovers import Leftovers
from hessianfree_lab.worker.slots import Slots
from hessianfree_lab.worker.stopping import signals_stop

CLAIM_SECONDS = 25.0  # how long a claim waits at the server
BRIEF_CLAIM_SECONDS = 2.0  # while GPUs are in use, so that one that becomes free is soon offered
BEAT_WHILE_FREE_SECONDS = (
    1.0  # a heartbeat names the jobs it asks about: one claimed meanwhile waits for the next
)

REPORT_SECONDS = 8.0  # when it stops, for sending what its jobs left; leaving comes after
TIDY_SECONDS = 3600.0
TRY_AGAIN_SECONDS = 30.0
LOAD_SECONDS = 5.0  # between looks at what the devices are busy with
LOOK_SECONDS = 0.5  # at whether it was told to stop


class Agent:
    """A worker. `run` blocks until SIGTERM, SIGINT or `stop`.

    Each job trains in its own process; this one needs no torch. While the server is away jobs train on, and their
    records wait in `data_dir`.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8765",
        token: str | None = None,
        *,
        executor: Executor | None = None,
        name: str | None = None,
        data_dir: Path | str = "hessianfree-data",
        keeping: Keeping | None = None,
        keep_days: float = KEEP_DAYS,
        heartbeat_file: Path | None = None,
        say: Say = print_plainly,
    ) -> None:
        """`executor`: where the jobs run; None: on this machine, as many as its GPUs have room for, or one.

        `say` gets a line whenever something happens.
        `keeping`: where checkpoints go, `data_dir` unless it says otherwise. `keep_days`: those here of runs that have
        ended. `heartbeat_file` is touched whenever the server has answered a heartbeat.
        """
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._executor = executor or LocalExecutor()
        self._client = Client(url, token)
        self._folders = Folders(Path(data_dir).resolve(), keep_days=keep_days)
        self._keeping = keeping or Keeping()
        self._heartbeat_file = heartbeat_file
        self._say = say
        self._stopping = threading.Event()
        self._has_stopped = threading.Event()
        self._slots = Slots(0)
        self._is_untidy = threading.Event()
        self._lock = threading.Lock()
        self._attempts: set[Attempt] = set()
        self._id = ""
        self._home: Home | None = None
        self._leftovers = Leftovers(self._client, self._folders, partial(say, worker=self.name))
        self._heartbeat_seconds = BEAT_WHILE_FREE_SECONDS
        self._load: list[DeviceLoad] = []
        self._failure: Exception | None = None

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop; then let the jobs keep what they have reached, send what they left, and leave.

        All that within 30 s of the signal: 15 of them for the ends of steps.

        Raises `ClientError` when the server refuses the registration, `LabError` when training cannot be loaded.
        """
        with signals_stop(self.stop):
            try:
                self._announcement = self._executor.announcement(self.name)
            except LabError:
                if self._stopping.is_set():  # Ctrl-C reached the process it asked, too
                    return
                raise
            self._slots.resize(self._announcement.slots)
            self._register()
            for work in (
                self._claim_jobs,
                self._beat,
                self._measure,
                self._tidy,
            ):
                threading.Thread(target=self._guarded, args=[work], daemon=True).start()
            # Not without an end: a signal to a process that was frozen may reach another thread, and Python runs its
            # handler only when the main thread wakes.
            while not self._stopping.wait(LOOK_SECONDS):
                pass
            self._shut_down()
        if self._failure is not None:
            raise self._failure

    def _guarded(self, work: Callable[[], None]) -> None:
        """A worker that has lost one of its threads must not look alive: what ends the thread ends the worker."""
        try:
            work()
        except Exception as error:
            self._failure = error
            self.stop()

    def _register(self) -> None:
        """Register, waiting for the server if it is away."""
        backoff = Backoff(longest_seconds=5.0)
        while not self._stopping.is_set():
            try:
                self._home = self._client.home()
                identity = self._client.register(self._announcement)
            except ClientError as error:
                if not isinstance(error, ServerUnreachable) and error.status < 500:
                    raise
                self._wait_for_server(error, backoff)
            else:
                self._id, self._heartbeat_seconds = identity.id, identity.heartbeat_seconds
                self._say(f"Worker {self.name} is registered at {self._client.url}.", worker=self.name)
                return

    def _claim_jobs(self) -> None:
        """Claim a job whenever a slot is free."""
        self._leftovers.recover()
        backoff = Backoff(longest_seconds=5.0)
        while not self._stopping.is_set():
            if not self._slots.wait_for_one(LOOK_SECONDS):
                continue
            assignment = None
            while assignment is None and self._slots.has_free and not self._stopping.is_set():
                try:
                    offer = self._executor.offer()
                    patience = BRIEF_CLAIM_SECONDS if offer is not None and self._held() else CLAIM_SECONDS
                    assignment = self._client.claim(self._id, patience, offer)
                    backoff.reset()
                except (
                    ClientError
                ) as error:  # of a worker the server does not know (404), the heartbeat takes care
                    self._wait_for_server(error, backoff)
            if assignment is not None:
                self._start(assignment)

    def _start(self, assignment: Assignment) -> None:
        for earlier in self._held():
            if earlier.held.run == assignment.run:  # lost while this worker was cut off: it has heard now
                earlier.stop(Reason.DROP)
                earlier.join_process()
        self._executor.expect(assignment)
        attempt = Attempt(
            assignment,
            self._client,
            self._folders,
            home=self._home,
            executor=self._executor,
            variables=self._keeping.variables(),
            on_end=self._ended,
            on_note=self._say_of,
        )
        with self._lock:
            if self._stopping.is_set():
                return  # the server takes it back when this worker leaves
            self._attempts.add(attempt)
        self._slots.take(self._executor.slots_of(assignment.spec))
        self._say_of(assignment, "started")
        attempt.start()

    def _ended(self, attempt: Attempt, words: str) -> None:
        with self._lock:
            self._attempts.discard(attempt)
        self._executor.ended(attempt.assignment, attempt.ending)
        self._slots.give_back(self._executor.slots_of(attempt.assignment.spec))
        self._is_untidy.set()
        self._say_of(attempt.assignment, words)

    def _say_of(self, assignment: Assignment, words: str) -> None:
        text = f"{assignment.name} ({assignment.run}), attempt {assignment.attempt}: {words.rstrip('.')}."
        self._say(text, run=assignment.run, attempt=assignment.attempt, worker=self.name)

    def _beat(self) -> None:
        """Show that this worker lives, and hear what it is to do; also while its jobs come to their ends."""
        backoff = Backoff(longest_seconds=5.0)
        while not self._has_stopped.is_set():
            held = [attempt.held for attempt in self._held()]
            wait = self._heartbeat_seconds
            if self._slots.has_free:
                wait = min(wait, BEAT_WHILE_FREE_SECONDS)
            try:
                reply = self._client.heartbeat(
                    self._id, Heartbeat(runs=held, load=self._load, wait_seconds=min(wait, 30.0))
                )
            except ClientError as error:
                if error.status == 404 and not self._stopping.is_set():
                    self._register()
                else:
                    self._wait_for_server(error, backoff, until=self._has_stopped)
                continue
            backoff.reset()
            if self._heartbeat_file:
                self._heartbeat_file.touch()
            for command in reply.commands:
                self._obey(command)

    def _measure(self) -> None:
        """Look at the devices: beside the heartbeats, for a driver may take its time and a lease may not."""
        while not self._stopping.is_set():
            self._load = self._executor.load()
            self._note(self._executor.capacity())
            self._stopping.wait(LOAD_SECONDS)

    def _note(self, capacity: Capacity) -> None:
        """Tell the server where it has changed; `_register` says it to a server that does not know this worker."""
        if capacity == Capacity(slots=self._announcement.slots, devices=self._announcement.devices):
            return
        with suppress(ClientError):  # the next look tries again
            self._client.set_capacity(self._id, capacity)
            self._announcement = self._announcement.model_copy(update=dict(capacity))
            self._slots.resize(capacity.slots)

    def _obey(self, command: Command) -> None:
        for attempt in self._held():
            if (attempt.held.run, attempt.held.attempt) == (command.run, command.attempt):
                attempt.obey(command)

    def _tidy(self) -> None:
        """At the start, after every attempt, and now and then, for runs are deleted."""
        while not self._stopping.is_set():
            self._is_untidy.clear()
            held = {attempt.held.run for attempt in self._held()}
            if not self._leftovers.tidy(self._id, held, self._home):
                self._stopping.wait(TRY_AGAIN_SECONDS)
                self._is_untidy.set()
            self._is_untidy.wait(TIDY_SECONDS)

    def _held(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts)

    def _wait_for_server(
        self, error: ClientError, backoff: Backoff, *, until: threading.Event | None = None
    ) -> None:
        """Say once what is wrong, and wait longer every time, but not beyond the event (that this worker stops)."""
        if backoff.failures == 0 and not self._has_stopped.is_set():
            self._say(f"{error} Trying again.", worker=self.name)
        (until or self._stopping).wait(backoff.next_seconds())

    def _shut_down(self) -> None:
        """End all jobs and leave. Requests still underway then are polls, and die with this process."""
        deadline = time.monotonic() + INTERRUPT_GRACE_SECONDS + 2.0
        held = self._held()
        for attempt in held:
            attempt.stop(Reason.SHUTDOWN)
        for attempt in held:
            attempt.join_process(max(deadline - time.monotonic(), 0.0))
        deadline = time.monotonic() + REPORT_SECONDS
        for attempt in held:
            attempt.join(max(deadline - time.monotonic(), 0.0))
            attempt.abandon()
        self._has_stopped.set()
        if self._id:
            with suppress(ClientError):
                self._client.leave(self._id)
        self._say(f"Worker {self.name} has left.", worker=self.name)
        self._executor.close()
