"""The jobs that wait: in which order, for how long, and moves among them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update

from hessianfree_lab.errors import Fault, InvalidRequest, WrongState
from hessianfree_lab.lifecycle import State
from hessianfree_lab.records import JobSpec, Run, Worker
from hessianfree_lab.records.estimates import Estimate, Move, Place, Queue
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store import workers as worker_table
from hessianfree_lab.store.forecast import Crew, Line, Needs, Waiter, estimates, places
from hessianfree_lab.store.ranks import reranked
from hessianfree_lab.store.tables import attempts, runs
from hessianfree_lab.store.transaction import Transaction

Begin = Callable[[], AbstractContextManager[Transaction]]
Pace = dict[tuple[str, str], float]
"""Seconds a step by problem and optimizer."""

_LATEST_RUNS = 500  # whose pace lets expect that of those that wait
_IS_QUEUED = runs.c.state == State.QUEUED.value
_CLAIM_ORDER = (runs.c.priority.desc(), runs.c.id)
_CHOICE = "choice "
"""Begins the names of columns that hold what an option chooses."""
_NEW_PRIORITY = update(runs).where(runs.c.id == bindparam("run")).values(priority=bindparam("new"))


class Waiting:
    """The queue as a person sees it. Every method is one transaction."""

    def __init__(self, write: Begin, read: Begin) -> None:
        self._write = write
        self._read = read

    def page(self, *, start: int = 1, limit: int = 50) -> Queue:
        """The queued jobs from number `start` on, in the order of claims, each with an estimate of its wait."""
        with self._read() as tx:
            pace = _pace(tx)
            crews = _crews(tx, pace)
            rows = tx.connection.execute(_outlines(crews).limit(start - 1 + limit)).all()
            wanted = rows[start - 1 :]
            waiters = (_waiter(row, pace) for row in rows)
            guesses = list(estimates(crews, waiters, start - 1)) if wanted else []
            found = tx.connection.execute(select(runs).where(runs.c.id.in_([row.id for row in wanted]))).all()
            by_id = {run.id: run for run in run_table.assemble(tx, found)}
            count = tx.connection.scalar(select(func.count()).select_from(runs).where(_IS_QUEUED))
        items = [
            Place(position=position, run=by_id[row.id], estimate=guess)
            for position, (row, guess) in enumerate(zip(wanted, guesses, strict=True), start)
        ]
        return Queue(items=items, waiting=count or 0)

    def place(self, run_id: str) -> Place:
        """Where one queued job stands; `WrongState` for one that is not queued."""
        with self._read() as tx:
            row = _queued(tx, run_id)
            before = (runs.c.priority > row.priority) | (
                (runs.c.priority == row.priority) & (runs.c.id <= run_id)
            )
            pace = _pace(tx)
            crews = _crews(tx, pace)
            rows = tx.connection.execute(_outlines(crews).where(before)).all()
            waiters = (_waiter(each, pace) for each in rows)
            (guess,) = estimates(crews, waiters, len(rows) - 1)
            return Place(position=len(rows), run=run_table.get(tx, run_id), estimate=guess)

    def estimate(self, spec: JobSpec) -> Estimate:
        """How long a job would wait if it were queued now."""
        with self._read() as tx:
            pace = _pace(tx)
            crews = _crews(tx, pace)
            line = Line(crews)
            for row in tx.connection.execute(_outlines(crews).where(runs.c.priority >= spec.priority)):
                line.take(_waiter(row, pace))
            chosen = ((option, spec.problem_params.get(option)) for option in _choosing(crews))
            needs = Needs(
                problem=spec.problem,
                optimizer=spec.optimizer,
                cuda_device=spec.device if spec.device.startswith("cuda") else None,
                gpus=spec.gpus,
                choices=tuple((option, choice) for option, choice in chosen if isinstance(choice, str)),
            )
            return line.estimate(Waiter(needs=needs, seconds=0.0))

    def move(self, run_id: str, move: Move) -> Run:
        """Give priorities by which the job is claimed where `move` says. `WrongState` names who is not queued."""
        with self._write() as tx:
            _queued(tx, run_id)
            index, order = _target(tx, run_id, move)
            changes = reranked(order, index)
            if changes is None:
                message = "There are not enough priorities to put the queue in this order."
                raise InvalidRequest([Fault("", message)])
            if changes:
                tx.connection.execute(
                    _NEW_PRIORITY, [{"run": key, "new": new} for key, new in changes.items()]
                )
            # Of this run alone: it may have been thousands, and a queue that is shown is read anew as a whole.
            tx.emit_run(run_id)
            return run_table.get(tx, run_id)


def _target(tx: Transaction, run_id: str, move: Move) -> tuple[int, list[tuple[str, int]]]:
    """The queue in the order asked for, and where in it the moved job is."""
    rows = tx.connection.execute(select(runs.c.id, runs.c.priority).where(_IS_QUEUED).order_by(*_CLAIM_ORDER))
    order = {row.id: int(row.priority) for row in rows}
    moved = order.pop(run_id)
    others = list(order)
    anchor = move.before or move.after
    if anchor is None:
        index = 0 if move.to == "first" else len(others)
    elif anchor == run_id:
        key = "before" if move.before else "after"
        raise InvalidRequest([Fault(key, f"{key} is the job itself; it must be another one.")])
    else:
        _queued(tx, anchor)
        index = others.index(anchor) + (move.before is None)
    return index, [*list(order.items())[:index], (run_id, moved), *list(order.items())[index:]]


def _queued(tx: Transaction, run_id: str) -> Row[Any]:
    row = run_table.find(tx, run_id)
    if row.state != State.QUEUED:
        message = f"Run {run_id} ({row.name}) is {row.state}: only a queued job has a place in the queue."
        raise WrongState(message, state=row.state)
    return row


def _outlines(crews: Sequence[Crew]) -> Select[Any]:
    """Of the queued jobs, in the order of claims, what an estimate needs: no more, for there may be thousands."""
    params = runs.c.spec["problem_params"]
    choices = (params[option].as_string().label(_CHOICE + option) for option in _choosing(crews))
    limit = runs.c.spec["budget"]["seconds"].as_float().label("limit_seconds")
    needs = (runs.c.id, runs.c.problem, runs.c.optimizer, runs.c.cuda_device, runs.c.gpus)
    return (
        select(*needs, runs.c.step, runs.c.steps, runs.c.seconds, limit, *choices)
        .where(_IS_QUEUED)
        .order_by(*_CLAIM_ORDER)
    )


def _choosing(crews: Sequence[Crew]) -> list[str]:
    """The options that choose data somewhere."""
    return sorted({option for crew in crews for options in crew.supplies.values() for option in options})


def _waiter(row: Row[Any], pace: Pace) -> Waiter:
    needs = Needs(
        problem=row.problem,
        optimizer=row.optimizer,
        cuda_device=row.cuda_device,
        gpus=row.gpus,
        choices=tuple(
            (name.removeprefix(_CHOICE), choice)
            for name, choice in row._mapping.items()
            if name.startswith(_CHOICE) and choice is not None
        ),
    )
    return Waiter(needs=needs, seconds=_expected(row, row.limit_seconds, pace))


def _expected(row: Row[Any], limit_seconds: float | None, pace: Pace) -> float | None:
    """How long a run is still likely to train; None where neither its pace nor its end is known."""
    step_seconds = pace.get((row.problem, row.optimizer))
    by_steps = None if row.steps is None or step_seconds is None else (row.steps - row.step) * step_seconds
    by_time = None if limit_seconds is None else limit_seconds - row.seconds
    ends = [max(0.0, end) for end in (by_steps, by_time) if end is not None]
    return min(ends, default=None)


def _pace(tx: Transaction) -> Pace:
    """The median of the latest runs of each problem and optimizer."""
    latest = (
        select(runs.c.problem, runs.c.optimizer, runs.c.seconds_per_step)
        .where(runs.c.seconds_per_step.is_not(None))
        .order_by(runs.c.id.desc())
        .limit(_LATEST_RUNS)
    )
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for problem, optimizer, seconds in tx.connection.execute(latest):
        seen[problem, optimizer].append(seconds)
    return {key: median(values) for key, values in seen.items()}


def _crews(tx: Transaction, pace: Pace) -> Sequence[Crew]:
    """The workers that live, and when their slots become free."""
    workers = [worker for worker in worker_table.listing(tx) if worker.state != "gone"]
    held = select(runs).where(runs.c.id.in_([run_id for worker in workers for run_id in worker.runs]))
    by_id = {row.id: row for row in tx.connection.execute(held)}
    return [
        Crew(
            problems=frozenset(worker.problems),
            supplies=worker.supplies,
            optimizers=frozenset(worker.optimizers),
            cuda=frozenset(device.name for device in worker.devices if device.name.startswith("cuda")),
            slots=_slots(worker, [by_id[run_id] for run_id in worker.runs], pace),
        )
        for worker in workers
    ]


def _slots(worker: Worker, held: Sequence[Row[Any]], pace: Pace) -> list[float | None]:
    """When each becomes free; a job on several GPUs holds as many as could share them."""
    cuda = sum(device.is_gpu for device in worker.devices)
    ends: list[float | None] = []
    for row in held:
        ends += [_left(row, pace)] * places(row.gpus, slots=worker.slots, cuda=cuda)
    return ends + [0.0] * (worker.slots - len(ends))


def _left(row: Row[Any], pace: Pace) -> float | None:
    """Seconds until a held run is likely to end; None: it is held back, or nobody knows."""
    if row.stop_requested:
        return 0.0
    if row.state == State.PAUSED:
        return None
    known = run_table.eta_seconds(row)
    return known if known is not None else _expected(row, (row.spec.get("budget") or {}).get("seconds"), pace)


def longest_wait(tx: Transaction) -> float:
    """Seconds since the first of the queued jobs was submitted, or its last attempt ended; 0: none is queued."""
    ended_at = select(func.max(attempts.c.ended_at)).where(attempts.c.run_id == runs.c.id).scalar_subquery()
    since = tx.connection.scalar(
        select(func.min(func.coalesce(ended_at, runs.c.created_at))).where(_IS_QUEUED)
    )
    return max((tx.now - since).total_seconds(), 0.0) if since is not None else 0.0
