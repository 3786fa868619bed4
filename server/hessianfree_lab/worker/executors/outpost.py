"""A job on a node of a cluster that shares no disk with its agent: what stands there in the agent's place.

The outpost gives the job's runner a spool on the node's disk, and hands out what comes into it, piece by piece. It
knows neither the server nor a token, and needs no more of the node than the same version of this package.
"""

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from hessianfree_lab.client.extents import MAX_OUTPUT_BYTES
from hessianfree_lab.client.spool import (
    FINISH,
    RECORDS,
    RELAYED,
    STDERR,
    STDOUT,
    Spool,
    SpoolInUse,
    SpoolLock,
)
from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Assignment, Command
from hessianfree_lab.training.seat import Seat, listen
from hessianfree_lab.variables import PROBLEMS
from hessianfree_lab.version import __version__
from hessianfree_lab.worker.announcing import ask_training
from hessianfree_lab.worker.executors.interface import Exit
from hessianfree_lab.worker.executors.local import LocalProcess
from hessianfree_lab.worker.placement import job_environment
from hessianfree_lab.worker.runner import SPEC

PRINTED: Mapping[str, int | None] = {STDOUT: MAX_OUTPUT_BYTES, STDERR: MAX_OUTPUT_BYTES}
FOLLOWED: Mapping[str, int | None] = {RECORDS: None, **PRINTED}
"""The files whose contents are handed out while they grow, and up to where."""

_PREFIX, _LOCK = "hessianfree-job-", "lock"

PIECE_BYTES = 2**20
LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Mission:
    """What is sent to an outpost. `earlier`: lines that earlier attempts recorded and the server has not.

    `problems_here`: the folder with problems of one's own is the one that the outpost is started in. `seat`: which of
    the job's processes stands there, if they are several; the port of rank 0 is found when that one begins.
    """

    version: str
    assignment: Assignment
    earlier: bytes
    variables: Mapping[str, str]
    problems_here: bool
    seat: Seat | None = None

    def found_at(self, port: int) -> Self:
        """With the port of rank 0."""
        return replace(self, seat=self.seat and replace(self.seat, port=port))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an outpost stands: its node, as Ray knows it, and by name and address; the GPUs it was given there."""

    node: str
    name: str
    address: str
    gpus: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class News:
    """What has come since: by file, the bytes from the position that was asked for. `exit`: with the last of them."""

    pieces: Mapping[str, bytes]
    exit: Exit | None = None


class Outpost:
    """One job on this node, or one of its processes. Any thread may call, before its end and after."""

    def __init__(self) -> None:
        self._process: LocalProcess | None = None
        self._exit: Exit | None = None
        self._spool: Spool | None = None
        self._home: Path | None = None
        self._lock: SpoolLock | None = None  # until this process ends

    def place(self) -> Place:
        import ray

        context = ray.get_runtime_context()
        return Place(
            node=context.get_node_id(),
            name=socket.gethostname(),
            address=ray.util.get_node_ip_address(),
            gpus=context.get_accelerator_ids().get("GPU", []),
        )

    def begin(self, mission: Mission) -> int:
        """Start the job; the port at which rank 0 of several listens. Raises `LabError` for another version here."""
        check_version(mission.version)
        _remove_abandoned()
        home = self._home = Path(tempfile.mkdtemp(prefix=_PREFIX))
        (home / "new").touch()
        self._lock = SpoolLock(home / "new")
        (home / "new").rename(home / _LOCK)  # nobody finds it unlocked while this process lives
        assignment = mission.assignment
        if mission.earlier:
            # One spool stands for all of them: the runner looks beside its own for what is not sent yet.
            before, lock = Spool.create(home, run=assignment.run, attempt=assignment.attempt - 1)
            with closing(lock):
                (before.directory / RECORDS).write_bytes(mission.earlier)
        self._spool, lock = Spool.create(home, run=assignment.run, attempt=assignment.attempt)
        lock.close()
        (self._spool.directory / RELAYED).write_text("0")
        (self._spool.directory / SPEC).write_text(assignment.model_dump_json())
        environment = job_environment(1) | dict(mission.variables) | _place(here=mission.problems_here)
        checkpoints, seat = home / "checkpoints", mission.seat
        if seat is None:
            port = 0
            with closing(self._spool.writer()) as writer:
                writer.append_note(f"It runs on the node {socket.gethostname()}.")
            self._process = LocalProcess(
                self._spool.directory, checkpoints=checkpoints, environment=environment
            )
        elif seat.rank == 0:
            with listen(seat.host, seat.size) as listening:
                port = int(listening.getsockname()[1])
                self._process = LocalProcess(
                    self._spool.directory,
                    checkpoints=checkpoints,
                    environment=environment | replace(seat, port=port).variables(),
                    listening=listening,
                )
        else:
            port = seat.port
            self._process = LocalProcess(
                self._spool.directory,
                checkpoints=checkpoints / assignment.run,
                environment=environment | seat.variables(),
                module="follower",
            )
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        return port

    def read(self, positions: Mapping[str, int], wait_seconds: float) -> News:
        """What is behind these positions, which are bytes by file; waits a little for it where there is nothing yet.

        What is before them the agent has: until then the job puts no checkpoint of it where others find it.
        """
        assert self._spool is not None
        if RECORDS in positions:
            (self._spool.directory / RELAYED).write_text(str(positions[RECORDS]))
        deadline = time.monotonic() + wait_seconds
        while True:
            exit_ = self._exit  # before the look: what it said last is there then
            pieces = {name: _piece(self._spool.directory / name, start, FOLLOWED[name])
                      for name, start in positions.items()}  # fmt: skip
            pieces = {name: piece for name, piece in pieces.items() if piece}
            if pieces or time.monotonic() > deadline:
                return News(pieces=pieces)
            if exit_ is not None:
                with suppress(FileNotFoundError):
                    pieces[FINISH] = (self._spool.directory / FINISH).read_bytes()
                return News(pieces=pieces, exit=exit_)
            time.sleep(LOOK_SECONDS)

    def tell(self, command: Command) -> None:
        if self._process is not None:
            self._process.tell(command)

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def leave(self) -> None:
        """All that was here is with the agent."""
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)

    def _watch(self, process: LocalProcess) -> None:
        self._exit = process.wait()


def training_here(version: str, variables: Mapping[str, str], *, problems_here: bool) -> dict[str, Any]:
    """What training offers on this node, as `ask_training`."""
    check_version(version)
    os.environ |= {**variables, **_place(here=problems_here)}
    return ask_training()


def check_version(version: str) -> None:
    """Raise `LabError` where the agent has another one: they speak to each other, and to the same server."""
    if version != __version__:
        raise LabError(
            f"The worker has version {version} of hessianfree-lab, and a node of its cluster version {__version__}; "
            "they must be the same."
        )


def _place(*, here: bool) -> dict[str, str]:
    return {PROBLEMS: str(Path.cwd())} if here else {}


def _piece(path: Path, start: int, most: int | None) -> bytes:
    """What is behind `start`, not beyond `most`: a longer file is about to be cut there."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(PIECE_BYTES if most is None else max(0, min(PIECE_BYTES, most - start)))
    except FileNotFoundError:
        return b""


def _remove_abandoned() -> None:
    """What outposts have left here that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(SpoolInUse, OSError), closing(SpoolLock(path)):  # at work, or another user's
            shutil.rmtree(path.parent)
