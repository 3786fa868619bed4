"""Workers, and what they can train."""

from collections.abc import Sequence
from typing import Protocol

from hessianfree_lab.records import (
    Announcement,
    Capacity,
    Command,
    DeviceLoad,
    HeldRun,
    OptimizerInfo,
    ProblemInfo,
    Worker,
)


class Workers(Protocol):
    """Workers: registered, heard, gone."""

    def add_worker(self, announcement: Announcement, *, token_id: str | None = None) -> str:
        """Register a worker, with the token of that id; its new id. Its problems and optimizers stay known for good."""
        ...

    def heartbeat(
        self, worker_id: str, held: Sequence[HeldRun], load: Sequence[DeviceLoad] = ()
    ) -> list[Command]:
        """Renew the leases of the attempts named, and say what is to be done with them.

        `cancel` for each that is to stop; `drop` for each that is no longer this worker's; otherwise the controls
        that the job has not yet said to have done, in the order of asking. `load`: of the worker's devices, now.
        """
        ...

    def set_capacity(self, worker_id: str, capacity: Capacity) -> None:
        """From now on the worker has these slots and devices; what it holds goes on."""
        ...

    def remove_worker(self, worker_id: str) -> None:
        """The worker leaves; what it holds ends as `interrupted`."""
        ...

    def workers(self) -> list[Worker]:
        """Workers seen within a day, newest first; `gone` when left or silent for longer than a lease.

        Those that live and were heard within a minute have the load that they told of last.
        """
        ...

    def problems(self) -> list[ProblemInfo]:
        """Every problem ever announced, in its latest form, by name."""
        ...

    def optimizers(self) -> list[OptimizerInfo]:
        """Every optimizer ever announced, in its latest form, by name."""
        ...
