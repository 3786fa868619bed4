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
from hessianfree_lab.errors import ClientError, LabError, ServerUnreachable
from hessianfree_lab.records import Announcement, Assignment, Command, FinishRequest, Heartbeat
from hessianfree_lab.worker.announcing import announce
from hessianfree_lab.worker.attempt import Attempt, Reason

CLAIM_SECONDS = 25.0  # how long a claim waits at the server
BEAT_WHILE_FREE_SECONDS = (
    1.0  # a heartbeat names the jobs it asks about: one claimed meanwhile waits for the next
)

SHUTDOWN_SECONDS = 8.0  # for ending jobs and sending what they left; leaving comes after
RECOVERY_SECONDS = 10.0
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
        self._root = Path(data_dir).resolve() / "attempts"
        self._say = say
        self._stopping = threading.Event()
        self._free = threading.Semaphore(slots)
        self._lock = threading.Lock()
        self._attempts: set[Attempt] = set()
        self._id = ""
        self._heartbeat_seconds = BEAT_WHILE_FREE_SECONDS
        self._failure: Exception | None = None

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop; then end the jobs, send what they left, and leave: within 10 s.

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
            for work in (self._claim_jobs, lambda: self._beat(announcement)):
                threading.Thread(target=self._guarded, args=[work], daemon=True).start()
            self._stopping.wait()
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

    def _claim_jobs(self) -> None:
        """Claim a job whenever a slot is free."""
        recover(self._root, self._client, unfinished=KILLED, timeout_seconds=RECOVERY_SECONDS)
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
                self._start(assignment)

    def _start(self, assignment: Assignment) -> None:
        attempt = Attempt(
            assignment,
            self._client,
            self._root,
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
        assignment = attempt.assignment
        self._say(f"{assignment.name} ({assignment.run}), attempt {assignment.attempt}: {words}.")

    def _beat(self, announcement: Announcement) -> None:
        """Show that this worker lives, and hear what it is to do."""
        backoff = Backoff(longest_seconds=5.0)
        while not self._stopping.is_set():
            held = [attempt.held for attempt in self._held()]
            wait = self._heartbeat_seconds
            if len(held) < self.slots:
                wait = min(wait, BEAT_WHILE_FREE_SECONDS)
            try:
                reply = self._client.heartbeat(self._id, Heartbeat(runs=held, wait_seconds=min(wait, 30.0)))
            except ClientError as error:
                if error.status == 404:
                    self._register(announcement)
                else:
                    self._wait_for_server(error, backoff)
                continue
            backoff.reset()
            for command in reply.commands:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        for attempt in self._held():
            if (attempt.held.run, attempt.held.attempt) == (command.run, command.attempt):
                attempt.stop(Reason.DROP if command.kind == "drop" else Reason.CANCEL)

    def _held(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts)

    def _wait_for_server(self, error: ClientError, backoff: Backoff) -> None:
        """Say once what is wrong, and wait longer every time."""
        if backoff.failures == 0:
            self._say(f"{error} Trying again.")
        self._stopping.wait(backoff.next_seconds())

    def _shut_down(self) -> None:
        """End all jobs and leave. Requests still underway then are polls, and die with this process."""
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        held = self._held()
        for attempt in held:
            attempt.stop(Reason.SHUTDOWN)
        for attempt in held:
            attempt.join(max(deadline - time.monotonic(), 0.0))
            attempt.abandon()
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


def job_environment(slots: int) -> dict[str, str]:
    """Environment variables of a job: without the server's token, and with its share of the processor."""
    environment = {name: value for name, value in os.environ.items() if name != "HESSIANFREE_TOKEN"}
    environment["PYTHONUNBUFFERED"] = "1"  # what it printed before it was killed is in its log
    if slots > 1:
        share = max((os.cpu_count() or 1) // slots, 1)
        environment.setdefault("OMP_NUM_THREADS", str(share))
    return environment
