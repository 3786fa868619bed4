"""Thousands of runs in a moment: what the store would hold of them, put into its tables at once."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from hessianfree_lab.records import JobSpec
from hessianfree_lab.records.runs import PALETTE
from hessianfree_lab.store.engine import WRITES
from hessianfree_lab.store.ids import IdFactory
from hessianfree_lab.store.tables import attempts, runs, steps, summaries, tags

OPTIMIZERS = ("hessianfree", "adam", "sgd", "lbfgs")
PROBLEMS = ("digits-autoencoder", "digits-mlp", "rosenbrock")
STATES = (
    ("completed", None), ("completed", None), ("completed", None), ("failed", "diverged"),
    ("failed", "out_of_memory"), ("failed", "lost"), ("cancelled", None), ("queued", None),
)  # fmt: skip
CURVE = 24
"""Steps that are recorded of the youngest runs, for their small curves."""
BEGAN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def fill(
    engine: Engine, number: int, *, metrics: int = 30, keys: int = 40, curves: int = 0, seed: int = 0
) -> list[str]:
    """Put `number` runs in, oldest first, the youngest `curves` of them with steps; their ids.

    Run i has seed i, learning rate 10^-(i % 4), batch size 2^(i % 5), and its best loss is
    (i * 7919 % number) / number: a test can tell where each belongs.
    """
    chance = random.Random(seed)
    new_id = IdFactory()
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in (runs, summaries, tags, attempts, steps)}
    ids = []
    for index in range(number):
        run_id = new_id()
        ids.append(run_id)
        run = _run(run_id, index, keys)
        rows[runs].append(run)
        has_run = run["state"] != "queued"
        if has_run:
            rows[attempts].append(
                {"run_id": run_id, "number": 1, "started_at": run["started_at"], "ended_at": run["ended_at"]}
            )
            rows[summaries] += _summaries(run_id, index, number, metrics, run, chance)
        if index % 3 == 0:
            rows[tags].append(
                {"run_id": run_id, "position": 0, "tag": ("paper", "draft", "night")[index % 9 // 3]}
            )
        if has_run and index >= number - curves:
            rows[steps] += _curve(run_id, run["cause"] == "diverged")
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        for table, content in rows.items():
            if content:
                connection.execute(insert(table), content)
    return ids


def _run(run_id: str, index: int, keys: int) -> dict[str, Any]:
    optimizer, problem = OPTIMIZERS[index % 4], PROBLEMS[index % 3]
    state, cause = STATES[index * 5 % len(STATES)]
    created = BEGAN + timedelta(minutes=index)
    options, settings = range(keys // 2), range(keys - keys // 2)
    spec = JobSpec(
        problem=problem,
        optimizer=optimizer,
        problem_params={"batch_size": 2 ** (index % 5)} | {f"option_{n}": n * index % 17 for n in options},
        optimizer_params={"lr": 10.0 ** -(index % 4)} | {f"setting_{n}": f"value {n}" for n in settings},
        seed=index,
    )  # fmt: skip
    has_run = state != "queued"
    return {
        "id": run_id, "kind": "job", "name": f"{optimizer} on {problem} {index}", "problem": problem,
        "optimizer": optimizer, "spec": spec.model_dump(mode="json"), "cuda_device": None, "gpus": 0,
        "state": state, "cause": cause, "error": f"It {cause}." if cause else None, "stop_requested": False,
        "priority": 0, "attempt": int(has_run), "max_attempts": 3, "since_attempt": 1, "worker_id": None,
        "created_at": created, "started_at": created if has_run else None,
        "ended_at": created + timedelta(minutes=30) if has_run else None, "heard_at": None, "silent": False,
        "step": 100 if state == "completed" else 40 * has_run, "steps": 100, "seconds": 12.5 * has_run,
        "seconds_per_step": None, "environment": {"python": "3.11", "torch": "2.13"}, "notes": "",
        "archived": False, "pinned": False, "colour": index % PALETTE,
    }  # fmt: skip


def _summaries(
    run_id: str, index: int, number: int, metrics: int, run: dict[str, Any], chance: random.Random
) -> list[dict[str, Any]]:
    names = ["loss", "eval_loss", "gradient_norm", *(f"measure_{name}" for name in range(metrics - 3))]
    found = []
    for place, name in enumerate(names):
        least = index * 7919 % number / number if name == "loss" else chance.random() * 10.0**-place
        odd = "NaN" if run["cause"] == "diverged" and place < 2 else None
        found.append(
            {"run_id": run_id, "metric": name, "kind": "number", "first_step": 1, "first": least * 4 + 1,
             "odd_first": None, "last_step": run["step"], "last": None if odd else least * 1.5, "odd_last": odd,
             "min": least, "best_step": run["step"] - 1, "max": least * 4 + 1}
        )  # fmt: skip
    return found


def _curve(run_id: str, diverges: bool) -> list[dict[str, Any]]:
    chance = random.Random(run_id)
    pace, noise = chance.uniform(0.05, 0.4), chance.uniform(0.0, 0.08)
    rows = []
    for step in range(1, CURVE + 1):
        loss: Any = math.exp(-pace * step) + noise * chance.random()
        if diverges and step > CURVE * 2 // 3:
            loss = "NaN" if step > CURVE * 5 // 6 else loss * 3.0 ** (step - CURVE * 2 // 3)
        rows.append(
            {"run_id": run_id, "step": step, "attempt": 1, "wall_time": BEGAN + timedelta(seconds=step),
             "seconds": step / 2, "metrics": {"loss": loss}}
        )  # fmt: skip
    return rows
