"""Live progress of runs: bars on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from hessianfree_lab.cli import text
from hessianfree_lab.cli.following import has_ended

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from hessianfree_lab.records import Run

SECONDS_BETWEEN_LINES = 2.0


class ProgressView(Protocol):
    """Shows runs; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, run: "Run") -> None:
        """`run` is what is known now."""


def progress_view() -> ProgressView:
    """What fits standard output."""
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    return Bars(console) if console.is_terminal else Lines()


def fraction(run: "Run") -> float | None:
    """How much of the budget is spent, by steps or by seconds, whichever is further; None: nothing says."""
    budget = run.spec.get("budget") or {}
    shares = [
        spent / planned
        for spent, planned in (
            (run.progress.step, run.progress.steps),
            (run.progress.seconds, budget.get("seconds")),
        )
        if planned
    ]
    return min(max(shares), 1.0) if shares else None


class Bars:
    """One bar a run."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[state]}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[steps]}", justify="right", markup=False),
            TextColumn("loss {task.fields[loss]}", markup=False),
            TextColumn("{task.fields[left]}", justify="right", markup=False),
            console=console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, run: "Run") -> None:
        spent = 1.0 if run.state == "completed" else fraction(run)
        left = (
            text.duration(run.progress.seconds)
            if has_ended(run)
            else f"ETA {text.duration(run.progress.eta_seconds)}"
        )
        fields: dict[str, Any] = {
            "state": text.state(run),
            "steps": text.steps(run),
            "loss": text.number(text.last(run, "loss")),
            "left": left,
        }
        if run.id not in self._tasks:
            self._tasks[run.id] = self._progress.add_task(run.name, total=None, **fields)
        # Without a total the bar pulses: it runs, and nobody knows how long.
        is_open_ended = spent is None and run.state == "running"
        self._progress.update(
            self._tasks[run.id], total=None if is_open_ended else 1.0, completed=spent or 0.0, **fields
        )


class Lines:
    """One line when a run starts and ends, and now and then between."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[str, int, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to tidy up."""

    def show(self, run: "Run") -> None:
        now = time.monotonic()
        state, step, shown_at = self._shown.get(run.id, ("", -1, 0.0))
        is_news = state != text.state(run) or (
            step != run.progress.step and now - shown_at >= SECONDS_BETWEEN_LINES
        )
        if not is_news:
            return
        self._shown[run.id] = (text.state(run), run.progress.step, now)
        words = [
            f"{run.name}: {text.state(run)}, step {text.steps(run)}, loss {text.number(text.last(run, 'loss'))}"
        ]
        if run.state == "running":
            words.append(f"ETA {text.duration(run.progress.eta_seconds)}")
        print(", ".join(words), flush=True)
