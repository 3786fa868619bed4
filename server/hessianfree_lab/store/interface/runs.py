"""Which runs, and what is done with a run as a whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from hessianfree_lab.records import JobSpec, Page, Run, RunChanges, RunPage, ScriptRun

MAX_PAGE = 200


@dataclass(frozen=True, kw_only=True)
class RunSelection:
    """Which runs. What is left empty lets everything through.

    `q`: words, each of which must occur in the name, problem, optimizer, a tag or the id. `filter`: docs/filters.md.
    """

    ids: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    problem: str | None = None
    optimizer: str | None = None
    tag: str | None = None
    q: str | None = None
    filter: str = ""
    archived: bool | None = False  # None: archived or not


@dataclass(frozen=True, kw_only=True)
class RunQuery(RunSelection):
    """Which runs, in which order.

    `sort`: any name of a filter, or `created_at`; `-` before it: descending. Runs without a (finite) value come last
    either way; equals are ordered newest first.
    """

    sort: str = "-created_at"
    limit: int = 50
    cursor: str | None = None


class Runs(Protocol):
    """Runs: made, found, changed, removed."""

    def add_job(self, spec: JobSpec, *, idempotency_key: str | None = None) -> tuple[Run, bool]:
        """Queue a validated spec. The run, and whether it is new: a key seen before answers its run unchanged."""
        ...

    def add_script_run(self, script: ScriptRun, *, idempotency_key: str | None = None) -> Run:
        """A run that a script records by itself: `running`, attempt 1, no worker, no lease.

        A key seen before answers its run unchanged.
        """
        ...

    def get_run(self, run_id: str) -> Run: ...

    def get_runs(self, run_ids: Sequence[str]) -> list[Run]:
        """The runs of these ids, in their order, as of one moment; `RunNotFound` for the first that is not there."""
        ...

    def states(self, run_ids: Collection[str]) -> dict[str, str]:
        """The states of these runs; those that are not there are left out."""
        ...

    def list_runs(self, query: RunQuery) -> RunPage:
        """One page, and how many there are in all.

        A filter or a sort that means nothing, or a cursor of another sort, raises `InvalidRequest`.
        """
        ...

    def queue(self, *, limit: int = 50, cursor: str | None = None) -> Page[Run]:
        """The queued jobs in the order in which they will be claimed, then the running and paused ones likewise."""
        ...

    def change_run(self, run_id: str, changes: RunChanges) -> Run:
        """Set what `changes` was given explicitly."""
        ...

    def set_priority(self, run_id: str, priority: int) -> Run:
        """Only while queued."""
        ...

    def remove_run(self, run_id: str) -> None:
        """Delete a run with everything recorded; not while an attempt is under way. What it takes up is free later."""
        ...

    def clear_removed(self) -> str | None:
        """Free a piece, some megabytes, of what a removed run takes up; its id. None: there is nothing left of any.

        It may be called again after any interruption: what is left is found.
        """
        ...

    def request_cancel(self, run_id: str) -> Run:
        """Without an attempt under way: `cancelled` at once. With one: `stop_requested`; asking twice is no error.

        A script's run that has been silent for longer than a lease has nobody to tell: `cancelled` at once.
        """
        ...

    def requeue(self, run_id: str, *, from_scratch: bool) -> Run:
        """Put an ended job back into the queue with `max_attempts` more attempts.

        `from_scratch` empties its record, controls included, and no later attempt uses a checkpoint of an earlier one.
        """
        ...
