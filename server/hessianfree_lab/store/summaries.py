"""First, last, smallest and largest of every metric, kept as the steps come in.

Whatever order the steps come in, and in whatever pieces, the outcome is that of one pass over the sorted record.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from hessianfree_lab.records import Extremes, RunSummary, Scalar, decode, encode
from hessianfree_lab.records.scalars import to_float
from hessianfree_lab.store.tables import summaries
from hessianfree_lab.store.transaction import Transaction

# A metric that was once text is a column of text in an export, whatever else it was.
_RANK = {"flag": 0, "number": 1, "text": 2}

# Asked of every batch, and made once: building a statement costs more than running it.
_OF_RUN = select(summaries).where(summaries.c.run_id == bindparam("run"))
_CHANGE = update(summaries).where(
    summaries.c.run_id == bindparam("of_run"), summaries.c.metric == bindparam("of_metric")
)


@dataclass(kw_only=True)
class Summary:
    """One metric so far. `first` and `last` may be any float, `min` and `max` are over finite ones."""

    kind: str = "flag"
    first_step: int | None = None
    first: float | None = None
    last_step: int | None = None
    last: float | None = None
    min: float | None = None
    best_step: int | None = None
    max: float | None = None

    def add_all(self, steps: Sequence[int], values: Sequence[Scalar]) -> None:
        """Take in the values at steps that were not there before, ascending."""
        types = set(map(type, values))
        if types <= {float, int}:
            numbers = list(map(to_float, values))
            if math.isfinite(sum(numbers)):  # then each of them is
                self._add_finite(steps, numbers)
                return
        for step, value in zip(steps, values, strict=True):
            if value is not None:
                self.add(step, value)

    def _add_finite(self, steps: Sequence[int], numbers: list[float]) -> None:
        """The bounds of all of them say what one by one would."""
        low, high = min(numbers), max(numbers)
        for index in sorted({0, numbers.index(low), numbers.index(high), len(numbers) - 1}):
            self.add(steps[index], numbers[index])

    def add(self, step: int, value: float | bool | str) -> None:
        """Take in the value at a step that was not there before."""
        kind = "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        if _RANK[kind] > _RANK[self.kind]:
            self.kind = kind
        if kind != "number":
            return
        number = to_float(value)
        if self.first_step is None or step < self.first_step:
            self.first_step, self.first = step, number
        if self.last_step is None or step > self.last_step:
            self.last_step, self.last = step, number
        if not math.isfinite(number):
            return
        if self.min is None or number < self.min:
            self.min, self.best_step = number, step
        elif number == self.min and self.best_step is not None:
            self.best_step = min(self.best_step, step)
        if self.max is None or number > self.max:
            self.max = number


def summarize(
    rows: Iterable[tuple[int, Mapping[str, Scalar]]], onto: Mapping[str, Summary] | None = None
) -> dict[str, Summary]:
    """Summaries of (step, metrics) rows, ascending, added to those of `onto`, which is left as it was."""
    result = {name: copy(summary) for name, summary in (onto or {}).items()}
    for names, alike in groupby(rows, key=lambda row: tuple(row[1])):
        steps, metrics = zip(*alike, strict=True)
        for name, values in zip(names, zip(*(row.values() for row in metrics), strict=True), strict=True):
            if name in result:
                result[name].add_all(steps, values)
            elif any(value is not None for value in values):
                result[name] = Summary()
                result[name].add_all(steps, values)
    return result


def find(tx: Transaction, run_id: str) -> dict[str, Summary]:
    """The stored summaries of one run, by metric."""
    return {
        row.metric: Summary(
            kind=row.kind,
            first_step=row.first_step,
            first=_from_columns(row.first, row.odd_first),
            last_step=row.last_step,
            last=_from_columns(row.last, row.odd_last),
            min=row.min,
            best_step=row.best_step,
            max=row.max,
        )
        for row in tx.connection.execute(_OF_RUN, {"run": run_id})
    }


def load(tx: Transaction, run_ids: Sequence[str]) -> dict[str, RunSummary]:
    """What the API shows of each run's numeric metrics."""
    if tx.kept is None:
        return _read(tx, run_ids)
    kept, version = tx.kept.summaries
    found = kept.find(run_ids)
    if missing := [run_id for run_id in run_ids if run_id not in found]:
        read = _read(tx, missing)
        kept.keep(read, version=version)
        found |= read
    return found


def _read(tx: Transaction, run_ids: Sequence[str]) -> dict[str, RunSummary]:
    shown: dict[str, RunSummary] = {run_id: {} for run_id in run_ids}
    query = select(summaries).where(summaries.c.run_id.in_(run_ids), summaries.c.kind == "number")
    # Sorted here: the order of names by a database's language is not that of their letters.
    for row in sorted(tx.connection.execute(query), key=lambda row: row.metric):
        # They were checked when they were made.
        shown[row.run_id][row.metric] = Extremes.model_construct(
            first=_from_columns(row.first, row.odd_first),
            last=_from_columns(row.last, row.odd_last),
            min=row.min,
            max=row.max,
            best_step=row.best_step,
        )
    return shown


def replace(tx: Transaction, run_id: str, new: Mapping[str, Summary], old: Mapping[str, Summary]) -> None:
    """Store `new` where `old` is stored: only what differs is written."""
    gone = [name for name in old if name not in new]
    if gone:
        tx.connection.execute(
            delete(summaries).where(summaries.c.run_id == run_id, summaries.c.metric.in_(gone))
        )
    changed = [
        {"of_run": run_id, "of_metric": name} | _to_columns(summary)
        for name, summary in new.items()
        if name in old and old[name] != summary
    ]
    if changed:
        tx.connection.execute(_CHANGE, changed)
    added = [
        {"run_id": run_id, "metric": name} | _to_columns(summary)
        for name, summary in new.items()
        if name not in old
    ]
    if added:
        tx.connection.execute(insert(summaries), added)


def _to_columns(summary: Summary) -> dict[str, Any]:
    columns = vars(summary) | {"odd_first": None, "odd_last": None}
    for name in ("first", "last"):
        value = columns[name]
        if value is not None and not math.isfinite(value):
            columns[name], columns[f"odd_{name}"] = None, encode(value)
    return columns


def _from_columns(number: float | None, odd: str | None) -> float | None:
    value: float | None = decode(odd) if odd is not None else number
    return value
