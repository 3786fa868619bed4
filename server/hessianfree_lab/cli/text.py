"""How the command line writes ids, numbers and times."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from hessianfree_lab.records import Run

SHORT_ID = 8
MISSING = "–"
WIDTH_IN_PIPES = 200  # a table that goes to a file is not cut to some terminal's width


def short_id(run_id: str) -> str:
    """The end of an id: its beginning is the time and shared by all runs of a minute."""
    return run_id[-SHORT_ID:]


def number(value: float | None) -> str:
    """Four digits, as a table of losses wants them; NaN and infinities as such."""
    return MISSING if value is None else f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """`42 s`, `3:07`, `1:02:45`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def last(run: "Run", metric: str) -> float | None:
    """A metric's latest value."""
    return run.summary[metric].last if metric in run.summary else None


def best(run: "Run", metric: str) -> float | None:
    """A metric's least finite value."""
    return run.summary[metric].min if metric in run.summary else None


def state(run: "Run") -> str:
    """The state, with the cause of a failure and what a running job is waiting for."""
    if run.cause:
        return f"{run.state} ({run.cause.replace('_', ' ')})"
    if run.stop_requested:
        return "cancelling"
    if run.pause_requested and run.state == "running":
        return "pausing"
    if run.state == "paused" and not run.pause_requested:
        return "resuming"
    return "stale" if run.stale else run.state


def steps(run: "Run") -> str:
    """`12/100`; `12` where time or loss ends the run."""
    return f"{run.progress.step}/{run.progress.steps}" if run.progress.steps else str(run.progress.step)


def table(texts: Sequence[str], numbers: Sequence[str]) -> "Table":
    """A table with these headings, those of numbers, at the right, behind the others."""
    from rich.table import Table

    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in texts:
        made.add_column(heading, overflow="fold")
    for heading in numbers:
        made.add_column(heading, justify="right")
    return made


def print_table(table: "Table") -> None:
    """To standard output; names are shown as they are, square brackets included."""
    from rich.console import Console

    is_terminal = Console().is_terminal
    Console(width=None if is_terminal else WIDTH_IN_PIPES, markup=False).print(table)
