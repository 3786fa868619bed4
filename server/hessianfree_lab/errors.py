"""Errors meant for a person: each message is a whole sentence with the name, the value and what is allowed.

LabError
├── ConfigurationError        a setting, a port, a directory or a database cannot be used
│   └── NewerDatabase         the database was written by a newer version
├── DatabaseUnavailable       the database cannot, now; nothing was stored
│   └── DatabaseFull          for want of space
├── NoSpace                   a disk has no room for a file
├── StorageUnavailable        the place where files are kept cannot do it, now; also an OSError
│   └── StorageDenied         nor later: it denies access, or is not there
├── RunNotFound
├── WorkerNotFound
├── SweepNotFound
├── RecordNotFound            the run is there; what it was asked for is not
├── WrongState                the run's state does not allow it
│   └── StaleAttempt          a write of an attempt that is not the current one, or has ended
├── ArtifactTooLarge          a file, or all files of a run, would be larger than allowed
├── InvalidRequest            a value that a request carries; lists every fault with its path
└── ClientError               what a server answered to a client
    └── ServerUnreachable     no server answers there
        └── AnswerLost        the request went out, and no answer came
"""

from collections.abc import Sequence
from dataclasses import dataclass


class LabError(Exception):
    """Root of all errors whose text is meant for a person."""


class ConfigurationError(LabError):
    """A setting, a port, a directory or a database cannot be used as asked."""


class NewerDatabase(ConfigurationError):
    """The database's schema is unknown here: a newer version wrote it."""


class DatabaseUnavailable(LabError):
    """The database cannot do what was asked, now: read-only, held by another program, away. Nothing was stored."""


class DatabaseFull(DatabaseUnavailable):
    """There is no space left where the database lies."""


class NoSpace(LabError):
    """There is no space left for a file."""


class StorageUnavailable(LabError, OSError):
    """Where files of runs are kept somewhere else: it cannot do what was asked, now."""


class StorageDenied(StorageUnavailable):
    """Nor will it until somebody changes that: it denies access, the credentials are wrong, or it is not there."""


class RunNotFound(LabError):
    """No run has this id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no run {run_id!r}.")
        self.run_id = run_id


class WorkerNotFound(LabError):
    """No worker has this id: it never registered here, or has left; it may register again."""

    def __init__(self, worker_id: str) -> None:
        super().__init__(f"There is no worker {worker_id!r}: register again.")
        self.worker_id = worker_id


class SweepNotFound(LabError):
    """No sweep has this id."""

    def __init__(self, sweep_id: str) -> None:
        super().__init__(f"There is no sweep {sweep_id!r}.")
        self.sweep_id = sweep_id


class RecordNotFound(LabError):
    """The run is there; the trace or landscape it was asked for is not."""


class ArtifactTooLarge(LabError):
    """A file, or all files of a run together, would be larger than allowed. Nothing was stored."""


class WrongState(LabError):
    """The run's state does not allow what was asked. `state` is its state now."""

    def __init__(self, message: str, *, state: str) -> None:
        super().__init__(message)
        self.state = state


class StaleAttempt(WrongState):
    """A write of an attempt that is not the run's current one, or that has ended. Nothing was stored."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: `path` is dotted (`optimizer_params.damping`), `message` a sentence.

    `position`: the character of a text that was to be read, from 0, at which it is wrong.
    """

    path: str
    message: str
    position: int | None = None


class InvalidRequest(LabError):
    """Values that a request carries are not allowed; `faults` has every one."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(" ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


class MalformedDocument(LabError):
    """A text is not the YAML or JSON it should be; says where, from line and column 1."""

    def __init__(
        self, language: str, problem: str, line: int | None = None, column: int | None = None
    ) -> None:
        place = "" if line is None else f" at line {line}, column {column}"
        super().__init__(f"This is not valid {language}{place}: {problem}.")
        self.line = line
        self.column = column


class ClientError(LabError):
    """What a server answered: the HTTP status, and title, detail and faults of its problem+json.

    `server`: which server it was; None: what answered did not say, so that it may be none of ours.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        errors: Sequence[Fault] = (),
        state: str | None = None,
        server: str | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.state = state
        self.server = server


class ServerUnreachable(ClientError):
    """No server answers at `url`."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(0, "No server answers", f"No server answers at {url}: {reason}.")
        self.url = url


class AnswerLost(ServerUnreachable):
    """The connection to the server was lost after the request went out: it may have done what was asked."""
