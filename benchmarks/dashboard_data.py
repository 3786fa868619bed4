"""What the dashboard's benchmark looks at: a database filled through the store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from hessianfree_lab.records import FinishRequest, IngestBatch, ScriptRun, StepRecord
from hessianfree_lab.store import Store, open_store

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS_PER_STEP = 0.05
BATCH = 5000
METRICS = tuple(f"metric_{number}" for number in range(9))
STEPS = (1_000_000, 10_000, 1_000)
"""Of the long run, the ten, and the ninety."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Where the database is, and the ids of the runs in it."""

    data: Path
    long: str  # a million steps
    ten: tuple[str, ...]  # ten thousand steps of ten metrics
    hundred: tuple[str, ...]  # the ten and ninety of a thousand steps
    live: tuple[str, ...]  # that go on, with some hundred steps
    runs: int  # all of them


def fill(data: Path, *, runs: int, live: int, steps: tuple[int, int, int] = STEPS) -> Lab:
    """A lab of `runs` runs, `live` of them running."""
    of_long, of_ten, of_short = steps
    data.mkdir(parents=True, exist_ok=True)
    store = open_store(f"sqlite:///{data / 'hessianfree.sqlite'}", lease_seconds=3600)
    long = _run(store, "the long one", of_long, ("loss",), seed=0)
    ten = [_run(store, f"ten metrics {n}", of_ten, ("loss", *METRICS), seed=n) for n in range(10)]
    short = [_run(store, f"short {n}", of_short, ("loss",), seed=n) for n in range(90)]
    going = [_run(store, f"live {n}", 200, ("loss",), seed=n, ends=False) for n in range(live)]
    for number in range(runs - 1 - len(ten) - len(short) - len(going)):
        _run(store, f"run {number}", 2, ("loss", "eval_loss", "gradient_norm"), seed=number)
    store.close()
    return Lab(data=data, long=long, ten=tuple(ten), hundred=(*ten, *short), live=tuple(going), runs=runs)


def _run(store: Store, name: str, steps: int, metrics: Sequence[str], *, seed: int, ends: bool = True) -> str:
    run = store.add_script_run(
        ScriptRun(name=name, problem="quadratic", optimizer="hessianfree", config={"seed": seed})
    )
    for batch in _batches(steps, metrics, seed):
        store.append(run.id, batch)
    if ends:
        store.finish(run.id, FinishRequest(state="completed"))
    return run.id


def _batches(steps: int, metrics: Sequence[str], seed: int) -> Iterator[IngestBatch]:
    """A loss that falls, with noise and a spike; the others likewise."""
    source = np.random.default_rng(seed)
    columns = {}
    for metric in metrics:
        walk = np.exp(np.cumsum(source.normal(0, 0.01, steps)) - np.linspace(0, 3, steps))
        walk[steps // 3] = 50.0
        columns[metric] = (walk * source.lognormal(0, 0.1, steps)).tolist()
    for first in range(0, steps, BATCH):
        yield IngestBatch(
            steps=[
                StepRecord(
                    step=row + 1,
                    wall_time=BEGAN + timedelta(seconds=SECONDS_PER_STEP * row),
                    seconds=SECONDS_PER_STEP * (row + 1),
                    metrics={metric: values[row] for metric, values in columns.items()},
                )
                for row in range(first, min(steps, first + BATCH))
            ]
        )
