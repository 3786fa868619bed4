"""The raw numbers of the evidence: a file with a row for each run, and one with a row for each new low of its loss."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from trials import Mark, Measure, Outcome

Kind = Literal["trial", "seed", "scan"]

RUN_COLUMNS = ("run", "measure", "contest", "contender", "kind", "number", "settings", "failed", "lowest")
MARK_COLUMNS = ("run", "seconds", "equivalents", "loss")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a contender: a trial, the winner with another seed, or the winner with its main setting moved."""

    measure: Measure
    contest: str
    contender: str
    kind: Kind
    number: int
    settings: str  # "lr 0.01, batch_size all"
    outcome: Outcome


class Recorder:
    """Writes runs as they end: what is measured is kept whatever happens to the measurement."""

    def __init__(self, stem: Path, circumstances: str) -> None:
        """Makes STEM.csv and STEM-losses.csv."""
        self._runs, self._marks = files_of(stem)
        self._runs.write_text(f"# {circumstances}\n{','.join(RUN_COLUMNS)}\n", encoding="utf-8")
        self._marks.write_text(f"{','.join(MARK_COLUMNS)}\n", encoding="utf-8")
        self._count = 0

    def add(self, run: Run) -> None:
        """A run, and of its marks the first, each new low, and the last."""
        number, outcome = self._count, run.outcome
        self._count += 1
        told = [run.measure, run.contest, run.contender, run.kind, run.number, run.settings, outcome.failed]
        _append(self._runs, [[number, *told, f"{outcome.lowest:.6g}"]])
        _append(
            self._marks,
            (
                [number, *(f"{value:.6g}" for value in (mark.seconds, mark.equivalents, mark.loss))]
                for mark in _lows(outcome.marks)
            ),
        )


def files_of(stem: Path) -> tuple[Path, Path]:
    return stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}-losses.csv")


def recorded(stem: Path) -> tuple[list[str], list[Run]]:
    """The circumstances, a line each, and the runs that a `Recorder` wrote."""
    runs, marks = files_of(stem)
    lines = runs.read_text(encoding="utf-8").splitlines()
    circumstances = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    of_run: dict[str, list[Mark]] = {}
    with marks.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = {name: float(row[name]) for name in MARK_COLUMNS[1:]}
            of_run.setdefault(row["run"], []).append(Mark(**values))
    rows = csv.DictReader(line for line in lines if not line.startswith("# "))
    return circumstances, [_run(row, of_run.get(row["run"], [])) for row in rows]


def joined(stems: Sequence[Path], into: Path) -> None:
    """What several measurements recorded, as one record."""
    found = [recorded(stem) for stem in stems]
    recorder = Recorder(into, "\n# ".join(line for lines, _ in found for line in lines))
    for _, runs in found:
        for run in runs:
            recorder.add(run)


def _run(row: dict[str, Any], marks: Sequence[Mark]) -> Run:
    return Run(
        measure=cast(Measure, row["measure"]),
        contest=row["contest"],
        contender=row["contender"],
        kind=cast(Kind, row["kind"]),
        number=int(row["number"]),
        settings=row["settings"],
        outcome=Outcome(marks=marks, failed=row["failed"]),
    )


def _lows(marks: Sequence[Mark]) -> Iterator[Mark]:
    lowest = None
    for index, mark in enumerate(marks):
        if lowest is None or mark.loss < lowest or index == len(marks) - 1:
            lowest = mark.loss if lowest is None else min(lowest, mark.loss)
            yield mark


def _append(file: Path, rows: Iterable[Sequence[Any]]) -> None:
    with file.open("a", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows(rows)
