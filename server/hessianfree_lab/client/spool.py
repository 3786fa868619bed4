"""A run's records on the local disk, from the moment they are made until the server has them.

A spool is a directory of append-only files with one writer each, so that a crash of any process loses nothing:

    owner.json      which run and attempt this is, and at which server
    lock            locked by whoever sends from here
    records.jsonl   one record a line, written by the process that trains
    stdout.log, stderr.log   what that process printed (jobs only)
    sent.json       how far the sender has come
    finish.json     how the attempt ended
    relayed         how many bytes of records.jsonl are on the agent's disk, where that is another machine's
    closed          nothing more is sent from here by itself: the server takes no more of it, but an attempt that goes
                    on from a checkpoint may need it; or the server refused it, and `hessianfree sync` tries again

A step counts as recorded when it is on the disk, not merely with the kernel: whoever sends records brings them there
first.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from hessianfree_lab.client.connection import Home
from hessianfree_lab.records import Applied, FinishRequest
from hessianfree_lab.records.steps import CGTrace, Landscape, Spectrum, StepRecord

OWNER, LOCK, RELAYED = "owner.json", "lock", "relayed"
RECORDS, STDOUT, STDERR, FINISH = "records.jsonl", "stdout.log", "stderr.log", "finish.json"

RELAY_LOOK_SECONDS = 0.02

KINDS: dict[type[BaseModel], str] = {
    StepRecord: "step",
    CGTrace: "cg",
    Spectrum: "spectrum",
    Landscape: "landscape",
    Applied: "applied",
}
"""How a line of records.jsonl says what it holds; "environment", "resumed_from" and "note" mark plain values."""


class SpoolInUse(RuntimeError):
    """Another process sends from this spool."""


@dataclass(frozen=True, kw_only=True)
class Spool:
    """The directory of one attempt at one run.

    `name` is the run's. `home`: the server that has the run; None: none yet, or one that did not say who it is.
    """

    directory: Path
    run: str
    attempt: int
    name: str
    home: Home | None

    @classmethod
    def create(
        cls, root: Path, *, run: str, attempt: int, name: str | None = None, home: Home | None = None
    ) -> tuple[Self, "SpoolLock"]:
        """A new, empty spool below `root`, locked by its creator; an earlier one of the same attempt is removed."""
        directory = root / f"{run}-{attempt}"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        (directory / LOCK).touch(mode=0o600)
        spool = cls(directory=directory, run=run, attempt=attempt, name=name or run, home=home)
        lock = spool.lock()  # before there is an owner: nobody else finds it unlocked
        spool.write_owner()
        return spool, lock

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The spool that is there. Raises OSError or ValueError where there is none."""
        owner = json.loads((directory / OWNER).read_text())
        try:
            return cls(
                directory=directory,
                run=str(owner["run"]),
                attempt=int(owner["attempt"]),
                name=str(owner.get("name", owner["run"])),
                home=Home(**owner["home"]) if owner.get("home") else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{directory / OWNER} says {owner!r}") from error

    def write_owner(self) -> None:
        """Write down whose spool this is."""
        owner = {"run": self.run, "attempt": self.attempt, "name": self.name}
        told = owner if self.home is None else owner | {"home": asdict(self.home)}
        write_atomically(self.directory / OWNER, json.dumps(told))

    @classmethod
    def all_below(cls, root: Path) -> Iterator[Self]:
        """Every spool below `root`, oldest run first."""
        for owner in sorted(root.glob(f"*/{OWNER}")):
            try:
                spool = cls.open(owner.parent)
            except (
                OSError,
                ValueError,
            ):  # just removed by another process, or another user's; or its disk lost power
                continue
            yield spool

    def lock(self) -> "SpoolLock":
        """Become the only sender of this spool, until the lock is closed or this process dies.

        Raises `SpoolInUse` when somebody else is, FileNotFoundError when it has just been removed.
        """
        return SpoolLock(self.directory / LOCK)

    def writer(self) -> "SpoolWriter":
        return SpoolWriter(self.directory / RECORDS)

    def belongs_elsewhere(self, home: Home | None) -> bool:
        """Whether another server than this one has the run."""
        return self.home is not None and (home is None or home.id != self.home.id)

    def write_finish(self, request: FinishRequest) -> None:
        write_atomically(self.directory / FINISH, request.model_dump_json())

    def read_finish(self) -> FinishRequest | None:
        """How the attempt ended; None: it has not, or its process died before it could say."""
        try:
            return FinishRequest.model_validate_json((self.directory / FINISH).read_text())
        except (FileNotFoundError, ValueError):
            return None

    @property
    def is_closed(self) -> bool:
        """Whether there is nothing more to be sent from here."""
        return (self.directory / "closed").exists()

    def close(self) -> None:
        """Send no more from here; keep what is here."""
        (self.directory / "closed").touch()

    def sync_records(self) -> None:
        """Bring what was appended to the disk. OSError when that fails."""
        try:
            file = os.open(self.directory / RECORDS, os.O_RDONLY)
        except FileNotFoundError:  # nothing was recorded yet
            return
        try:
            os.fdatasync(file)
        finally:
            os.close(file)

    def wait_until_relayed(self, seconds: float) -> None:
        """Wait until the agent has what was recorded, at most so long; at once where it reads the same disk."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if (
                    int((self.directory / RELAYED).read_text() or 0)
                    >= (self.directory / RECORDS).stat().st_size
                ):
                    return
            except FileNotFoundError:
                return
            time.sleep(RELAY_LOOK_SECONDS)

    def remove(self) -> None:
        """Forget everything: the server has it, or nobody wants it."""
        (self.directory / OWNER).unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)


class SpoolLock:
    """An advisory lock on a file that is there, which the kernel releases when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise SpoolInUse(f"{path.parent} is in use by another process") from error
        if os.fstat(self._file).st_nlink == 0:  # its holder has removed it, and only then let go
            os.close(self._file)
            raise FileNotFoundError(path)

    def close(self) -> None:
        os.close(self._file)


class SpoolWriter:
    """Appends records. When `append` returns they are in the kernel's hands: they survive this process.

    Of what cannot be written as a whole (a full disk: OSError) nothing is left.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, *records: StepRecord | CGTrace | Spectrum | Landscape | Applied) -> None:
        """Append records with one write, so that a step and its trace are there together."""
        lines = [f'{{"{KINDS[type(record)]}":{record.model_dump_json()}}}\n' for record in records]
        self._write("".join(lines).encode())

    def append_environment(self, environment: dict[str, Any]) -> None:
        self._append_plain("environment", environment)

    def append_note(self, text: str) -> None:
        """A line for the run's log."""
        self._append_plain("note", text)

    def append_resumption(self, step: int) -> None:
        """This attempt begins from the checkpoint of `step`."""
        self._append_plain("resumed_from", step)

    def append_lines(self, lines: Iterable[bytes]) -> None:
        """Lines of the records of an earlier attempt, as they stand there."""
        self._write(b"".join(lines))

    def sync(self) -> None:
        """Bring what was appended to the disk: it then survives the machine."""
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)

    def _append_plain(self, kind: str, value: Any) -> None:
        self._write(json.dumps({kind: value}).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        before = os.fstat(self._file).st_size
        view = memoryview(data)
        try:
            while view:  # a signal or a full disk can cut a write short
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, before)  # or the next record would be glued to half of this one
            raise


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a sender has read: bytes of each file, and log lines numbered so far."""

    records: int = 0
    stdout: int = 0
    stderr: int = 0
    lines: int = 0


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What sent.json says: everything before `done` is stored; `done` to `underway` was sent, maybe in vain.

    Whoever takes the spool over sends exactly that extent again, so that log lines keep their numbers.
    """

    done: Position = Position()
    underway: Position = Position()

    @classmethod
    def read(cls, directory: Path) -> Self:
        try:
            data = json.loads((directory / "sent.json").read_text())
            return cls(done=Position(**data["done"]), underway=Position(**data["underway"]))
        except (
            FileNotFoundError,
            ValueError,
            KeyError,
            TypeError,
        ):  # none yet, or damaged: the server drops what it has
            return cls()

    def write(self, directory: Path) -> None:
        write_atomically(directory / "sent.json", json.dumps(asdict(self)))


def write_atomically(path: Path, text: str) -> None:
    """Replace the file: a reader sees the old or the new text, never a part, also after a power cut."""
    scratch = path.with_name(path.name + ".new")
    with scratch.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
