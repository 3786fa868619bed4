"""A run's steps as columns: for plots thinned, for figures those of several runs at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import select

from hessianfree_lab.records.series import Recording, Series, Window
from hessianfree_lab.store import attempts, axes, chunks, controls
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.rows import WALL_TIME, Column, Floats, Numbers, metrics_of
from hessianfree_lab.store.sampling import select_rows
from hessianfree_lab.store.tables import steps, summaries
from hessianfree_lab.store.transaction import Transaction

_LONG = 500
"""Rows from which on what was chosen of them is kept until their run changes: fewer are read as quickly."""
_AT_ONCE = 500
"""Steps in one look-up by number."""


def read(
    tx: Transaction,
    run_id: str,
    names: Sequence[str],
    *,
    x: str,
    start: int | None,
    stop: int | None,
    max_points: int | None,
) -> Series:
    """The rows from step `start` to `stop`, both included."""
    axes.check(x)
    run_table.find(tx, run_id)
    kinds = columns(tx, [run_id])[run_id]
    wanted = list(dict.fromkeys(names)) or [name for name, kind in kinds.items() if kind == "number"]
    piece = _read(tx, run_id, wanted, x, None if axes.counts_from_first(x) else start, stop)
    places = axes.places(x, piece.numbers, piece.columns.get(axes.column_of(x) or ""))
    begin = 0 if start is None else int(np.searchsorted(piece.numbers, start))
    rows = slice(begin, None)
    # The points are shared out between the metrics that have any.
    number = sum(bool(piece.columns[name][1][rows].any()) for name in wanted)
    if max_points is None or len(piece.numbers) - begin <= max_points:
        points = None
    else:
        points = max(2, max_points // max(1, number))
    return _shown(tx, run_id, piece, places, rows, wanted, kinds, x=x, points=points)


def recordings(
    tx: Transaction, run_ids: Sequence[str], names: Sequence[str], window: Window
) -> list[Recording]:
    """Several runs as figures draw them; of `names` those that a run has, and the first."""
    axes.check(window.x)
    found = run_table.get_many(tx, run_ids)
    kinds = columns(tx, run_ids)
    of_attempts, of_controls = attempts.of_runs(tx, run_ids), controls.of_runs(tx, run_ids)
    return [
        Recording(
            run=run,
            attempts=tuple(of_attempts[run.id]),
            controls=tuple(of_controls[run.id]),
            series=_kept(tx, run.id, tuple(names), kinds[run.id], window),
        )
        for run in found
    ]


def columns(tx: Transaction, run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By run, the metrics it has, in alphabetical order, and the kind of each."""
    query = select(summaries.c.run_id, summaries.c.metric, summaries.c.kind).where(
        summaries.c.run_id.in_(run_ids)
    )
    found: dict[str, dict[str, Any]] = {run_id: {} for run_id in run_ids}
    for run_id, metric, kind in sorted(tx.connection.execute(query)):
        found[run_id][metric] = kind
    return found


def _kept(
    tx: Transaction, run_id: str, names: tuple[str, ...], kinds: Mapping[str, str], window: Window
) -> Series:
    """The series as it was read last, until its run changes."""
    if tx.kept is None:
        return _within(tx, run_id, names, kinds, window)
    kept, version = tx.kept.series
    question = (names, window)
    known = kept.find([run_id], question)
    if run_id in known:
        return known[run_id]
    series = _within(tx, run_id, names, kinds, window)
    if series.total >= _LONG:
        kept.keep({run_id: series}, version=version, question=question)
    return series


def _within(
    tx: Transaction, run_id: str, names: Sequence[str], kinds: Mapping[str, str], window: Window
) -> Series:
    """The rows between two places on x, and one neighbour at either side."""
    x = window.x
    wanted = [name for name in dict.fromkeys(names) if name in kinds] or list(names[:1])
    first, last = _neighbours(tx, run_id, window) if x == "step" else (None, None)
    piece = _read(tx, run_id, wanted, x, first, last)
    places = axes.places(x, piece.numbers, piece.columns.get(axes.column_of(x) or ""))
    part = axes.between(places, window.start, window.stop)
    return _shown(tx, run_id, piece, places, part, wanted, kinds, x=x, points=window.points)


