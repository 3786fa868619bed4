"""Which queued job a worker is to get."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, Select, func, select, true

from hessianfree_lab.lifecycle import State
from hessianfree_lab.records import Offer
from hessianfree_lab.store.tables import runs


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a worker can train, and on what.

    `supplies` are by problem and option the choices whose data it has. `offer`: on which of its GPUs there is room;
    None: on all.
    """

    problems: Sequence[str]
    optimizers: Sequence[str]
    devices: Sequence[str]
    supplies: Mapping[str, Mapping[str, Sequence[str]]]
    offer: Offer | None = None

    @property
    def cuda(self) -> list[str]:
        return [name for name in self.devices if name.startswith("cuda")]

    @property
    def room(self) -> list[str]:
        return self.cuda if self.offer is None else [name for name in self.cuda if name in self.offer.room]

    @property
    def most(self) -> int:
        """As many GPUs as a job may have now."""
        whole = len(self.cuda) if self.offer is None else self.offer.whole
        return max(whole, 1 if self.room else 0)


def oldest_fitting(worker: Abilities) -> Select[str]:
    """The id of the queued job that a worker is to get: by priority, then age.

    A job that does not name its choice of data, being older than the option, is not held back. "auto" means a GPU where
    there are some, and waits for room on them. A job for several GPUs, which would never find them free at once,
    holds back those behind it that take one.
    """
    return (
        select(runs.c.id)
        .where(
            *_knows(runs, worker),
            *_finds_room(worker),
            *_lets_pass(worker),
        )
        .order_by(runs.c.priority.desc(), runs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # not on SQLite, which has one writer anyway
    )


def _knows(job: FromClause, worker: Abilities) -> Iterator[ColumnElement[bool]]:
    """What has nothing to do with devices."""
    yield job.c.state == State.QUEUED.value
    yield job.c.problem.in_(worker.problems)
    yield job.c.optimizer.in_(worker.optimizers)
    for problem, options in worker.supplies.items():
        for option, there in options.items():
            choice = job.c.spec["problem_params"][option].as_string()
            yield (job.c.problem != problem) | func.coalesce(choice.in_(there), true())


def _finds_room(worker: Abilities) -> Iterator[ColumnElement[bool]]:
    room = worker.room
    yield runs.c.cuda_device.is_(None) | runs.c.cuda_device.in_(["cuda", *room] if room else [])
    yield runs.c.gpus <= worker.most
    if worker.cuda and not room:
        yield _is_on_cpu()


def _lets_pass(worker: Abilities) -> Iterator[ColumnElement[bool]]:
    """Not what is behind a job that waits for more GPUs than there are free now, and gets them in time."""
    offer = worker.offer
    if offer is None or offer.most < 2 or offer.most <= worker.most:
        return
    waiting = runs.alias("waiting")
    first = (
        select(waiting)
        .where(*_knows(waiting, worker), waiting.c.gpus > worker.most, waiting.c.gpus <= offer.most)
        .order_by(waiting.c.priority.desc(), waiting.c.id)
        .limit(1)
    )
    priority = first.with_only_columns(waiting.c.priority).scalar_subquery()
    run_id = first.with_only_columns(waiting.c.id).scalar_subquery()
    is_before = (runs.c.priority > priority) | ((runs.c.priority == priority) & (runs.c.id < run_id))
    yield _is_on_cpu() | run_id.is_(None) | is_before


def _is_on_cpu() -> ColumnElement[bool]:
    is_on_cpu: ColumnElement[bool] = runs.c.spec["device"].as_string() == "cpu"
    return is_on_cpu
