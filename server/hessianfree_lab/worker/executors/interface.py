"""Where the jobs of a worker run, as its agent sees it: an executor starts one, and gives a handle to it.

What a job records and prints comes into the files of its attempt's spool on the agent's machine, wherever the job is;
from there everything goes on alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hessianfree_lab.client.spool import Spool
from hessianfree_lab.records import (
    Announcement,
    Assignment,
    Capacity,
    Command,
    DeviceLoad,
    FinishRequest,
    JobSpec,
    Offer,
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """An attempt to run. `checkpoints` are those of all runs on this machine; `variables`, of the job's environment."""

    assignment: Assignment
    spool: Spool
    checkpoints: Path
    variables: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a job's process ended.

    `code` is negative for a signal. `lost`: a sentence where that is not known, since the place it ran in has gone or
    was taken from it; what the job itself may have said before does not count then.
    """

    code: int = 0
    killed_for_memory: bool = False
    lost: str = ""


class Process(Protocol):
    """The handle to a job that was started. Any thread may call; none of it fails for a job that has ended."""

    def wait(self) -> Exit:
        """How it ended, once it and everything it started has, and all it said is in the spool. Called once."""
        ...

    def tell(self, command: Command) -> None:
        """Pass a command on; it may get lost: whoever gave it repeats it."""
        ...

    def terminate(self) -> None:
        """Ask the job to end with its step, a checkpoint kept."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Executor(Protocol):
    """A place where jobs run."""

    def announcement(self, name: str) -> Announcement:
        """What a worker of this name can train there. Raises `LabError` where training cannot be loaded."""
        ...

    def capacity(self) -> Capacity:
        """How many jobs at a time, and on which devices: as it is now."""
        ...

    def slots_of(self, spec: JobSpec) -> int:
        """How many of the slots a job takes."""
        ...

    # The next three are for a place whose GPUs the worker itself shares out.

    def offer(self) -> Offer | None:
        """On which GPUs there is room now; None: the place itself sees to it."""
        return None

    def expect(self, assignment: Assignment) -> None:  # noqa: ARG002
        """A job was claimed, and has its place from now on."""
        return

    def ended(self, assignment: Assignment, ending: FinishRequest | None) -> None:  # noqa: ARG002
        """It does not need that any more, however it ended, if it has started at all."""
        return

    def load(self) -> list[DeviceLoad]:
        """What its devices are busy with; may take its time."""
        ...

    def start(self, order: Order) -> Process:
        """Start a job, or see to it that it starts as soon as there is room. Raises `LabError` or OSError."""
        ...

    def close(self) -> None:
        """No job of this worker runs there any more."""
        ...