def _neighbours(tx: Transaction, run_id: str, window: Window) -> tuple[int | None, int | None]:
    """The last step before the window and the first one after it; None: none, or no bound."""
    ends: list[int | None] = [None, None]
    of_run = select(steps.c.step).where(steps.c.run_id == run_id).limit(1)
    if window.start is not None:
        before = of_run.where(steps.c.step < window.start).order_by(steps.c.step.desc())
        ends[0] = tx.connection.scalar(before)
    if window.stop is not None:
        after = of_run.where(steps.c.step > window.stop).order_by(steps.c.step)
        ends[1] = tx.connection.scalar(after)
    return ends[0], ends[1]


def _read(
    tx: Transaction, run_id: str, names: Sequence[str], x: str, start: int | None, stop: int | None
) -> chunks.Piece:
    along = axes.column_of(x)
    return chunks.read(tx, run_id, list(dict.fromkeys([*names, *([along] if along else [])])), start, stop)


def _shown(
    tx: Transaction,
    run_id: str,
    piece: chunks.Piece,
    places: Floats,
    part: slice,
    names: Sequence[str],
    kinds: Mapping[str, str],
    *,
    x: str,
    points: int | None,
) -> Series:
    """A part of the rows, thinned to so many points for each metric.

    Numbers come from the columns, values of other kinds from the rows themselves.
    """
    numbers, places = piece.numbers[part], places[part]
    cut = {name: (values[part], measured[part]) for name, (values, measured) in piece.columns.items()}
    total = len(numbers)
    kept, own = np.arange(total), {}
    if points is not None and total > points:
        own = {name: select_rows(numbers, cut[name], points) for name in names}
        kept = np.unique(np.concatenate([[0, total - 1], *own.values()]))
    chosen = numbers[kept]
    others = [name for name in names if kinds.get(name, "number") != "number"]
    values: dict[str, list[Any]] = {
        name: _listed(cut[name], kept) for name in names if name not in others
    } | _looked_up(tx, run_id, others, chosen, is_all=len(kept) == total)
    return Series(
        x_name=x,
        x=axes.told(x, places[kept], chosen),
        steps=chosen.tolist(),
        values={name: values[name] for name in names},
        total=total,
        sampled=len(kept) < total,
        origin=_origin(piece) if x == "elapsed" else None,
        kept={name: np.searchsorted(kept, rows).tolist() for name, rows in own.items()},
    )


def _origin(piece: chunks.Piece) -> float | None:
    """Seconds since 1970 of the first row."""
    first = piece.columns[WALL_TIME][0][:1].tolist()
    return float(first[0]) / 1e6 if first else None


def _listed(column: Column, kept: Numbers) -> list[float | None]:
    """The values of the rows that are kept; None where one was not measured."""
    values, measured = column[0][kept], column[1][kept]
    if measured.all():
        return list(values.tolist())
    return [value if there else None for value, there in zip(values.tolist(), measured.tolist(), strict=True)]


def _looked_up(
    tx: Transaction, run_id: str, names: Sequence[str], numbers: Numbers, *, is_all: bool
) -> dict[str, list[Any]]:
    """Texts and flags of the steps; `is_all`: there are no others between the first and the last."""
    if not names or not len(numbers):
        return {name: [] for name in names}
    of_run = steps.c.run_id == run_id
    if is_all:
        parts = [of_run & steps.c.step.between(int(numbers[0]), int(numbers[-1]))]
    else:
        chosen = numbers.tolist()
        pieces = [chosen[first : first + _AT_ONCE] for first in range(0, len(chosen), _AT_ONCE)]
        parts = [of_run & steps.c.step.in_(piece) for piece in pieces]
    found = [metrics_of(tx, part, names)[1] for part in parts]
    return {name: [value for values in found for value in values[name]] for name in names}
