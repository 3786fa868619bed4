"""The promises, checked on the database itself and against the same training undisturbed."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from system.launch import clean_environment

# Differ from one training to the next, however exact it is: clocks and what goes by them, and memory.
NOT_REPEATED = ("seconds", "memory", "eval_")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One run as its database has it."""

    id: str
    name: str
    state: str
    cause: str | None
    error: str | None
    spec: dict[str, Any]
    steps: list[tuple[int, int, dict[str, Any]]]  # step, attempt, metrics
    attempts: list[tuple[int, str | None, str | None, int | None]]  # number, ended_at, outcome, resumed_from


def read(database: Path) -> list[Recorded]:
    """All runs, straight from the file."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [
            Recorded(
                id=run_id,
                name=name,
                state=state,
                cause=cause,
                error=error,
                spec=json.loads(spec),
                steps=[
                    (step, attempt, json.loads(metrics))
                    for step, attempt, metrics in connection.execute(
                        "SELECT step, attempt, metrics FROM steps WHERE run_id = ? ORDER BY step", (run_id,)
                    )
                ],
                attempts=connection.execute(
                    "SELECT number, ended_at, outcome, resumed_from FROM attempts WHERE run_id = ? ORDER BY number",
                    (run_id,),
                ).fetchall(),
            )
            for run_id, name, state, cause, error, spec in connection.execute(
                "SELECT id, name, state, cause, error, spec FROM runs ORDER BY id"
            )
        ]
    finally:
        connection.close()


def check(run: Recorded) -> None:
    """Steps 1..n once each and in order, no attempt left open, all of the budget trained."""
    who = f"{run.name}: {run.state} {run.cause or ''} {run.error or ''}; attempts {run.attempts}"
    assert run.state == "completed", who
    numbers = [step for step, _, _ in run.steps]
    assert numbers == list(range(1, run.spec["budget"]["steps"] + 1)), who
    by = [attempt for _, attempt, _ in run.steps]
    assert by == sorted(by), f"{who}: a newer attempt's steps stand before an older one's"
    assert [number for number, *_ in run.attempts] == list(range(1, len(run.attempts) + 1)), who
    assert all(ended_at is not None for _, ended_at, *_ in run.attempts), who
    assert [outcome for _, _, outcome, _ in run.attempts].count("completed") == 1, who


def repeated(metrics: dict[str, Any]) -> dict[str, Any]:
    """What an exact repetition of a step has the same."""
    return {name: value for name, value in metrics.items() if not any(part in name for part in NOT_REPEATED)}


def undisturbed(specs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The metrics of each step of the same jobs, each trained at one go, by a process of their own."""
    program = (
        "import json, sys\n"
        "from hessianfree_lab.records import JobSpec\n"
        "from hessianfree_lab.training.session import Session\n"
        "for spec in json.load(sys.stdin):\n"
        "    session = Session(JobSpec.model_validate(spec))\n"
        "    print(json.dumps([records[0].model_dump(mode='json')['metrics'] for records in session]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(specs),
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
