"""The worker's agent: registers, claims jobs, keeps their leases, and ends them when told."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hessianfree_lab.client.backoff import Backoff
from hessianfree_lab.client.client import Client
from hessianfree_lab.client.recovery import recover
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.errors import ClientError, LabError, ServerUnreachable
from hessianfree_lab.records import Announcement, Assignment, Command, FinishRequest, Heartbeat
from hessianfree_lab.worker.announcing import announce
from hessianfree_lab.worker.attempt import INTERRUPT_GRACE_SECONDS, Attempt, Reason
from hessianfree_lab.worker.folders import Folders
from hessianfree_lab.worker.placement import job_environment, placed

CLAIM_SECONDS = 25.0  # how long a claim waits at the server
BEAT_WHILE_FREE_SECONDS = (
    1.0  # a heartbeat names the jobs it asks about: one claimed meanwhile waits for the next
)

REPORT_SECONDS = 8.0  # when it stops, for sending what its jobs left; leaving comes after
RECOVERY_SECONDS = 10.0
TIDY_SECONDS = 3600.0
TRY_AGAIN_SECONDS = 30.0
LOOK_SECONDS = 0.5  # at whether it was told to stop
KILLED = FinishRequest(state="interrupted", error="The worker was killed.")


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
        slots: int = 1,
        name: str | None = None,
        data_dir: Path | str = "hessianfree-data",
        say: Callable[[str], None] = lambda text: print(text, flush=True),
    ) -> None:
        """`slots` is the number of jobs at a time; `say` gets a line whenever something happens."""
        if slots < 1:
            raise LabError(f"A worker needs at least one slot; slots is {slots}.")
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self.slots = slots
        self._client = Client(url, token)
        self._folders = Folders(Path(data_dir).resolve())
        self._say = say
        self._stopping = threading.Event()
        self._has_stopped = threading.Event()
        self._free = threading.Semaphore(slots)
        self._is_untidy = threading.Event()
        self._lock = threading.Lock()
        self._attempts: set[Attempt] = set()
        self._id = ""
        self._heartbeat_seconds = BEAT_WHILE_FREE_SECONDS
        self._failure: Exception | None = None

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop; then let the jobs keep what they have reached, send what they left, and leave.

        All that within 30 s of the signal: 15 of them for the ends of steps.

        Raises `ClientError` when the server refuses the registration, `LabError` when training cannot be loaded.
        """
        with self._signals_stop():
            try:
                announcement = announce(self.name, self.slots)
            except LabError:
                if self._stopping.is_set():  # Ctrl-C reached the process it asked, too
                    return
                raise
            self._register(announcement)
            for work in (
                lambda: self._claim_jobs(announcement),
                lambda: self._beat(announcement),
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

    def _register(self, announcement: Announcement) -> None:
        """Register, waiting for the server if it is away."""
        backoff = Backoff(longest_seconds=5.0)
        while not self._stopping.is_set():
            try:
                identity = self._client.register(announcement)
            except ClientError as error:
                if not isinstance(error, ServerUnreachable) and error.status < 500:
                    raise
                self._wait_for_server(error, backoff)
            else:
                self._id, self._heartbeat_seconds = identity.id, identity.heartbeat_seconds
                self._say(f"Worker {self.name} is registered at {self._client.url}.")
                return

    def _claim_jobs(self, announcement: Announcement) -> None:
        """Claim a job whenever a slot is free."""
        self._recover()
        backoff = Backoff(longest_seconds=5.0)
        while not self._stopping.is_set():
            self._free.acquire()
            assignment = None
            while assignment is None and not self._stopping.is_set():
                try:
                    assignment = self._client.claim(self._id, CLAIM_SECONDS)
                    backoff.reset()
                except (
                    ClientError
                ) as error:  # of a worker the server does not know (404), the heartbeat takes care
                    self._wait_for_server(error, backoff)
            if assignment is not None:
                self._start(assignment, announcement)

    def _start(self, assignment: Assignment, announcement: Announcement) -> None:
        held = self._held()
        for earlier in held:
            if earlier.held.run == assignment.run:  # lost while this worker was cut off: it has heard now
                earlier.stop(Reason.DROP)
                earlier.join_process()
        attempt = Attempt(
            placed(assignment, announcement.devices, [other.assignment for other in held]),
            self._client,
            self._folders,
            environment=job_environment(self.slots),
            on_end=self._ended,
        )
        with self._lock:
            if self._stopping.is_set():
                return  # the server takes it back when this worker leaves
            self._attempts.add(attempt)
        self._say(f"{assignment.name} ({assignment.run}), attempt {assignment.attempt}: started.")
        attempt.start()

    def _ended(self, attempt: Attempt, words: str) -> None:
        with self._lock:
            self._attempts.discard(attempt)
        self._free.release()
        self._is_untidy.set()
        assignment = attempt.assignment
        self._say(f"{assignment.name} ({assignment.run}), attempt {assignment.attempt}: {words}.")

    def _beat(self, announcement: Announcement) -> None:
        """Show that this worker lives, and hear what it is to do; also while its jobs come to their ends."""
        backoff = Backoff(longest_seconds=5.0)
        while not self._has_stopped.is_set():
            held = [attempt.held for attempt in self._held()]
            wait = self._heartbeat_seconds
            if len(held) < self.slots:
                wait = min(wait, BEAT_WHILE_FREE_SECONDS)
            try:
                reply = self._client.heartbeat(self._id, Heartbeat(runs=held, wait_seconds=min(wait, 30.0)))
            except ClientError as error:
                if error.status == 404 and not self._stopping.is_set():
                    self._register(announcement)
                else:
                    self._wait_for_server(error, backoff, until=self._has_stopped)
                continue
            backoff.reset()
            for command in reply.commands:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        for attempt in self._held():
            if (attempt.held.run, attempt.held.attempt) == (command.run, command.attempt):
                attempt.obey(command)

    def _recover(self) -> None:
        """Send what earlier processes left here."""
        recover(
            self._folders.spools,
            self._client,
            unfinished=KILLED,
            timeout_seconds=RECOVERY_SECONDS,
            on_refused=Spool.close,
        )

    def _tidy(self) -> None:
        """Send what could not be sent before, and remove what is of no more use: at the start, after every attempt, and
        now and then, for runs are deleted."""
        while not self._stopping.is_set():
            self._is_untidy.clear()
            self._recover()
            runs = self._folders.runs()
            try:
                states = self._client.run_states(self._id, sorted(runs)) if runs else {}
                self._folders.tidy(states, {attempt.held.run for attempt in self._held()})
            except ClientError:
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
        if backoff.failures == 0:
            self._say(f"{error} Trying again.")
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
        self._say(f"Worker {self.name} has left.")

    @contextmanager
    def _signals_stop(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop this worker, where it runs in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, lambda *_: self.stop()) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
