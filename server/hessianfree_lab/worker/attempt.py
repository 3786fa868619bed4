"""One attempt as its agent holds it: the process, its spool, and the word to the server at its end."""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from hessianfree_lab.client.backoff import Backoff
from hessianfree_lab.client.client import Client
from hessianfree_lab.client.connection import Home
from hessianfree_lab.client.recovery import Outcome, finish
from hessianfree_lab.client.sender import Progress, Sender
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import Assignment, Command, FinishRequest, HeldRun, IngestBatch
from hessianfree_lab.worker.ending import failed, of_exception, of_exit
from hessianfree_lab.worker.executors.interface import Executor, Exit, Order, Process
from hessianfree_lab.worker.folders import Folders

CANCEL_GRACE_SECONDS = 1.0  # then it is killed: a cancel is done within 2 s, whatever the job is doing
INTERRUPT_GRACE_SECONDS = 15.0  # for the end of a step and a checkpoint; the one before is as good


class Reason(Enum):
    """Why an attempt is ended from outside; a later one of these beats an earlier one."""

    SHUTDOWN = "interrupted"  # the worker ends
    CANCEL = "cancelled"  # its user wants it to end
    DROP = "dropped"  # it is no longer this worker's: no word to the server


_RANK = list(Reason)


class Attempt:
    """Runs an assignment in a thread of its own. `on_end` is called from it when all is done.

    `on_note` hears the sentences that the job adds to its log about itself, once the server has them.
    """

    def __init__(
        self,
        assignment: Assignment,
        client: Client,
        folders: Folders,
        *,
        home: Home | None,
        executor: Executor,
        variables: Mapping[str, str],
        on_end: Callable[["Attempt", str], None],
        on_note: Callable[[Assignment, str], None],
    ) -> None:
        self.assignment = assignment
        self._home = home
        self.held = HeldRun(run=assignment.run, attempt=assignment.attempt)
        self._client = client
        self._folders = folders
        self._executor = executor
        self._variables = variables
        self._on_end = on_end
        self._on_note = on_note
        self._lock = threading.Lock()
        self._reason: Reason | None = None
        self._process: Process | None = None
        self._sender: Sender | None = None
        self._refusal: ClientError | None = None
        self.ending: FinishRequest | None = None  # once its process has ended
        self._is_abandoned = threading.Event()
        self._has_trained = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"attempt-{assignment.run}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_seconds: float) -> None:
        """Wait until all is done, the last word to the server included."""
        self._thread.join(timeout_seconds)

    def join_process(self, timeout_seconds: float | None = None) -> None:
        """Wait until the job's process has ended."""
        self._has_trained.wait(timeout_seconds)

    def obey(self, command: Command) -> None:
        """Do what the server wants of this attempt; commands may be repeated."""
        match command.kind:
            case "drop":
                self.stop(Reason.DROP)
            case "cancel":
                self.stop(Reason.CANCEL)
            case _:
                with self._lock:
                    process = self._process
                if process is not None:
                    process.tell(command)

    def stop(self, reason: Reason) -> None:
        """End the job: at the end of a step where the worker stops, otherwise at once; killed if it is deaf."""
        with self._lock:
            if self._reason is not None and _RANK.index(self._reason) >= _RANK.index(reason):
                return
            self._reason = reason
            process = self._process
        if reason is Reason.DROP:
            self.abandon()  # a server that knows nothing of it may answer in the place of the one that does
        if process is None:
            return
        match reason:
            case Reason.DROP:
                process.kill()
            case Reason.CANCEL:
                process.tell(Command(run=self.held.run, attempt=self.held.attempt, kind="cancel"))
                _kill_after(CANCEL_GRACE_SECONDS, process)
            case Reason.SHUTDOWN:
                process.terminate()
                _kill_after(INTERRUPT_GRACE_SECONDS, process)

    def abandon(self) -> None:
        """Try no longer to reach the server; the spool keeps what it has not got for the next agent here."""
        self._is_abandoned.set()
        if self._sender is not None:
            self._sender.stop()

    def _run(self) -> None:
        try:
            words = self._train_and_report()
        except Exception as error:  # a full disk, no more processes: the job must not stay open on the server
            request = of_exception(self.held.attempt, error)
            with contextlib.suppress(ClientError):
                self._client.finish(self.held.run, request)
            self.abandon()  # or the sender would follow the spool for ever
            words = f"failed: {error}"
        self._has_trained.set()
        self._on_end(self, words)

    def _train_and_report(self) -> str:
        spool, lock = Spool.create(
            self._folders.spools,
            run=self.held.run,
            attempt=self.held.attempt,
            name=self.assignment.name,
            home=self._home,
        )
        with contextlib.closing(lock):
            self._sender = Sender(
                spool,
                self._client,
                on_commands=self._hear,
                on_refused=self._take_refusal,
                on_stored=self._pass_on_notes,
            )
            self._sender.start()
            exit_ = self._run_process(spool)
            self._has_trained.set()
            request = self._ending(spool, exit_)
            self.ending = request
            if self._reason is Reason.DROP:
                self._sender.stop()
                spool.close()
                return "dropped"
            spool.write_finish(request)
            match self._report(spool, self._sender, request):
                case Outcome.LEFT:
                    return f"{request.state}, to be reported later"
                case Outcome.REFUSED:
                    spool.close()
                    return f"{request.state}, which the server refused to hear; kept in {spool.directory}"
            if self._sender.progress is Progress.REFUSED and self._refusal is None:  # at the very end
                spool.close()
                return "dropped"
            self._folders.delivered(spool)
            return request.state if request.cause is None else f"{request.state} ({request.cause})"

    def _run_process(self, spool: Spool) -> Exit:
        with self._lock:
            if self._reason is not None:  # ended before it began
                return Exit()
            order = Order(
                assignment=self.assignment,
                spool=spool,
                checkpoints=self._folders.checkpoints,
                variables=self._variables,
            )
            self._process = self._executor.start(order)
        return self._process.wait()

    def _ending(self, spool: Spool, exit_: Exit) -> FinishRequest:
        """What to tell the server; the job's own word counts, where it ended by itself."""
        attempt = self.held.attempt
        said = None if exit_.lost else spool.read_finish()
        if said is not None and said.state not in ("interrupted", "cancelled"):
            return said
        if self._refusal is not None:
            return failed(attempt, "error", f"The server refused a record of this run: {self._refusal}")
        if self._reason is Reason.CANCEL:
            return FinishRequest(attempt=attempt, state="cancelled")
        if self._reason is Reason.SHUTDOWN:
            return FinishRequest(attempt=attempt, state="interrupted", error="The worker was stopped.")
        if said is not None:
            return said
        if exit_.lost:
            return FinishRequest(attempt=attempt, state="interrupted", error=exit_.lost)
        return of_exit(attempt, exit_.code, killed_for_memory=exit_.killed_for_memory)

    def _report(self, spool: Spool, sender: Sender, request: FinishRequest) -> Outcome:
        """Send the rest and the ending, for as long as it takes. Left: abandoned before."""
        sender.drain()
        if sender.progress not in (Progress.DRAINED, Progress.REFUSED):
            return Outcome.LEFT
        backoff = Backoff(longest_seconds=5.0)
        while (outcome := finish(spool, self._client, request).outcome) is Outcome.LEFT:
            if self._is_abandoned.wait(backoff.next_seconds()):
                break
        return outcome

    def _hear(self, commands: Sequence[str]) -> None:
        if "cancel" in commands:
            self.stop(Reason.CANCEL)

    def _pass_on_notes(self, batch: IngestBatch) -> None:
        for line in batch.logs:
            if line.stream == "worker":
                self._on_note(self.assignment, line.text)

    def _take_refusal(self, error: ClientError) -> None:
        """409 and 404: somebody else's, ended, or deleted. Anything else is a fault worth a word."""
        if error.status not in (404, 409):
            self._refusal = error
        self.stop(Reason.CANCEL if self._refusal else Reason.DROP)


def _kill_after(seconds: float, process: Process) -> None:
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
