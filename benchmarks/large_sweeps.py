"""A sweep of 1,000 configurations with three seeds: how soon it is taken, and how soon its page and report are there.

    python benchmarks/large_sweeps.py [--rounds 5]

The server is a process of its own, on SQLite. Of the filled sweep every run has ended with a loss, but for each
eleventh, which diverged; what is asked for is asked in turns.
"""

import argparse
import math
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from machine import processor
from service import server
from sqlalchemy import bindparam, insert, select, update

from hessianfree_lab.client import Client
from hessianfree_lab.records import (
    Announcement,
    Device,
    OptimizerInfo,
    ProblemInfo,
)
from hessianfree_lab.store.engine import WRITES, make_engine
from hessianfree_lab.store.tables import runs, summaries

NUMBER = {"type": "number", "exclusiveMinimum": 0, "default": 1.0}
WHOLE = {"type": "integer", "minimum": 1, "default": 10}
DAMPING, ROUNDS, BATCH = (
    "optimizer_params.damping",
    "optimizer_params.cg_max_iter",
    "problem_params.batch_size",
)
SPACE = {
    DAMPING: {"low": 0.1, "high": 1.0, "step": 0.1},
    ROUNDS: {"low": 1, "high": 10},
    BATCH: [50 * number for number in range(1, 11)],
}
SWEEP = {"base": {"problem": "bowl"}, "search": {"method": "grid", "space": SPACE}, "seeds": [0, 1, 2]}
TRIALS = 1_000


def announced() -> Announcement:
    """A worker that there is not; the server checks the sweep against what it says."""
    problem = {"properties": {"batch_size": WHOLE}, "type": "object"}
    optimizer = {"properties": {"damping": NUMBER, "cg_max_iter": WHOLE}, "type": "object"}
    return Announcement(
        name="nobody",
        host="here",
        pid=1,
        devices=[Device(name="cpu")],
        problems=[ProblemInfo(name="bowl", title="Bowl", description="", params_schema=problem)],
        optimizers=[OptimizerInfo(name="hessianfree", title="HF", description="", params_schema=optimizer)],
    )


def line(what: str, seconds: list[float], size: int | None = None) -> str:
    kilobytes = "" if size is None else f"{size / 1000:8,.0f}"
    return f"| {what} | {statistics.median(seconds):.2f} | {max(seconds):.2f} | {kilobytes.strip()} |"


def submitted(client: Client, rounds: int) -> str:
    """The id of the last one; all before it are cancelled."""
    client.register(announced())
    answers, queued = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        sweep = client.sweeps.submit(SWEEP)
        answers.append(time.perf_counter() - began)
        while client.sweeps.get(sweep.id).trials["queued"] < TRIALS:
            time.sleep(0.01)
        queued.append(time.perf_counter() - began)
        if len(answers) < rounds:
            client.sweeps.cancel(sweep.id)
    print(line("`POST /sweeps`, its answer", answers))
    print(line("until all 3,000 runs are queued", queued))
    return sweep.id


def trained(database: Path) -> None:
    """Every run has ended: with a loss that depends on its settings, or diverged. Put into the tables at once."""
    engine = make_engine(f"sqlite:///{database}")
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        queued = connection.execute(
            select(runs.c.id, runs.c.spec).where(runs.c.state == "queued").order_by(runs.c.id)
        )
        losses = {}
        for row in queued.all():
            params, seed = row.spec["optimizer_params"], row.spec["seed"]
            losses[row.id] = math.log10(params["damping"]) ** 2 + 0.01 * params["cg_max_iter"] + 0.001 * seed
        ended = update(runs).where(runs.c.id == bindparam("run"))
        states = [
            ("failed", "diverged") if place % 11 == 0 else ("completed", None) for place in range(len(losses))
        ]
        connection.execute(
            ended.values(
                state=bindparam("how"),
                cause=bindparam("why"),
                step=10,
                seconds=10.0,
                ended_at=datetime.now(UTC),
            ),
            [{"run": run, "how": how, "why": why} for run, (how, why) in zip(losses, states, strict=True)],
        )
        ends = {"first_step": 1, "last_step": 10, "best_step": 10}
        connection.execute(
            insert(summaries),
            [
                {
                    "run_id": run,
                    "metric": "loss",
                    "kind": "number",
                    "first": loss + 1,
                    "last": loss,
                    "min": loss,
                    "max": loss + 1,
                }
                | ends
                for run, loss in losses.items()
            ],
        )
    engine.dispose()


def read(url: str, sweep: str, rounds: int) -> None:
    api = f"/api/v1/sweeps/{sweep}"
    paths = {
        "its page": f"/sweeps/{sweep}",
        "the first 50 trials, by value": f"{api}/trials?sort=value",
        "figure: progress": f"{api}/figures/history",
        "figure: importance": f"{api}/figures/importance",
        "figure: parallel coordinates": f"{api}/figures/parallel",
        "figure: a slice": f"{api}/figures/slice?param={DAMPING}",
        "figure: the map": f"{api}/figures/map?x={DAMPING}&y={ROUNDS}",
        "report, as JSON": f"{api}/report",
        "report, as one file": f"{api}/report.html",
    }
    times: dict[str, list[float]] = {what: [] for what in paths}
    sizes = {}
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        for _ in range(rounds):
            for what, path in paths.items():
                began = time.perf_counter()
                answer = client.get(path).raise_for_status()
                times[what].append(time.perf_counter() - began)
                sizes[what] = len(answer.content)
    for what, seconds in times.items():
        print(line(what, seconds, sizes[what]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} "
        f"before; python benchmarks/large_sweeps.py --rounds {rounds}\n"
    )
    print("| what | s, median | s, longest | kB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with server(folder) as (url, _), Client(url) as client:
            sweep = submitted(client, rounds)
        (folder / "url").unlink()
        trained(folder / "data" / "hessianfree.sqlite")
        with server(folder) as (url, _):
            read(url, sweep, rounds)


if __name__ == "__main__":
    main()
